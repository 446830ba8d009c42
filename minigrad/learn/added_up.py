"""Results that are added up or averaged over an axis too many, or over one too few."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from minigrad.learn.diagnoses import Diagnosis, equal
from minigrad.typing import Array

_WAYS: tuple[tuple[str, str, Callable[..., Array]], ...] = (
    ("summed", "added up", np.sum),
    ("averaged", "averaged", np.mean),
)


def added_up(name: str, pairs: Sequence[tuple[Array, Array]]) -> Iterator[Diagnosis]:
    """Yield how results were added up, from pairs of each result and the right one."""
    dimensions = min(right.ndim for _, right in pairs)
    for label, verb, add in _WAYS:
        if dimensions and all(_is_added_up(a, b, add, None) for a, b in pairs):
            says = f"All elements of {name} are {verb}. Each element has a number of its own."
            yield Diagnosis(f"{label} over everything", says)
        for axis in range(dimensions):
            if all(_is_added_up(a, b, add, axis) for a, b in pairs):
                says = f"{name} is {verb} over axis {axis}, and must not be: each place along it has its own number."
                yield Diagnosis(f"{label} over axis {axis}", says)
    for axis in range(dimensions + 1):
        if all(a.ndim == b.ndim + 1 and equal(a.sum(axis), b) for a, b in pairs):
            if axis == 0:
                says = "There is a part for each example. All of them count: sum over the batch, axis 0."
                yield Diagnosis("sum over the batch missing", says)
            else:
                says = f"The parts along axis {axis} are not added up yet: sum over axis {axis}."
                yield Diagnosis(f"sum over axis {axis} missing", says)


def _is_added_up(found: Array, right: Array, add: Callable[..., Array], axis: int | None) -> bool:
    """Return whether the right result was added up, whatever shape was made of it."""
    total = add(right, axis=axis, keepdims=True)
    if found.shape == right.shape:
        return equal(found, total * np.ones(right.shape))
    return found.shape in (total.shape, np.squeeze(total, axis=axis).shape) and equal(found.reshape(total.shape), total)
