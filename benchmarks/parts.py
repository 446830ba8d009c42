"""The parts of the benchmark: what is measured, the most important first."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from benchmarks import machine, other_engines, startup
from benchmarks.cases import CHANNELS_LAST, COMPILED, EAGER, MINIGRAD
from benchmarks.measure import CandidateError, Setting, child, compare, once

Result = dict[str, Any]


class Unit(NamedTuple):
    """One measurement: a part and a name, which find it in the results file, and how to measure it."""

    part: str
    name: str
    run: Callable[[Setting], Result]
    seconds: float = 0.0  #: that it takes on two slow cores, roughly: with less time left it is not begun


#: Cases by part and name: all, and small ones, which rehearse the benchmark.
CASES = {
    "steps": {
        "299 × 299, batch 8, aux head": "train:inception:299:8",
        "75 × 75, batch 32": "train:inception:75:32",
    },
    "inference": {"299 × 299, batch 1": "infer:inception:299:1", "299 × 299, batch 8": "infer:inception:299:8"},
    "networks": {
        "ResNet-50, 224 × 224, batch 8": "train:resnet50:224:8",
        "MobileNetV2, 224 × 224, batch 8": "train:mobilenet_v2:224:8",
        "VGG-11, 224 × 224, batch 8": "train:vgg11:224:8",
    },
    "small": {
        "LeNet, 28 × 28, batch 64": "train:lenet:28:64",
        "MLP 784-256-128-10, batch 64": "train:mlp:28:64",
    },
    "chain": {"2,000 operations on 32 × 32": "chain:2000"},
}
REHEARSAL = {
    "steps": {"75 × 75, batch 32": "train:inception:75:32"},
    "inference": {"75 × 75, batch 1": "infer:inception:75:1"},
    "networks": {"MobileNetV2, 64 × 64, batch 8": "train:mobilenet_v2:64:8"},
    "small": {"MLP 784-256-128-10, batch 4": "train:mlp:28:4"},
    "chain": {"200 operations on 32 × 32": "chain:200"},
}
SCALING = {
    "batch at 75 × 75": {count: f"train:inception:75:{count}" for count in (2, 8, 32)},
    "size at batch 8": {size: f"train:inception:{size}:8" for size in (75, 139, 299)},
    "operations in a chain": {ops: f"chain:{ops}" for ops in (1_000, 10_000, 100_000)},
}
#: Seconds that a measurement of each part takes on two slow cores, on average; compiled: with compilation by torch.
SECONDS = {
    "steps": 57, "convolutions": 25, "inference": 20, "chain": 6, "small": 9, "networks": 45, "rounding": 15,
    "startup": 33, "other engines": 25, "operations": 9, "threads": 35, "scaling": 45, "loading": 30,
    "compiled small": 35, "compiled inference": 80, "compiled networks": 90, "compiled steps": 230,
}  # fmt: skip
PEER_CONVOLUTION = "conv:8:80:192:73"


def units(rehearsal: bool = False, threads: int = 1) -> Iterator[Unit]:
    """Yield all measurements, the most important first."""
    cases = REHEARSAL if rehearsal else CASES

    def unit(part: str, name: str, run: Callable[[Setting], Result]) -> Unit:
        kind = f"compiled {name.split(':')[0]}" if part == "compiled" else part
        return Unit(part, name, run, 0.0 if rehearsal else SECONDS[kind])

    for name, case in cases["steps"].items():
        yield unit("steps", name, partial(step, case))
    for name, case in cases["steps"].items():
        yield unit("convolutions", name, partial(convolutions, case))
    for part in ("inference", "chain", "small", "networks"):
        for name, case in cases[part].items():
            yield unit(part, name, partial(beside_torch, case))
    for width in machine.VECTORS:
        if width <= machine.bits():
            yield unit("rounding", f"{width} bits", partial(rounding, width))
    yield unit("startup", "first step", startup.first_call)
    yield unit("startup", "import", startup.importing)
    yield unit("startup", "initial weights", startup.initial_weights)
    for name, engines, case, scale in (
        ("microseconds an operation", other_engines.CHAINS, "chain:200" if rehearsal else "chain:2000", 1e6),
        ("milliseconds a convolution", other_engines.CONVOLUTIONS, PEER_CONVOLUTION, 1e3),
    ):
        yield unit("other engines", name, partial(peers, tuple(engines), case, scale))
    for part in ("small", "inference", "networks", "steps"):  # the shortest compilation first
        for name, case in cases[part].items():
            if not rehearsal or part == "small":
                yield unit("compiled", f"{part}: {name}", partial(compare, case, (COMPILED,)))
    for name, case in cases["steps"].items():
        yield unit("operations", name, partial(operations, case))
    case = list(cases["steps"].values())[-1]
    yield unit("threads", case, partial(threads_used, case, threads))
    for name, series in SCALING.items():
        shown = dict(list(series.items())[:2]) if rehearsal else series
        yield unit("scaling", name, partial(scaling, shown))
    yield unit("loading", "JPEG", partial(loading, 64 if rehearsal else 256))


def beside_torch(case: str, setting: Setting) -> Result:
    """Compare minigrad with torch as it is, and with channels_last where there are images.

    torch.compile follows in a part of its own: compilation takes minutes, and what is measured before is kept.
    """
    images = not case.startswith("chain") and "mlp" not in case
    return compare(case, (EAGER, CHANNELS_LAST) if images else (EAGER,), setting)


def step(case: str, setting: Setting) -> Result:
    """Compare training steps, and find the arithmetic limit: their FLOPs at the best rate of sgemm meanwhile."""
    best = _best_rate(setting)
    result = beside_torch(case, setting)
    best = max(best, _best_rate(setting))
    arithmetic = _flops(case)
    return result | {
        "gflops": round(arithmetic / 1e9, 1),
        "best_gflops_a_second": round(best / 1e9, 1),
        "times_the_limit": round(result[MINIGRAD]["seconds"] / (arithmetic / best), 3),
    }


def _best_rate(setting: Setting) -> float:
    taken = [once(candidate, "limit", 8, setting) for candidate in (MINIGRAD, EAGER)]
    return max(one["values"][0] / min(one["seconds"]) for one in taken)


def _flops(case: str) -> float:
    """Return the FLOPs of the convolutions of a training step of Inception V3."""
    from benchmarks.convolutions import flops, shapes

    size, count = map(int, case.split(":")[2:])
    return float(sum(flops(shape) * times for shape, times in shapes(size, count).items()))


def convolutions(case: str, setting: Setting) -> Result:
    """Measure every convolution of Inception V3 alone."""
    size, count = case.split(":")[2:]
    seconds = min(300.0, setting.left() - 10)
    shown = child("benchmarks.convolutions", size, count, setting.rounds, seconds, setting=setting)
    layers = [json.loads(line) for line in shown.splitlines()]
    work = [layer["flops"] * layer["times"] for layer in layers]
    worst = max(layers, key=lambda layer: layer["ratio"])
    return {
        "weighted_mean_ratio": round(sum(l["ratio"] * f for l, f in zip(layers, work, strict=True)) / sum(work), 3),  # noqa: E741
        "worst_ratio": round(worst["ratio"], 3),
        "worst": f"{worst['x']} * {worst['w']}",
        "shapes": layers[0]["of"],
        "layers": sorted(layers, key=lambda layer: layer["place"]),
        "cut_short": len(layers) < layers[0]["of"],
    }


def rounding(width: int, setting: Setting) -> Result:
    """Measure the errors of float32 results with vectors of this width."""
    errors = json.loads(child("benchmarks.rounding", setting=setting, MINIGRAD_VECTOR_BITS=str(width)))
    ratios = {
        f"{case}, {what}": found["ratio"] or 0.0 for case, values in errors.items() for what, found in values.items()
    }
    worst = max(ratios, key=lambda name: ratios[name])
    return {
        "worst_ratio": ratios[worst],
        "worst": worst,
        "median": statistics.median(ratios.values()),
        "errors": errors,
    }


def operations(case: str, setting: Setting) -> Result:
    """Measure the time of a step by operation."""
    return {"rows": json.loads(child("benchmarks.operations", case, setting=setting))}


def loading(images: int, setting: Setting) -> Result:
    """Measure how long training waits for JPEGs, for several numbers of workers."""
    found: Result = json.loads(child("benchmarks.loading", images, setting=setting))
    return found


def threads_used(case: str, most: int, setting: Setting) -> Result:
    """Compare training steps on 1, 2, 4, … threads."""
    counts = [2**power for power in range(10) if 2**power < most] + [most]
    return {str(count): compare(case, (EAGER,), replace(setting, threads=count, rounds=2)) for count in counts}


def scaling(series: dict[int, str], setting: Setting) -> Result:
    """Measure time and memory of both engines as the work grows."""
    result: Result = {}
    for amount, case in series.items():
        taken = {name: once(name, case, 3, setting) for name in (MINIGRAD, EAGER)}
        result[str(amount)] = {
            name: {"seconds": float(f"{statistics.median(one['seconds']):.4g}"), "peak_mb": round(one["peak_mb"])}
            for name, one in taken.items()
        }
    return result


def peers(engines: tuple[str, ...], case: str, scale: float, setting: Setting) -> Result:
    """Measure a case for all engines that are installed."""
    count = int(case.split(":")[1]) if case.startswith("chain") else 1
    result: Result = {}
    for engine in engines:
        try:
            seconds = once(EAGER if engine == "torch" else engine, case, 3, setting)["seconds"]
        except CandidateError as failure:
            result[engine] = {"failed": str(failure)}
        else:
            result[engine] = float(f"{statistics.median(seconds) * scale / count:.3g}")
    return result


#: The names of all parts.
PARTS = tuple(dict.fromkeys(unit.part for unit in units()))
