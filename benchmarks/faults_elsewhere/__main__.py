"""Put the same faults into four programs, and print what they came to.

python -m benchmarks.faults_elsewhere                     every fault that was not tried with these versions
python -m benchmarks.faults_elsewhere --fault TEXT        those with this in their name, anew
python -m benchmarks.faults_elsewhere write-table         write what was saved as a table into docs/reliability.md

After each fault, what was found is saved in results-faults.json beside this package.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks import machine
from benchmarks.faults_elsewhere.trial import FAULTS, Outcome, outcome
from minigrad.files import write_atomically
from minigrad.system import cores
from minigrad.testing.pages import replace_section

SAVED = machine.ROOT / "benchmarks/results-faults.json"
PAGE = machine.ROOT / "docs/reliability.md"
#: By name: the module, and the package whose version it depends on.
PROGRAMS = {
    "plain script": ("plain", "torch"),
    "Lightning": ("with_lightning", "lightning"),
    "Accelerate": ("with_accelerate", "accelerate"),
    "minigrad": ("with_minigrad", "minigrad"),
}


def table(saved: dict[str, Any]) -> str:
    """Return what was saved, as a table in Markdown."""
    lines = [
        f"{', '.join(f'{name} {number}' for name, number in saved['versions'].items())}; {saved['processor']}, "
        f"{saved['cores']} cores.",
        "",
        f"| fault | {' | '.join(PROGRAMS)} |",
        f"|---|{'---|' * len(PROGRAMS)}",
    ]
    for fault in FAULTS:
        found = saved["faults"].get(fault)
        if found:
            lines.append(f"| {fault} | {' | '.join(in_words(Outcome(**found[name])) for name in PROGRAMS)} |")
    return "\n".join(lines)


def in_words(found: Outcome) -> str:
    """Return an outcome as a cell of the table."""
    numbers = [] if found.lost is None else [f"{found.lost} step{'s' * (found.lost != 1)} again"]
    numbers += [] if found.seconds is None else [f"{found.seconds:.1f} s"]
    return found.words + (f" ({', '.join(numbers)})" if numbers else "")


def described() -> dict[str, Any]:
    """Return the machine and the versions that results belong to."""
    versions = {name: _version(package) for name, (_, package) in PROGRAMS.items()}
    absent = [PROGRAMS[name][1] for name, number in versions.items() if not number]
    if absent:
        sys.exit(f"not installed: {', '.join(absent)}. benchmarks/faults_elsewhere/__init__.py shows how to install it")
    return {"versions": versions, "processor": machine.processor(), "cores": cores()}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.faults_elsewhere",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=["write-table"])
    parser.add_argument("--fault", metavar="TEXT", help=f"which: {', '.join(FAULTS)}")
    options = parser.parse_args()
    saved = json.loads(SAVED.read_text(encoding="utf-8")) if SAVED.exists() else {}
    if options.what:
        replace_section(PAGE, "faults-elsewhere", table(saved))
        return 0
    here = described()
    if {**saved, "faults": None} != {**here, "faults": None}:
        saved = {**here, "faults": {}}  # of other versions, or of another machine
    for fault in FAULTS:
        if options.fault in fault if options.fault else fault not in saved["faults"]:
            found = {name: outcome(module, fault) for name, (module, _) in PROGRAMS.items()}
            print(f"{fault}: " + "; ".join(f"{name} {in_words(each)}" for name, each in found.items()), flush=True)
            saved["faults"][fault] = {name: each._asdict() for name, each in found.items()}
            write_atomically(SAVED, (json.dumps(saved, indent=1) + "\n").encode())
    return 0


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
