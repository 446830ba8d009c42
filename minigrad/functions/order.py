"""Sorting, the k largest elements, and medians. The positions are constants to the derivative."""

from __future__ import annotations

from typing import overload

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, numpy_names
from minigrad.functions.reduce import ValuesAndIndices
from minigrad.ops.gathering import Gather
from minigrad.ops.reduce import Extreme
from minigrad.typing import Array, Tensor

__all__ = ["argsort", "kthvalue", "median", "sort", "topk"]


@numpy_names
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesAndIndices:
    """Return the elements in order along ``dim``, and the position that each had; NaN counts as the largest.

    The order is always stable: equal elements keep theirs.
    """
    x = as_tensor_operand("sort", input)
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        return ValuesAndIndices(x.clone(), wrap(np.zeros_like(x.array, dtype=np.int64)))
    indices = wrap(_order(x.array, dim, descending))
    return ValuesAndIndices(Gather.apply(x, indices, dim=dim), indices)


def _order(x: Array, dim: int, descending: bool) -> Array:
    """Return the positions in x of the sorted elements along ``dim``."""
    if not descending:
        return np.argsort(x, axis=dim, kind="stable").astype(np.int64)
    backwards = (*(slice(None),) * dim, slice(None, None, -1))  # a stable order of the reverse, reversed
    return (x.shape[dim] - 1 - np.argsort(x[backwards], axis=dim, kind="stable")[backwards]).astype(np.int64)


@numpy_names
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """Return the ``k`` largest (or smallest) elements along ``dim``, in order, and the positions that they had.

    Raises:
        RuntimeError: if there are fewer than ``k`` elements, or for a bool tensor.
    """
    x = as_tensor_operand("topk", input)
    if x.array.dtype.kind == "b":
        raise RuntimeError("topk does not support bool tensors")
    dim = normalize_dim(dim, x.array.ndim)
    size = x.array.shape[dim] if x.array.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(f"selected index k out of range: k={k}, but dimension {dim} has {size} elements")
    values, indices = sort(x, dim, descending=largest)
    if x.array.ndim == 0:
        return ValuesAndIndices(values, indices)
    return ValuesAndIndices(values.narrow(dim, 0, k), indices.narrow(dim, 0, k))


@numpy_names
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Return the position in ``input`` of each element of the sorted tensor."""
    return sort(input, dim, descending, stable).indices


@numpy_names
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """Return the k-th smallest element along ``dim``, counted from 1, and its position.

    Raises:
        RuntimeError: if there are fewer than ``k`` elements, or ``k`` is below 1.
    """
    x = as_tensor_operand("kthvalue", input)
    dim = normalize_dim(dim, x.array.ndim)
    size = x.array.shape[dim] if x.array.ndim else 1
    if not 1 <= k <= size:
        raise RuntimeError(f"kthvalue(): selected number k out of range: k={k}, dimension {dim} has {size} elements")
    return _at(x, _one(_order(x.array, dim, False), k - 1, dim) if x.array.ndim else None, dim, keepdim)


@overload
def median(input: Tensor) -> Tensor: ...
@overload
def median(input: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
@numpy_names
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | ValuesAndIndices:
    """Return the element in the middle of the sorted ones, the lower of two; with ``dim``, along it, and its position.

    A NaN is the median of what it is part of. Without ``dim``, elements that tie share the gradient.

    Raises:
        IndexError: if the dimension has no elements.
    """
    x = as_tensor_operand("median", input)
    if dim is None:
        if x.array.size == 0:
            return wrap(np.full_like(x.array, np.nan if x.array.dtype.kind == "f" else 0, shape=(1,))).reshape(())
        return Extreme.apply(x.reshape(-1), dims=(0,), keepdim=False, extreme=_middle)
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        return _at(x, None, dim, keepdim)
    n = x.array.shape[dim]
    if n == 0:
        raise IndexError(f"median(): Expected reduction dim {dim} to have non-zero size, got {list(x.array.shape)}")
    order = _order(x.array, dim, False)
    middle = _one(order, (n - 1) // 2, dim)
    isnan = x.array != x.array
    first_nan = np.argmax(isnan, axis=dim, keepdims=True)
    return _at(x, np.where(np.any(isnan, axis=dim, keepdims=True), first_nan, middle), dim, keepdim)


def _middle(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """Return the median of a vector, as the primitive of extremes takes it."""
    if to_host(np.any(x != x)):
        return np.full_like(x, np.nan, shape=(1,))
    return np.sort(x)[(x.size - 1) // 2].reshape(1)


def _one(order: Array, position: int, dim: int) -> Array:
    """Return the slice at a position along ``dim``, with size 1 there."""
    return order[(slice(None),) * dim + (slice(position, position + 1),)]


def _at(x: Tensor, positions: Array | None, dim: int, keepdim: bool) -> ValuesAndIndices:
    """Return the elements at ``positions`` along ``dim``; without positions, a 0-d tensor itself."""
    if positions is None:
        return ValuesAndIndices(x.clone(), wrap(np.zeros_like(x.array, dtype=np.int64)))
    indices = wrap(positions.astype(np.int64))
    values = Gather.apply(x, indices, dim=dim)
    return ValuesAndIndices(*((values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))))
