"""Run the benchmarks; write results.json beside this file, plots in docs/images, and the README's table.

    python -m benchmarks [--rounds N] [PART …]

Parts: steps, inference, small, overhead, convolutions, rounding, scaling, import, loading, profile (all by default);
and gpu, which needs one and runs alone. Parts that do not run keep their results in results.json. The two engines run
in alternating processes, for several rounds. The ratio of a round is that of its medians; the table shows the median
ratio and its range, because machines are shared and noisy. Engines that are not installed (extra ``bench``) are left
out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import figures
from benchmarks import loading as loading_case
from inception.clock import PHASES
from minigrad.files import write_atomically
from minigrad.kernels.threads import get_num_threads
from minigrad.testing.report import replace_section

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results.json"
PAIR = ("minigrad", "torch")
STEPS = {"75 × 75, batch 32": "train:75:32", "299 × 299, batch 8, aux head": "train:299:8"}
INFERENCE = {"299 × 299, batch 1": "infer:299:1", "299 × 299, batch 8": "infer:299:8"}
SMALL = {"LeNet, 28 × 28, batch 64": "lenet", "MLP 784-256-128-10, batch 64": "mlp"}
PEER_CONV = "conv:8:80:192:73"


def run(engine: str, case: str, repeats: int) -> dict[str, Any]:
    """Run the repeats of a case for one engine, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.cases", engine, case, str(repeats)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if shown.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{shown.stderr}")
    return json.loads(shown.stdout)


def compare(name: str, case: str, rounds: int, repeats: int) -> dict[str, Any]:
    """Run a case for both engines in turn.

    Raises:
        SystemExit: if their results differ, for then they did not compute the same.
    """
    collected: dict[str, list[dict[str, Any]]] = {engine: [] for engine in PAIR}
    for number in range(rounds):
        for engine in PAIR if number % 2 == 0 else PAIR[::-1]:
            collected[engine].append(run(engine, case, repeats))
        ours, theirs = (statistics.median(collected[engine][-1]["seconds"]) for engine in PAIR)
        shown = f"minigrad {ours:.4f} s, torch {theirs:.4f} s, ratio {ours / theirs:.2f}"
        print(f"{name}, round {number + 1}: {shown}", flush=True)
    for a, b in zip(*(collected[engine][0]["values"] for engine in PAIR), strict=True):
        if abs(a - b) > 1e-3 * abs(b):
            raise SystemExit(f"{name}: {a} and {b}: the engines did not compute the same")
    ratios = [
        statistics.median(a["seconds"]) / statistics.median(b["seconds"])
        for a, b in zip(*collected.values(), strict=True)
    ]
    result: dict[str, Any] = {
        "case": case,
        "ratio": round(statistics.median(ratios), 3),
        "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)],
        "rounds": rounds,
        "repeats_a_round": repeats,
    }
    for engine, runs in collected.items():
        taken = [phases for one in runs for phases in one["phases"]]
        result[engine] = {
            "seconds": round(statistics.median(s for one in runs for s in one["seconds"]), 6),
            "peak_mb": round(statistics.median(one["peak_mb"] for one in runs)),
        }
        if len(taken[0]) == len(PHASES):
            result[engine]["phase_seconds"] = {
                phase: round(statistics.median(p[i] for p in taken), 4) for i, phase in enumerate(PHASES)
            }
    result["memory_ratio"] = round(result["minigrad"]["peak_mb"] / result["torch"]["peak_mb"], 3)
    return result


# --- The parts ---


def steps(rounds: int) -> dict[str, Any]:
    """Measure training steps, and the arithmetic limit: its FLOPs at the best rate of BLAS measured meanwhile."""
    results = {}
    for name, case in STEPS.items():
        best = max(_best_rate() for _ in range(2))
        results[name] = compare(name, case, rounds, 5)
        best = max(best, _best_rate())
        size, count = map(int, case.split(":")[1:])
        limit = _flops(size, count) / best
        results[name] |= {
            "gflops": round(_flops(size, count) / 1e9, 1),
            "best_gflops_a_second": round(best / 1e9, 1),
            "times_the_limit": round(results[name]["minigrad"]["seconds"] / limit, 3),
        }
    return results


def _best_rate() -> float:
    taken = run("minigrad", "limit", 10)
    return taken["values"][0] / min(taken["seconds"])


def _flops(size: int, count: int) -> float:
    """Return the FLOPs of the convolutions of a training step."""
    from benchmarks.convolutions import flops, shapes

    return float(sum(flops(shape) * times for shape, times in shapes(size, count).items()))


def inference(rounds: int) -> dict[str, Any]:
    """Measure Inception V3 in evaluation mode."""
    return {name: compare(name, case, rounds, 8) for name, case in INFERENCE.items()}


