"""Sorting, and the k largest elements. The positions are constants to the derivative."""

from __future__ import annotations

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, numpy_names
from minigrad.functions.reduce import ValuesAndIndices
from minigrad.ops.gathering import Gather
from minigrad.typing import Array, Tensor

__all__ = ["argsort", "sort", "topk"]


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
