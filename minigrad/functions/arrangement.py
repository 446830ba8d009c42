"""Elements in another arrangement, copied: repeated, reversed, rolled, or with a triangle set to zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, normalize_dims
from minigrad.functions.shape import as_ints
from minigrad.memory_order import contiguous_format
from minigrad.ops.identity import Clone
from minigrad.ops.selection import Where
from minigrad.typing import Array, Tensor

__all__ = ["flip", "roll", "tril", "triu"]


def repeat(input: Tensor, *repeats: int | Sequence[int]) -> Tensor:
    """Return the tensor laid out ``repeats`` times along each dimension; further repeats make dimensions in front.

    Raises:
        RuntimeError: if there are fewer repeats than dimensions.
    """
    x = as_tensor_operand("repeat", input)
    counts = as_ints(repeats)
    if len(counts) < x.array.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = (1,) * (len(counts) - x.array.ndim) + x.array.shape
    interleaved = x.reshape(*(n for size in shape for n in (1, size)))  # a b -> 1 a 1 b
    expanded = interleaved.expand(*(n for count, size in zip(counts, shape, strict=True) for n in (count, size)))
    copies = Clone.apply(expanded, format=contiguous_format)
    return copies.reshape(*(count * size for count, size in zip(counts, shape, strict=True)))


def flip(input: Tensor, dims: int | Sequence[int]) -> Tensor:
    """Return the elements in reverse order along ``dims``."""
    x = as_tensor_operand("flip", input)
    for dim in normalize_dims(dims, x.array.ndim) if isinstance(dims, int) or len(dims) else ():
        positions = np.arange(x.array.shape[dim] - 1, -1, -1)
        x = x[(*(slice(None),) * dim, positions)]
    return x if x is not input else input.clone()


def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """Return the elements moved by ``shifts`` along ``dims``; those moved beyond the end reappear at the front.

    Without ``dims`` the elements are rolled in row-major order.

    Raises:
        RuntimeError: if there is not one shift for each dimension.
    """
    x = as_tensor_operand("roll", input)
    if dims is None:
        return roll(x.flatten(), shifts, 0).reshape(*x.array.shape) if x.array.ndim else x.clone()
    amounts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    over = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(amounts) != len(over):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(amounts)}, dims: {len(over)}")
    for amount, d in zip(amounts, over, strict=True):
        dim = normalize_dim(d, x.array.ndim)
        n = x.array.shape[dim]
        positions = (np.arange(n) - amount) % max(n, 1)
        x = x[(*(slice(None),) * dim, positions)]
    return x


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return each matrix with zeros above the diagonal."""
    return _triangle("tril", input, lambda row, column: column - row <= diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return each matrix with zeros below the diagonal."""
    return _triangle("triu", input, lambda row, column: column - row >= diagonal)


def _triangle(name: str, input: Tensor, is_kept: Callable[[Array, Array], Array]) -> Tensor:
    x = as_tensor_operand(name, input)
    if x.array.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    height, width = x.array.shape[-2:]
    rows = np.arange(height, like=x.array).reshape(height, 1)
    columns = np.arange(width, like=x.array).reshape(1, width)
    return Where.apply(wrap(is_kept(rows, columns)), x, False)  # False is the zero that promotes no dtype
