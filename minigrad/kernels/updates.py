"""Optimiser updates gathered, so that one loop or one launch serves all parameters that a formula updates alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from minigrad.kernels.layout import flat_alike


class Formula(NamedTuple):
    """What the kernels of a formula take."""

    options: dict[str, Callable[[Any], float]]  # in the order of the kernels, each with its type
    needed: int  # arrays that must be there: the parameter, its gradient, and state
    most: int  # arrays with those that may be None


def _numbers(*names: str) -> dict[str, Callable[[Any], float]]:
    return dict.fromkeys(names, float)


FORMULAS: dict[str, Formula] = {
    "sgd": Formula(_numbers("lr", "momentum", "decay", "fresh") | {"nesterov": bool, "maximize": bool}, 2, 3),
    "adam": Formula(
        _numbers("lr", "step_size", "root_correction", "beta1", "beta2", "eps", "decay")
        | {"decoupled": bool, "maximize": bool},
        4,
        5,
    ),
    "rmsprop": Formula(_numbers("lr", "alpha", "eps", "decay", "momentum") | {"maximize": bool}, 3, 5),
}

Update = tuple[Callable[..., None], Sequence[Any]]
Gathered = dict[tuple[Any, ...], list[list[Any]]]  # rows of flat arrays, by (formula, its options, dtype)


def gathered(updates: Sequence[Update], dtypes: Collection[Any]) -> tuple[Gathered, list[Update]]:
    """The updates of known formulas on arrays that a kernel may take by their addresses; and all others.

    Those are arrays of one of these dtypes, without gaps, and writable but for the gradient.
    """
    together: Gathered = {}
    rest = []
    for formula, arrays in updates:
        name = getattr(getattr(formula, "func", None), "__name__", "")
        row = _flat_row(FORMULAS[name], arrays, dtypes) if name in FORMULAS else None
        if row is None:
            rest.append((formula, arrays))
        else:
            given = formula.keywords  # type: ignore[attr-defined]
            options = tuple([kind(given[option]) for option, kind in FORMULAS[name].options.items()])
            together.setdefault((name, options, row[0].dtype), []).append(row)
    return together, rest


def _flat_row(formula: Formula, arrays: Sequence[Any], dtypes: Collection[Any]) -> list[Any] | None:
    """The arrays of one update as flat memory, or None if a kernel cannot take them."""
    p, g, *state = arrays
    if p.dtype not in dtypes or g.dtype != p.dtype or not writable(p):
        return None
    for i, a in enumerate(state, 2):
        if a is None:
            if i < formula.needed:
                return None
        elif a.dtype != p.dtype or not writable(a):
            return None
    flats = flat_alike(*[a for a in arrays if a is not None])
    if flats is None:
        return None
    found = iter(flats)
    return [None if a is None else next(found) for a in arrays]


def writable(a: Any) -> bool:
    """Whether an array may be written to; a GPU has no read-only memory."""
    return getattr(a.flags, "writeable", True)


def share_memory(updates: Sequence[Update]) -> bool:
    """Whether two of the parameters may lie in the same memory, so that they must be updated one after the other."""
    arrays = [arrays[0] for _, arrays in updates]
    owners = [a if a.base is None else a.base for a in arrays]
    if len({id(owner) for owner in owners}) == len(arrays) and all(isinstance(o, type(arrays[0])) for o in owners):
        return False  # each lies in an array of its own: no need to look at addresses
    spans = sorted([_span(a) for a in arrays])
    return any(end > start for (_, end), (start, _) in pairwise(spans))


def _span(a: Any) -> tuple[int, int]:
    """The addresses between which an array lies: that of its first byte, and that behind its last."""
    start = address(a)
    if a.size == 0:
        return start, start
    if a.flags.c_contiguous:
        return start, start + a.nbytes
    reach = [stride * (size - 1) for stride, size in zip(a.strides, a.shape, strict=True)]
    return start + sum(r for r in reach if r < 0), start + sum(r for r in reach if r > 0) + a.itemsize


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
