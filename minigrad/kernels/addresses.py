"""Arrays by their addresses, so that one loop or one launch can move all parameters that a rule moves alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from minigrad.kernels.layout import address, flat_alike
from minigrad.kernels.rules import Move, Rule, loop_of, numbers_of
from minigrad.typing import Array, DType


class Batch(NamedTuple):
    """Moves that one call of a loop can do together: they have the same rule, numbers and dtype."""

    loop: str
    numbers: tuple[float | bool, ...]
    dtype: DType
    rows: list[list[Array | None]]  # the arrays of each move, as flat memory
    sizes: list[int]  # how many elements each move has

    def address_table(self) -> Array:
        """Return the addresses of the arrays, a row a move; 0 for an array that is not there."""
        return np.array([[address(a) for a in row] for row in self.rows], np.int64)


def batches(moves: Sequence[Move], dtypes: Collection[DType]) -> tuple[list[Batch], list[Move]]:
    """Return the moves that loops can do on arrays of these dtypes, and all others."""
    found: dict[object, Batch] = {}
    rest = []
    before: Rule | None = None
    numbers: tuple[float | bool, ...] = ()
    for move in moves:
        loop = loop_of(move.rule)
        row = _flat_row(move, dtypes) if loop is not None else None
        if loop is None or row is None:
            rest.append(move)
            continue
        parameter = row[0]
        assert parameter is not None
        if move.rule != before:  # most moves have the numbers of the one before
            before, numbers = move.rule, numbers_of(move.rule)
        key = loop, numbers, parameter.dtype
        if key not in found:
            found[key] = Batch(*key, [], [])
        found[key].rows.append(row)
        found[key].sizes.append(parameter.size)
    return list(found.values()), rest


def _flat_row(move: Move, dtypes: Collection[DType]) -> list[Array | None] | None:
    """Return the arrays of one move as flat memory, or None if a loop cannot take them by their addresses.

    It can if they have one dtype and memory order, no gaps, and may be written to, but for the gradient. A gradient
    that lies in another order is copied.
    """
    p, g, *state = move.arrays
    if p is None or g is None or p.dtype not in dtypes or g.dtype != p.dtype or not is_writable(p):
        return None
    for array, option in zip(state, move.rule.arrays.values(), strict=True):
        if array is None:
            if not option:
                return None
        elif array.dtype != p.dtype or not is_writable(array):
            return None
    arrays = [p, g, *[a for a in state if a is not None]]
    flats = flat_alike(*arrays)
    if flats is None and g.shape == p.shape:
        arrays[1] = np.empty_like(p)  # in p's order
        arrays[1][...] = g
        flats = flat_alike(*arrays)
    if flats is None:
        return None
    found = iter(flats)
    return [None if a is None else next(found) for a in move.arrays]


def is_writable(a: Array) -> bool:
    """Return whether an array may be written to; a GPU has no read-only memory."""
    writable: bool = getattr(a.flags, "writeable", True)
    return writable


def total_size(moves: Sequence[Move]) -> int:
    """Return the number of elements of all parameters."""
    return sum([0 if move.arrays[0] is None else move.arrays[0].size for move in moves])


def share_memory(moves: Sequence[Move]) -> bool:
    """Return whether two of the parameters may lie in the same memory, so that they must move one after the other."""
    arrays = [move.arrays[0] for move in moves]
    owners = [a if a is None or a.base is None else a.base for a in arrays]
    if len({id(owner) for owner in owners}) == len(arrays) and all(isinstance(o, type(arrays[0])) for o in owners):
        return False  # each lies in an array of its own: no need to compare addresses
    spans = sorted([_span(a) for a in arrays if a is not None])
    return any(end > start for (_, end), (start, _) in pairwise(spans))


def _span(a: Array) -> tuple[int, int]:
    """Return the addresses between which an array lies: that of its first byte, and that behind its last."""
    start = address(a)
    if a.size == 0:
        return start, start
    if a.flags.c_contiguous:
        return start, start + a.nbytes
    reach = [stride * (size - 1) for stride, size in zip(a.strides, a.shape, strict=True)]
    return start + sum(r for r in reach if r < 0), start + sum(r for r in reach if r > 0) + a.itemsize


@lru_cache(maxsize=16)
def blocks(sizes: tuple[int, ...], size: int) -> Array:
    """Return the parts, of at most ``size`` elements each, of arrays that have these sizes.

    Each is (number of the array, first element, last element + 1).
    """
    found = [(i, start, min(start + size, end)) for i, end in enumerate(sizes) for start in range(0, end, size)]
    return np.array(found, np.int64).reshape(-1, 3)
