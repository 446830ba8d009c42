"""Read damaged files, and count what comes of it.

python -m tests.fuzz idx --seed 1 --count 1000      one reader
python -m tests.fuzz all --save                     all of them, 100,000 cases each (10,000 of images, folders and .pth)
python -m tests.fuzz write-table                    write what was saved last as a table into docs/reliability.md
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from minigrad.testing.pages import replace_section
from tests.fuzz import runs
from tests.fuzz.cases import BAD, GOOD
from tests.fuzz.readers import all_readers

SAVED = Path(__file__).with_name("results.json")
PAGE = Path(__file__).parents[2] / "docs/reliability.md"
_STEP = 5_000  # cases of one reader at a time


def table() -> str:
    """Return what was saved, as a table in Markdown."""
    columns = ("tried", *GOOD, *BAD)
    lines = [f"| reader | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, counts in json.loads(SAVED.read_text(encoding="utf-8")).items():
        lines.append(f"| {name} | " + " | ".join(f"{counts[c]:,}" if counts.get(c) else "" for c in columns) + " |")
    return "\n".join(lines)


def _save(name: str, seed: int, result: runs.Result) -> None:
    saved = json.loads(SAVED.read_text(encoding="utf-8")) if SAVED.exists() else {}
    saved[name] = {"seed": seed, "tried": result.tried, **dict(sorted(result.outcomes.items()))}
    ordered = {name: saved[name] for name in all_readers() if name in saved}
    SAVED.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Run the command line, and return the exit status: 1 if a case failed."""
    readers = all_readers()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", choices=[*readers, "all", "write-table"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, help="cases of each reader")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--save", action="store_true", help=f"keep the counts in {SAVED.name}")
    options = parser.parse_args()
    if options.reader == "write-table":
        replace_section(PAGE, "fuzz", table())
        return 0
    bad = 0
    for name, reader in readers.items():
        if options.reader not in (name, "all"):
            continue
        began, whole = time.monotonic(), runs.Result()
        end = options.first + (options.count or reader.count)
        for first in range(options.first, end, _STEP):
            part = runs.run(name, reader, options.seed, range(first, min(first + _STEP, end)))
            whole.tried += part.tried
            whole.outcomes += part.outcomes
            whole.failures += part.failures
        counts = ", ".join(f"{count:,} {outcome}" for outcome, count in whole.outcomes.most_common())
        print(f"{name}: {whole.tried:,} cases in {time.monotonic() - began:.0f} s: {counts}", flush=True)
        for line in whole.failures[:20]:
            print(f"  {line}", flush=True)
        bad += whole.bad
        if options.save:
            _save(name, options.seed, whole)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
