"""Optimiser updates gathered, so that one loop or one launch serves all parameters that a formula updates alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from minigrad.kernels.layout import flat_alike

#: By the formula's name: its options in the order of the kernels, and how many arrays it takes at most.
FORMULAS: dict[str, tuple[tuple[str, ...], int]] = {
    "sgd": (("lr", "momentum", "decay", "fresh", "nesterov", "maximize"), 3),
    "adam": (
        ("lr", "step_size", "root_correction", "beta1", "beta2", "eps", "decay", "decoupled", "maximize"),
        5,
    ),
    "rmsprop": (("lr", "alpha", "eps", "decay", "momentum", "maximize"), 5),
}

Update = tuple[Callable[..., None], Sequence[Any]]
Gathered = dict[tuple[Any, ...], list[list[Any]]]  # rows of flat arrays, by (formula, its options, dtype)


def gathered(updates: Sequence[Update], dtypes: Collection[Any]) -> tuple[Gathered, list[Update]]:
    """The updates of known formulas on arrays without gaps, of one of these dtypes; and all others."""
    together: Gathered = {}
    rest = []
    for formula, arrays in updates:
        name = getattr(getattr(formula, "func", None), "__name__", None)
        given = [a for a in arrays if a is not None]
        if (
            name not in FORMULAS
            or given[0].dtype not in dtypes
            or any(a.dtype != given[0].dtype for a in given)
            or (flats := flat_alike(*given)) is None
        ):
            rest.append((formula, arrays))
        else:
            options = tuple(formula.keywords[option] for option in FORMULAS[name][0])  # type: ignore[attr-defined]
            found = iter(flats)
            row = [None if a is None else next(found) for a in arrays]
            together.setdefault((name, options, given[0].dtype), []).append(row)
    return together, rest


def address(a: Any) -> int:
    """Where an array's memory begins; 0 for none."""
    if a is None:
        return 0
    return a.__array_interface__["data"][0] if isinstance(a, np.ndarray) else a.data.ptr


def address_table(rows: Sequence[Sequence[Any]], columns: int) -> list[list[int]]:
    """The addresses of the arrays of every row, filled up with 0."""
    return [[address(a) for a in row] + [0] * (columns - len(row)) for row in rows]


@lru_cache(maxsize=16)
def blocks(sizes: tuple[int, ...], size: int) -> np.ndarray:
    """(which array, first element, last + 1), of blocks that together are all elements of arrays of these sizes."""
    found = [(i, start, min(start + size, end)) for i, end in enumerate(sizes) for start in range(0, end, size)]
    return np.array(found, np.int64).reshape(-1, 3)
