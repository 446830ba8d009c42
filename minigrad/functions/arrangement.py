"""Elements in another arrangement, copied: repeated, reversed, rolled, or with a triangle set to zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from minigrad.caller import warn
from minigrad.devices import to_host
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, normalize_dims
from minigrad.functions.shape import as_ints
from minigrad.memory_order import contiguous_format
from minigrad.ops.identity import Clone
from minigrad.ops.selection import Where
from minigrad.typing import Array, Tensor

__all__ = ["flip", "meshgrid", "repeat_interleave", "roll", "tile", "tril", "triu"]


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


def tile(input: Tensor, dims: int | Sequence[int], *more: int) -> Tensor:
    """Return the tensor laid out ``dims`` times along each dimension; missing ones, in front, count as 1."""
    counts = as_ints((dims, *more))
    missing = as_tensor_operand("tile", input).array.ndim - len(counts)
    return repeat(input, (*(1,) * missing, *counts))


def repeat_interleave(
    input: Tensor, repeats: Tensor | int | None = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Return each element ``repeats`` times in a row along ``dim``; without it, of the flattened input.

    ``repeats`` is a number for all or one for each. ``repeat_interleave(repeats)`` repeats the positions 0, 1, ….

    Raises:
        RuntimeError: if there are neither 1 nor as many repeats as elements, or some are negative.
        NotImplementedError: if they are no integers.
    """
    x = as_tensor_operand("repeat_interleave", input)
    if repeats is None:
        x, repeats = wrap(np.arange(x.array.size, like=x.array)), x
    if dim is None:
        x, dim = x.reshape(-1) if x.array.size else x.reshape(0), 0
    dim = normalize_dim(dim, x.array.ndim)
    x = x if x.array.ndim else x.reshape(1)
    n = x.array.shape[dim]
    counts = np.asarray(to_host(repeats.array) if isinstance(repeats, TensorBase) else repeats)
    if counts.dtype.kind not in "iu":
        raise NotImplementedError(f"repeat_interleave is not implemented for repeats of {counts.dtype}; give integers")
    if counts.ndim > 1 or counts.size not in (1, n):
        raise RuntimeError(f"repeats must have the same size as input along dim, but got {counts.size} and {n}")
    if np.any(counts < 0):
        raise RuntimeError("repeats can not be negative")
    positions = np.repeat(np.arange(n), np.broadcast_to(counts.reshape(-1), n))
    if output_size is not None and output_size != positions.size:
        raise RuntimeError(f"allocated size {output_size} does not match required size {positions.size}")
    return x[(*(slice(None),) * dim, positions)]


def meshgrid(*tensors: Tensor | Sequence[Tensor], indexing: Literal["ij", "xy"] | None = None) -> tuple[Tensor, ...]:
    """Return for each vector a view in which it is repeated along the dimensions of the others.

    Element i, j of the first result is xᵢ, of the second yⱼ; with ``indexing="xy"``, as in plots, of the first xⱼ.

    Raises:
        RuntimeError: if there is none, or one has more than one dimension.
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    vectors = [as_tensor_operand("meshgrid", x, "tensors") for x in given]
    if not vectors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if indexing is None:
        warn('meshgrid: pass indexing="ij", which is the default, or "xy"; NumPy\'s default is "xy"')
    for x in vectors:
        if x.array.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {list(x.shape)}")
        if x.array.dtype != vectors[0].array.dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(vectors) > 1
    ordered = [vectors[1], vectors[0], *vectors[2:]] if swap else vectors
    shape = tuple(x.array.size for x in ordered)
    grids = [
        x.reshape(*(n if d == i else 1 for d in range(len(shape)))).expand(*shape)
        for i, (x, n) in enumerate(zip(ordered, shape, strict=True))
    ]
    return (grids[1], grids[0], *grids[2:]) if swap else tuple(grids)


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