def small(rounds: int) -> dict[str, Any]:
    """Measure training steps of small networks."""
    return {name: compare(name, case, rounds, 100) for name, case in SMALL.items()}


def overhead(rounds: int) -> dict[str, Any]:
    """Measure a chain of small operations and one convolution, for all engines that are installed."""
    from benchmarks.cases import CHAINS, CONVOLUTIONS

    result: dict[str, Any] = {"chain": compare("chain of 2000 operations", "chain:2000", rounds, 5)}
    for name, engines, case, repeats in (
        ("chain_microseconds_an_op", CHAINS, "chain:2000", 5),
        ("convolution_milliseconds", CONVOLUTIONS, PEER_CONV, 3),
    ):
        scale = 1e6 / 2000 if "chain" in name else 1e3
        result[name] = {}
        for engine in engines:
            if importlib.util.find_spec(engine) is None:
                continue
            try:
                taken = run(engine, case, repeats)
            except SystemExit as failure:
                if engine in PAIR:
                    raise
                print(f"{name}, {engine}: left out, {str(failure).strip().splitlines()[-1]}", flush=True)
                continue
            result[name][engine] = round(statistics.median(taken["seconds"]) * scale, 2)
            print(f"{name}, {engine}: {result[name][engine]}", flush=True)
    return result


def convolutions(rounds: int) -> dict[str, Any]:
    """Measure every convolution of Inception V3 alone."""
    results = {}
    for name, case in STEPS.items():
        size, count = case.split(":")[1:]
        command = [sys.executable, "-m", "benchmarks.convolutions", size, count, str(4 * rounds)]
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
        layers = json.loads(shown.stdout)
        total = sum(layer["flops"] * layer["times"] for layer in layers)
        worst = max(layers, key=lambda layer: layer["ratio"])
        results[name] = {
            "weighted_mean_ratio": round(sum(a["ratio"] * a["flops"] * a["times"] for a in layers) / total, 3),
            "worst_ratio": round(worst["ratio"], 3),
            "worst": f"{worst['x']} * {worst['w']}",
            "above_1.15": sum(layer["ratio"] > 1.15 for layer in layers),
            "layers": layers,
        }
        shown_numbers = {key: value for key, value in results[name].items() if key != "layers"}
        print(f"convolutions at {name}: {shown_numbers} of {len(layers)}", flush=True)
    return results


def rounding(rounds: int) -> dict[str, Any]:
    """Measure the errors of float32 results."""
    from benchmarks.rounding import measure

    return measure()


def scaling(rounds: int) -> dict[str, Any]:
    """Measure time and memory as the work grows (one image of 75 × 75 is too few: its last maps are 1 × 1)."""
    series = {
        "batch at 75 × 75": {count: f"train:75:{count}" for count in (2, 4, 8, 16, 32)},
        "size at batch 8": {size: f"train:{size}:8" for size in (75, 107, 139, 171, 203, 251, 299)},
        "operations in a chain": {ops: f"chain:{ops}" for ops in (1_000, 10_000, 100_000, 1_000_000)},
    }
    results: dict[str, Any] = {}
    for name, cases in series.items():
        results[name] = {}
        for amount, case in cases.items():
            repeats = 1 if amount >= 100_000 else 4
            taken = {engine: run(engine, case, repeats) for engine in PAIR}
            results[name][str(amount)] = {
                engine: {
                    "seconds": round(statistics.median(one["seconds"]), 6),
                    "peak_mb": round(one["peak_mb"]),
                }
                for engine, one in taken.items()
            }
            shown = ", ".join(
                f"{e} {v['seconds']:.3f} s {v['peak_mb']} MB" for e, v in results[name][str(amount)].items()
            )
            print(f"{name}: {amount}: {shown}", flush=True)
    return results


