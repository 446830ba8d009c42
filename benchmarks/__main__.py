"""Measure minigrad beside torch, in parts that are kept one by one.

    python -m benchmarks [PART …] [--named TEXT] [--rounds N] [--threads N] [--minutes N | --quick] [--fresh]
    python -m benchmarks report
    python -m benchmarks gpu …

writes a file for the processor in the folder results beside this file, after every measurement; then plots in
docs/images and the README's section on speed, from the files of all processors (``report`` does only that). A run that
was stopped continues: what was measured with the same code, libraries, processor and options is kept (``--fresh``
forgets it). The most important parts come first, nothing goes on after ``--minutes``, and what needs more time than is
left is not begun: the same command measures it the next time. ``gpu`` needs a GPU and runs alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import machine, report
from benchmarks.measure import CandidateError, Setting, TimeUpError
from benchmarks.parts import PARTS, Unit, units
from benchmarks.results import Results
from minigrad.system import cores

FOLDER = machine.ROOT / "benchmarks/results"
ROUNDS, MINUTES = 3, 29.0
QUICK_ROUNDS, QUICK_MINUTES = 2, 4.0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"which (all): {', '.join(PARTS)}; or: report")
    parser.add_argument("--named", default="", metavar="TEXT", help="only measurements with this in their name")
    parser.add_argument("--rounds", type=int, help=f"how often all candidates take turns ({ROUNDS})")
    parser.add_argument("--threads", type=int, default=cores(), help="threads of every candidate (%(default)s)")
    parser.add_argument("--minutes", type=float, help=f"end after this time ({MINUTES:g})")
    parser.add_argument("--quick", action="store_true", help=f"--minutes {QUICK_MINUTES:g} --rounds {QUICK_ROUNDS}")
    parser.add_argument("--fresh", action="store_true", help="keep nothing of an earlier run")
    parser.add_argument("--output", type=Path, help="another results file, or a folder; the README and plots stay")
    parser.add_argument("--rehearse", action="store_true", help="measure small sizes, to see whether everything runs")
    options = parser.parse_args(arguments)
    unknown = set(options.parts) - {*PARTS, "report"}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}. The parts are: {', '.join(PARTS)}")
    if options.rehearse and options.output is None:
        parser.error("--rehearse needs --output, since small sizes are no results")
    options.minutes = options.minutes or (QUICK_MINUTES if options.quick else MINUTES)
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    return options


class Missing(NamedTuple):
    """How many measurements failed, and how many had no time."""

    failed: int
    later: int


def run(chosen: Sequence[Unit], results: Results, setting: Setting) -> Missing:
    """Measure what is not yet in the results, and return how many measurements are missing."""
    versions, code = machine.versions(), machine.code()
    stamp = {
        "code": code,
        "versions": versions,
        "machine": machine.describe(setting.threads),
        "rounds": setting.rounds,
    }
    failed = later = 0
    for unit in chosen:
        label = f"{unit.part}: {unit.name}"
        if results.has(unit.part, unit.name, stamp):
            print(f"{label}: kept", flush=True)
            continue
        start = time.monotonic()
        try:
            if setting.left() < unit.seconds:
                raise TimeUpError
            print(f"{label} …", flush=True)
            found = unit.run(setting)
        except TimeUpError:
            print(f"{label}: no time left for about {unit.seconds:.0f} s", flush=True)
            later += 1
            continue
        except CandidateError as failure:
            found = {"failed": str(failure)}
            failed += 1
        seconds = time.monotonic() - start
        results.keep(unit.part, unit.name, stamp, found, seconds)
        print(f"{label}: {report.brief(found)} ({seconds:.0f} s)", flush=True)
    return Missing(failed, later)


def main(arguments: Sequence[str]) -> int:
    """Run the command line, and return the exit status."""
    if arguments[:1] == ["gpu"]:
        from benchmarks import gpu

        gpu.main(list(arguments[1:]))
        return 0
    options = parse(arguments)
    missing = Missing(0, 0)
    if options.parts != ["report"]:
        began = time.monotonic()
        setting = Setting(options.threads, options.rounds, deadline=began + 60 * options.minutes)
        path = options.output or FOLDER
        if path == FOLDER or path.is_dir():
            path /= f"{machine.slug(machine.processor(), machine.bits())}.json"
        results = Results(path)
        if options.fresh:
            results.forget(options.parts or PARTS)
        command = " ".join(["python -m benchmarks", *arguments])
        results.describe(machine.describe(options.threads), machine.versions(), command)
        chosen = [
            unit
            for unit in units(options.rehearse, options.threads)
            if unit.part in (options.parts or PARTS) and options.named in unit.name
        ]
        missing = run(chosen, results, setting)
        print(
            f"{results.path} has {len(chosen) - sum(missing)} of {len(chosen)} measurements "
            f"({time.monotonic() - began:.0f} s); {missing.failed} failed, and {missing.later} had no time: "
            "the same command goes on with them"
            if any(missing)
            else f"{results.path} has all {len(chosen)} measurements ({time.monotonic() - began:.0f} s)"
        )
    if options.output is None:
        report.write(FOLDER)
    return min(missing.failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
