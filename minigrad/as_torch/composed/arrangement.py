"""Tensors joined, divided and turned, composed of other operations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minigrad
from minigrad import Tensor


def atleast_1d(*tensors: Any) -> Any:
    """Return each tensor with one dimension at least."""
    return _each(tensors, lambda x: x.reshape(1) if x.ndim == 0 else x)


def atleast_2d(*tensors: Any) -> Any:
    """Return each tensor with two dimensions at least."""
    return _each(tensors, lambda x: x.reshape(1, -1) if x.ndim < 2 else x)


def atleast_3d(*tensors: Any) -> Any:
    """Return each tensor with three dimensions at least."""
    return _each(tensors, lambda x: x.reshape(1, -1, 1) if x.ndim < 2 else x.unsqueeze(-1) if x.ndim == 2 else x)


def _each(tensors: tuple[Any, ...], change: Callable[[Tensor], Tensor]) -> Any:
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    changed = tuple(change(x) for x in given)
    return changed[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else changed


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors below each other."""
    return minigrad.cat(list(atleast_2d(list(tensors))), 0)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors side by side."""
    given = list(atleast_1d(list(tensors)))
    return minigrad.cat(given, 0 if given[0].ndim == 1 else 1)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors behind each other."""
    return minigrad.cat(list(atleast_3d(list(tensors))), 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors side by side, vectors as columns."""
    return minigrad.cat([x.reshape(-1, 1) if x.ndim < 2 else x for x in tensors], 1)


row_stack = vstack


def block_diag(*tensors: Tensor) -> Tensor:
    """Return one matrix with matrices along its diagonal."""
    blocks = [atleast_2d(x) for x in tensors]
    width, rows, before = sum(x.shape[1] for x in blocks), [], 0
    for x in blocks:
        rows.append(minigrad.nn.functional.pad(x, (before, width - before - x.shape[1])))
        before += x.shape[1]
    return minigrad.cat(rows, 0)


def broadcast_tensors(*tensors: Tensor) -> list[Tensor]:
    """Return tensors in the one shape to which they broadcast."""
    shape = np.broadcast_shapes(*(tuple(x.shape) for x in tensors))
    return [x.expand(*shape) for x in tensors]


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Return all tuples of elements, one of each vector, as rows."""
    if len(tensors) == 1:
        return tensors[0]
    return minigrad.stack([x.reshape(-1) for x in minigrad.meshgrid(*tensors, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Return all combinations of ``r`` elements of a vector, as rows."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(len(input)), r))
    return input[minigrad.tensor(rows, dtype=minigrad.int64).reshape(-1, r)]


def fliplr(input: Tensor) -> Tensor:
    """Return a matrix with its columns in reverse order."""
    return input.flip(1)


def flipud(input: Tensor) -> Tensor:
    """Return a matrix with its rows in reverse order."""
    return input.flip(0)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Return a matrix turned by k quarters, from the first of two dimensions to the second."""
    first, second = dims
    for _ in range(k % 4):
        input = input.transpose(first, second).flip(first)
    return input


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the parts between some positions, or a number of parts whose sizes differ by one at most."""
    size = input.shape[dim]
    if isinstance(indices_or_sections, int):
        small, longer = divmod(size, indices_or_sections)
        sizes = [small + 1] * longer + [small] * (indices_or_sections - longer)
        ends = [0, *itertools.accumulate(sizes)]
    else:
        ends = [0, *(int(i) for i in indices_or_sections), size]
    axis = dim % input.ndim
    return tuple(input[(*(slice(None),) * axis, slice(a, b))] for a, b in itertools.pairwise(ends))


def tril_indices(row: int, col: int, offset: int = 0, **_: Any) -> Tensor:
    """Return the positions in the lower triangle of a matrix, a column for each."""
    return minigrad.from_numpy(np.stack(np.tril_indices(row, offset, col)))


def triu_indices(row: int, col: int, offset: int = 0, **_: Any) -> Tensor:
    """Return the positions in the upper triangle of a matrix, a column for each."""
    return minigrad.from_numpy(np.stack(np.triu_indices(row, offset, col)))


def take(input: Tensor, index: Tensor) -> Tensor:
    """Return the elements at positions that count all elements, row by row."""
    return input.flatten()[index]
