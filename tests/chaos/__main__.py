"""``python -m tests.chaos``: put faults into runs, and print how they ended."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from minigrad.kernels.threads import set_num_threads
from minigrad.testing.pages import replace_section
from tests.chaos import small_run
from tests.chaos.catalogue import FAULTS
from tests.chaos.table import table
from tests.chaos.trial import Laboratory, Trial
from tests.chaos.verdict import Verdict

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE, TRIALS = DOCS / "reliability.md", DOCS / "faults.jsonl"


def main() -> int:
    """Carry out trials; return 1 if one of them went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="decides everything that is random (0)")
    parser.add_argument("--faults", type=int, default=len(FAULTS), help="number of faults (one of each)")
    parser.add_argument("--only", type=int, metavar="N", help="only fault number N of this seed")
    parser.add_argument("--kind", action="append", choices=list(FAULTS), help="only this kind, or these")
    parser.add_argument("--quick", action="store_true", help="one epoch of steps that take no time; all else is real")
    parser.add_argument("--minutes", type=float, help="begin no fault after this time")
    parser.add_argument("--json", type=Path, help="add a line for each fault to this file")
    parser.add_argument("--table", type=Path, nargs="+", help="print the table of such files, and do nothing else")
    parser.add_argument("--write-table", action="store_true", help="write docs/faults.jsonl as the table of its page")
    parser.add_argument("--list", action="store_true", help="print the faults")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name:28}{(setup.__doc__ or '').splitlines()[0]}" for name, setup in FAULTS.items()))
        return 0
    if options.table:
        print(table([trial_of(line) for path in options.table for line in path.read_text("utf-8").splitlines()]))
        return 0
    if options.write_table:
        write_table()
        return 0
    os.environ.setdefault("TQDM_DISABLE", "1")
    set_num_threads(1)  # so that this process, of which the others are copies, has one thread
    small_run.draw_one_pixel()
    if options.quick:
        small_run.compute_nothing()
    trials = []
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        laboratory = Laboratory(Path(folder), options.seed, options.kind, options.quick)
        began = time.monotonic()
        for number in range(options.faults) if options.only is None else [options.only]:
            if options.minutes is not None and time.monotonic() - began > 60 * options.minutes:
                break
            trials.append(laboratory.trial(number))
            report(trials[-1], options)
    print(table(trials))
    return int(any(not trial.verdict.good for trial in trials))


def write_table() -> None:
    """Write the table of ``docs/faults.jsonl`` into docs/reliability.md."""
    replace_section(PAGE, "faults", table_of_trials())


def table_of_trials() -> str:
    """Return ``docs/faults.jsonl`` as a table."""
    return table([trial_of(line) for line in TRIALS.read_text("utf-8").splitlines()])


def report(trial: Trial, options: argparse.Namespace) -> None:
    """Print a trial as a line, and if it went wrong, the command that repeats it."""
    state = trial.verdict.outcome if trial.verdict.good else f"WRONG: {trial.verdict.problem}"
    print(
        f"{trial.number:5} {trial.fault:28}{state}  ({trial.variant}; {trial.told}; {trial.seconds:.1f} s)", flush=True
    )
    if not trial.verdict.good:
        kinds = " --quick" * options.quick + "".join(f" --kind {kind!r}" for kind in options.kind or ())
        print(f"      python -m tests.chaos --seed {options.seed} --only {trial.number}{kinds}", flush=True)
    if options.json is not None:
        with open(options.json, "a", encoding="utf-8") as file:
            file.write(line_of(trial, options.seed) + "\n")


def line_of(trial: Trial, seed: int) -> str:
    """Return a trial as JSON."""
    words = {"seed": seed, **trial._asdict(), "verdict": trial.verdict.outcome, "problem": trial.verdict.problem}
    return json.dumps({**words, "seconds": round(trial.seconds, 2)})


def trial_of(line: str) -> Trial:
    """Return the trial that :func:`line_of` turned into JSON."""
    words = json.loads(line)
    return Trial(
        words["number"], words["fault"], words["variant"], words["told"],
        Verdict(words["verdict"], words["problem"]), words["seconds"],
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
