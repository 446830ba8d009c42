"""Diagonals of matrices, and matrices made of diagonals."""

from __future__ import annotations

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim
from minigrad.ops.diagonal import Diagonal, OnDiagonal
from minigrad.typing import Tensor

__all__ = ["diag", "diag_embed", "diagonal", "trace"]


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return the view of the elements (i, i + offset) of two dimensions, as a new last dimension.

    Raises:
        RuntimeError: if the dimensions are the same one.
        IndexError: if a dimension is out of range.
    """
    x, (a, b) = _with_two("diagonal", input, dim1, dim2)
    rest = [d for d in range(x.array.ndim) if d not in (a, b)]
    return Diagonal.apply(x.permute(*rest, a, b), offset=_within(offset, x.array.shape[a], x.array.shape[b]))


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return matrices with the last dimension on the diagonal (i, i + offset) of two new ones, and zeros elsewhere.

    Raises:
        RuntimeError: if the dimensions are the same one.
        IndexError: if a dimension is out of range.
    """
    x = as_tensor_operand("diag_embed", input)
    ndim = x.array.ndim + 1
    a, b = normalize_dim(dim1, ndim), normalize_dim(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = x.array.shape[-1] + abs(offset)
    made = OnDiagonal.apply(x, shape=(*x.array.shape[:-1], size, size), offset=offset)
    order = [d for d in range(ndim) if d not in (a, b)]
    return made.permute(*(order.index(d) if d in order else ndim - 2 + (d == b) for d in range(ndim)))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the diagonal of a matrix, or a matrix with the elements of a vector on its diagonal.

    Raises:
        RuntimeError: if the tensor is neither.
    """
    x = as_tensor_operand("diag", input)
    if x.array.ndim == 1:
        return diag_embed(x, diagonal)
    if x.array.ndim == 2:
        return Diagonal.apply(x, offset=_within(diagonal, *x.array.shape)).clone()
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {x.array.ndim}D")


def trace(input: Tensor) -> Tensor:
    """Return the sum of the diagonal of a matrix.

    Raises:
        RuntimeError: if the tensor is no matrix.
    """
    x = as_tensor_operand("trace", input)
    if x.array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {x.array.ndim}")
    if 0 in x.array.shape:
        return wrap(np.zeros_like(x.array, shape=(1,))).sum()
    return Diagonal.apply(x, offset=0).sum()


def _with_two(name: str, input: Tensor, dim1: int, dim2: int) -> tuple[Tensor, tuple[int, int]]:
    x = as_tensor_operand(name, input)
    a, b = normalize_dim(dim1, x.array.ndim), normalize_dim(dim2, x.array.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return x, (a, b)


def _within(offset: int, rows: int, columns: int) -> int:
    """Return the offset, or one whose diagonal is just as empty, which every array library takes."""
    return max(-rows, min(offset, columns))
