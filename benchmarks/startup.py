"""Measure what a program waits for before its first step: the import, the initial weights, and compilation.

    python -m benchmarks.startup

prints the seconds of the first and of the second training step in this process.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.measure import Setting, child


def importing(setting: Setting) -> dict[str, Any]:
    """Return the seconds that an import takes after the interpreter's start, with Python's caches filled."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def start(code: str, folder: str) -> float:
        begin = time.perf_counter()
        variables = {**kept, "PYTHONPYCACHEPREFIX": folder}
        subprocess.run([sys.executable, "-c", code], check=True, env=variables, cwd=ROOT, timeout=setting.left() + 5)
        return time.perf_counter() - begin

    codes = ("pass", "import minigrad", "import numpy", "import torch")
    with tempfile.TemporaryDirectory() as folder:
        for code in codes:
            start(code, folder)
        taken = [[start(code, folder) for code in codes] for _ in range(2 * setting.rounds)]
    nothing, ours, numpys, torchs = (statistics.median(column) for column in zip(*taken, strict=True))
    return {
        "minigrad_seconds": round(ours - nothing, 3),
        "of_which_numpy": round(numpys - nothing, 3),
        "torch_seconds": round(torchs - nothing, 3),
    }


def initial_weights(setting: Setting) -> dict[str, Any]:
    """Return the processor time for drawing the initial weights of Inception V3 (the least of three)."""
    from inception import inception_v3

    times = []
    for _ in range(4):
        start = time.process_time()
        inception_v3()
        times.append(time.process_time() - start)
    return {"seconds": round(min(times[1:]), 3)}


def first_call(setting: Setting) -> dict[str, Any]:
    """Return how long the first training step on a new machine takes, and the next one: the kernels are compiled."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = json.loads(child("benchmarks.startup", setting=setting, NUMBA_CACHE_DIR=folder))
    return {"first_step_seconds": round(first, 2), "second_step_seconds": round(second, 3)}


def main() -> None:
    from benchmarks import cases

    step = cases.build(cases.MINIGRAD, "train:inception:75:32")
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
