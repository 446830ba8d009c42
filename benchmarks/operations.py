"""Measure the time of a training step of minigrad by phase and operation.

    python -m benchmarks.operations CASE

prints one JSON list of [operation, phase, seconds a step], the longest first.
"""

from __future__ import annotations

import json
import sys

from benchmarks import cases

STEPS, SHOWN = 3, 16


def measure(case: str) -> list[tuple[str, str, float]]:
    """Return the operations that take longest in a step."""
    from minigrad import profiler

    step = cases.build(cases.MINIGRAD, case)
    for _ in range(2):
        step()
    with profiler.profile() as taken:
        for _ in range(STEPS):
            step()
    rows = [(row.name, row.phase, round(row.seconds / STEPS, 5)) for row in taken.key_averages()]
    return sorted(rows, key=lambda row: -row[2])[:SHOWN]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
