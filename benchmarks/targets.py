"""The targets, and how far results are from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.cases import EAGER, TORCH

Parts = dict[str, dict[str, Any]]


class Target(NamedTuple):
    """A number that must not be above a bound; ``value`` finds it in the parts of a results file, or None."""

    name: str
    bound: float
    value: Callable[[Parts], float | None]


class Verdict(NamedTuple):
    """A target and the number found for it."""

    target: Target
    value: float | None

    @property
    def met(self) -> bool:
        return self.value is not None and self.value <= self.target.bound

    def __str__(self) -> str:
        if self.value is None:
            return "not measured"
        if self.met:
            return f"{self.value:.2f}, met"
        return f"**{self.value:.2f}**, missed by {self.value / self.target.bound - 1:.0%}"


def ratios(parts: Parts, part: str, name: str) -> dict[str, dict[str, Any]]:
    """Return what is known of every way of torch in one case; torch.compile has a part of its own."""
    found = parts.get(part, {}).get(name, {})
    compiled = parts.get("compiled", {}).get(f"{part}: {name}", {})
    return {way: {**found, **compiled}[way] for way in TORCH if way in {**found, **compiled}}


def best(parts: Parts, part: str, name: str) -> tuple[str, dict[str, Any]] | None:
    """Return the way of torch that is the fastest beside minigrad, and its figures."""
    measured = {way: found for way, found in ratios(parts, part, name).items() if "ratio" in found}
    if not measured:
        return None
    fastest = max(measured, key=lambda way: measured[way]["ratio"])
    return fastest, measured[fastest]


def _time(part: str, name: str) -> Callable[[Parts], float | None]:
    def value(parts: Parts) -> float | None:
        found = best(parts, part, name)
        return None if found is None else found[1]["ratio"]

    return value


def _field(part: str, name: str, *keys: str) -> Callable[[Parts], float | None]:
    def value(parts: Parts) -> float | None:
        found: Any = parts.get(part, {}).get(name, {})
        for key in keys:
            found = found.get(key, {})
        return found or None

    return value


LARGE, LITTLE = "299 × 299, batch 8, aux head", "75 × 75, batch 32"
ONE, EIGHT = "299 × 299, batch 1", "299 × 299, batch 8"


def _targets() -> Iterator[Target]:
    for name in (LARGE, LITTLE):
        yield Target(f"training step of Inception V3, {name}", 0.75, _time("steps", name))
        yield Target("its peak memory, of torch eager's", 0.70, _field("steps", name, EAGER, "memory_ratio"))
        yield Target("its time, of the arithmetic limit", 1.8, _field("steps", name, "times_the_limit"))
    for name in (ONE, EIGHT):
        yield Target(f"inference by Inception V3, {name}", 0.85, _time("inference", name))
    for name in (LARGE, LITTLE):
        where = f"convolutions of Inception V3 alone, {name}"
        yield Target(f"{where}: mean by FLOPs", 0.8, _field("convolutions", name, "weighted_mean_ratio"))
        yield Target("the worst of them", 1.1, _field("convolutions", name, "worst_ratio"))
    for part, name, bound in (
        ("networks", "ResNet-50, 224 × 224, batch 8", 1.0),
        ("networks", "MobileNetV2, 224 × 224, batch 8", 1.0),
        ("networks", "VGG-11, 224 × 224, batch 8", 1.0),
        ("small", "LeNet, 28 × 28, batch 64", 0.8),
        ("small", "MLP 784-256-128-10, batch 64", 1.0),
    ):
        yield Target(f"training step of {name}", bound, _time(part, name))
    yield Target("chain of 2,000 small operations", 1.5, _time("chain", "2,000 operations on 32 × 32"))
    for width in (512, 256, 128):
        name = f"{width} bits"
        yield Target(f"largest error in float32, vectors of {name}", 1.0, _field("rounding", name, "worst_ratio"))


#: Ratios to torch: of time to the fastest of its ways, of errors and of memory to torch eager's.
TARGETS = tuple(_targets())


def verdicts(parts: Parts) -> list[Verdict]:
    """Return every target with the number that the results have for it."""
    return [Verdict(target, target.value(parts)) for target in TARGETS]