def importing(rounds: int) -> dict[str, Any]:
    """Return the seconds that an import takes after the interpreter's start, with Python's caches filled."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def start(code: str, folder: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env={**kept, "PYTHONPYCACHEPREFIX": folder})
        return time.perf_counter() - begin

    with tempfile.TemporaryDirectory() as folder:
        start("import minigrad", folder)
        codes = ("pass", "import minigrad", "import numpy")
        taken = [[start(code, folder) for code in codes] for _ in range(4 * rounds)]
    nothing, ours, numpys = (statistics.median(column) for column in zip(*taken, strict=True))
    result = {"minigrad_seconds": round(ours - nothing, 3), "of_which_numpy": round(numpys - nothing, 3)}
    print(f"import: {result}", flush=True)
    return {**result, "initialisation_seconds": initialisation_seconds()}


def loading(rounds: int) -> dict[str, Any]:
    """Measure how long training waits for JPEGs, for several numbers of workers."""
    return loading_case.measure()


def initialisation_seconds() -> float:
    """Return the processor time for drawing the initial weights of Inception V3 (the least of three)."""
    from inception import inception_v3

    times = []
    for _ in range(4):
        start = time.process_time()
        inception_v3()
        times.append(time.process_time() - start)
    return round(min(times[1:]), 3)


def profile(rounds: int) -> dict[str, Any]:
    """Measure the time of a step by phase and operation."""
    from benchmarks.cases import train
    from minigrad import profiler

    results = {}
    for name, case in STEPS.items():
        step = train("minigrad", *map(int, case.split(":")[1:]))
        for _ in range(2):
            step()
        with profiler.profile() as taken:
            for _ in range(3):
                step()
        rows = [(row.name, row.phase, row.seconds / 3) for row in taken.key_averages()]
        results[name] = [[n, p, round(s, 5)] for n, p, s in sorted(rows, key=lambda row: -row[2])[:16]]
    return results


PARTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "steps": steps,
    "inference": inference,
    "small": small,
    "overhead": overhead,
    "convolutions": convolutions,
    "rounding": rounding,
    "scaling": scaling,
    "import": importing,
    "loading": loading,
    "profile": profile,
}


# --- The output ---


def machine() -> dict[str, Any]:
    """Return the machine and the versions that the figures belong to."""
    model = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    for line in described.read_text(encoding="utf-8").splitlines() if described.exists() else []:
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
    """Return the figures as Markdown."""
    rows = ["| float32 | minigrad | torch | time, ratio (range) | peak memory, ratio |", "|---|---|---|---|---|"]
    for part, what in (
        ("steps", "training step of Inception V3, "),
        ("inference", "scores of Inception V3, "),
        ("small", "training step, "),
    ):
        for name, case in results[part].items():
            rows.append(_row(what + name, case))
    rows.append(_row("a chain of 2000 operations on 32 × 32, and its gradient", results["overhead"]["chain"]))
    for name, found in results["convolutions"].items():
        rows.append(
            f"| each convolution of Inception V3 alone, {name} | | | mean by FLOPs {found['weighted_mean_ratio']:.2f}, "
            f"worst {found['worst_ratio']:.2f} | |"
        )
    where, imports = results["machine"], results["import"]
    limits = " and ".join(f"{case['times_the_limit']:.2f}" for case in results["steps"].values())
    chain, convolution = (
        ", ".join(f"{engine} {value:g}" for engine, value in results["overhead"][key].items())
        for key in ("chain_microseconds_an_op", "convolution_milliseconds")
    )
    waiting = ", ".join(f"{found['waiting']:.1%} with {count} workers" for count, found in results["loading"].items())
    return "\n".join(rows) + (
        f"\n\nMeasured {where['date']} on {where['threads']} threads of an {where['processor']}, torch "
        f"{where['torch']}, NumPy {where['numpy']}.\n\n"
        f"- The training steps take {limits} times as long as the arithmetic of their convolutions alone would take at "
        f"the best rate of BLAS.\n"
        f"- `import minigrad` takes {imports['minigrad_seconds']:.2f} s ({imports['of_which_numpy']:.2f} s of it for "
        f"NumPy), drawing the initial weights {imports['initialisation_seconds']:.2f} s.\n"
        f"- Share of a training step at 75 × 75 in which it waits for images (JPEGs of 256 × 256, random crops): "
        f"{waiting}.\n"
        f"- Other engines, microseconds per operation of the chain: {chain}.\n"
        f"- Other engines, milliseconds of a convolution and its gradients (80 to 192 channels, 73 × 73, batch 8): "
        f"{convolution}.\n\n"
        "![Time of every convolution](docs/images/bench-convolutions.png)\n\n"
        "![Time of a step by phase and operation](docs/images/bench-step.png)\n\n"
        "![Time and memory as work grows](docs/images/bench-scaling.png)"
    )


def _row(name: str, case: dict[str, Any]) -> str:
    low, high = case["ratio_range"]
    ours, theirs = (_seconds(case[engine]["seconds"]) for engine in PAIR)
    return (
        f"| {name} | {ours} | {theirs} | {case['ratio']:.2f} ({low:.2f} to {high:.2f}) | {case['memory_ratio']:.2f} |"
    )


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    if sys.argv[1:2] == ["gpu"]:
        from benchmarks import gpu

        gpu.main(sys.argv[2:])
        return
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help=f"which (all): {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=3, help="times that both engines run")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results["machine"] = machine()
    for part in options.parts or PARTS:
        results[part] = PARTS[part](options.rounds)
        write_atomically(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    if set(PARTS) <= set(results):
        figures.draw(results, ROOT / "docs/images")
        replace_section(ROOT / "README.md", "speed", table(results))
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
