"""A process that runs one case for one candidate, as often as the parent process says.

    python -m benchmarks.worker CANDIDATE CASE THREADS

builds the case and writes one line of JSON. Then it reads numbers of repeats, a line each, and answers each with a
line: the seconds of every repeat (for training steps also of each phase), their values and the peak memory so far.
"""

from __future__ import annotations

import json
import math
import os
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import cases


def peak_memory() -> float:
    """Return the peak memory of this program in MB. (On Linux, getrusage includes the parent process.)"""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def repeated(work: cases.Work, repeats: int) -> dict[str, Any]:
    """Run a case some times."""
    phases, values = [], []
    for _ in range(repeats):
        times, value = work()
        phases.append([after - before for before, after in pairwise(times)])
        values.append(value)
    return {"seconds": [sum(p) for p in phases], "phases": phases, "values": values, "peak_mb": peak_memory()}


class Compilations:
    """Counter of what Numba compiles in this process: with compilation, its time and peak memory are not the case's."""

    def __init__(self, candidate: str) -> None:
        self.count = 0
        try:
            if candidate != cases.MINIGRAD:
                return
            from numba.core import event
        except ImportError:
            return

        counter = self

        class Listener(event.Listener):  # type: ignore[misc]
            def on_start(self, event: Any) -> None:
                counter.count += 1

            def on_end(self, event: Any) -> None:
                pass

        event.register("numba:compile", Listener())


def main() -> None:
    candidate, case, threads = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes to the log
    compilations = Compilations(candidate)
    engine = cases.engine_of(candidate)
    if engine in ("minigrad", "torch"):
        import_module(engine).set_num_threads(int(threads))
    work = cases.build(candidate, case)
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        answer = repeated(work, int(line))
        print(json.dumps({**answer, "compilations": compilations.count}), file=answers)


if __name__ == "__main__":
    main()
