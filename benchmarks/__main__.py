"""Runs the benchmarks and writes results.json beside this file.

    python -m benchmarks [--rounds N] [--steps N] [CASE …]

The two engines run in alternating processes, several rounds; the ratio of a round is that of the two
medians, and what is reported is the median ratio and its range, because machines are shared and noisy.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from inception.training import PHASES
from minigrad.checkpoint import write_atomically
from minigrad.kernels.threads import get_num_threads
from minigrad.testing.report import replace_section

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results.json"
CASES = {"75x75-batch32": (75, 32), "299x299-batch8-aux": (299, 8)}


def run(engine: str, size: int, count: int, steps: int) -> dict[str, Any]:
    """One engine's steps in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.step", engine, str(size), str(count), str(steps)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(shown.stdout)


def compare(name: str, rounds: int, steps: int) -> dict[str, Any]:
    """A case, both engines in turn.

    Raises:
        SystemExit: if their losses differ, for then they did not compute the same.
    """
    size, count = CASES[name]
    collected: dict[str, list[dict[str, Any]]] = {"minigrad": [], "torch": []}
    for number in range(rounds):
        order = ("minigrad", "torch") if number % 2 == 0 else ("torch", "minigrad")
        for engine in order:
            collected[engine].append(run(engine, size, count, steps))
        ours, theirs = (statistics.median(collected[e][-1]["seconds"]) for e in ("minigrad", "torch"))
        print(
            f"{name} round {number + 1}: minigrad {ours:.3f} s, torch {theirs:.3f} s, ratio {ours / theirs:.2f}",
            flush=True,
        )
    for a, b in zip(*(collected[engine][0]["losses"] for engine in collected), strict=True):
        if abs(a - b) > 1e-3 * abs(b):
            raise SystemExit(f"{name}: the losses differ, {a} and {b}: the engines did not compute the same")
    ratios = [
        statistics.median(a["seconds"]) / statistics.median(b["seconds"])
        for a, b in zip(collected["minigrad"], collected["torch"], strict=True)
    ]
    result: dict[str, Any] = {
        "ratio": round(statistics.median(ratios), 3),
        "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)],
        "rounds": rounds,
        "steps_a_round": steps,
    }
    for engine, runs in collected.items():
        steps_taken = [phases for one in runs for phases in one["phases"]]
        result[engine] = {
            "seconds_a_step": round(statistics.median(s for one in runs for s in one["seconds"]), 4),
            "peak_mb": round(statistics.median(one["peak_mb"] for one in runs)),
            "phase_seconds": {
                phase: round(statistics.median(p[i] for p in steps_taken), 4) for i, phase in enumerate(PHASES)
            },
        }
    result["memory_ratio"] = round(result["minigrad"]["peak_mb"] / result["torch"]["peak_mb"], 3)
    return result


def initialisation_seconds() -> float:
    """The processor time that drawing Inception V3's initial weights takes (the least of three)."""
    from inception import inception_v3

    times = []
    for _ in range(4):
        start = time.process_time()
        inception_v3()
        times.append(time.process_time() - start)
    return round(min(times[1:]), 3)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":")[1].strip()
            break
    import torch

    return {
        "processor": model,
        "threads": get_num_threads(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "date": date.today().isoformat(),
    }


def table(results: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [
        "| training step of Inception V3, float32 | minigrad | torch | time, ratio (range) | peak memory, ratio |",
        "|---|---|---|---|---|",
    ]
    for name, case in results["training_step"].items():
        low, high = case["ratio_range"]
        ours, theirs = case["minigrad"]["seconds_a_step"], case["torch"]["seconds_a_step"]
        size, count = CASES[name]
        rows.append(
            f"| {size} × {size}, batch {count}{', aux head' if 'aux' in name else ''} | {ours:.2f} s | {theirs:.2f} s "
            f"| {case['ratio']:.2f} ({low:.2f} to {high:.2f}) | {case['memory_ratio']:.2f} |"
        )
    where = results["machine"]
    init = results["initialisation_seconds"]
    return "\n".join(rows) + (
        f"\n\nMeasured {where['date']} on {where['threads']} threads of an {where['processor']}, torch "
        f"{where['torch']}, NumPy {where['numpy']}. Drawing Inception V3's initial weights takes {init:.2f} s."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help=f"which (all): {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=3, help="times that both engines run")
    parser.add_argument("--steps", type=int, default=5, help="steps that count in each run")
    options = parser.parse_args()
    results = {
        "machine": machine(),
        "initialisation_seconds": initialisation_seconds(),
        "training_step": {name: compare(name, options.rounds, options.steps) for name in options.cases or CASES},
    }
    write_atomically(RESULTS, (json.dumps(results, indent=2) + "\n").encode())
    if set(results["training_step"]) == set(CASES):
        replace_section(ROOT / "README.md", "speed", table(results))
    for name, result in results["training_step"].items():
        low, high = result["ratio_range"]
        print(f"{name}: {result['ratio']:.2f} x torch's time ({low:.2f} to {high:.2f}), "
              f"{result['memory_ratio']:.2f} x its memory")  # fmt: skip


if __name__ == "__main__":
    main()
