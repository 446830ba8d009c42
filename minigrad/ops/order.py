"""Order: sorting, and the k largest. The positions are constants to the derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.engine.function import wrap
from minigrad.functions.reduce import ValuesAndIndices
from minigrad.ops.indexing import TakeAlongDim
from minigrad.ops.promotion import as_tensor_operand, normalize_dim, numpy_names


@numpy_names
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesAndIndices:
    """The elements in order along ``dim``, and where each was; NaN counts as the largest.

    Always stable: equal elements keep their order.
    """
    x = as_tensor_operand("sort", input)
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        return ValuesAndIndices(x.clone(), wrap(np.zeros_like(x.array, dtype=np.int64)))
    indices = wrap(_order(x.array, dim, descending))
    return ValuesAndIndices(TakeAlongDim.apply(x, indices, dim), indices)


def _order(x: Any, dim: int, descending: bool) -> Any:
    if not descending:
        return np.argsort(x, axis=dim, kind="stable").astype(np.int64)
    backwards = (*(slice(None),) * dim, slice(None, None, -1))  # a stable order of the reverse, reversed
    return (x.shape[dim] - 1 - np.argsort(x[backwards], axis=dim, kind="stable")[backwards]).astype(np.int64)


@numpy_names
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """The ``k`` largest (or smallest) elements along ``dim``, in order, and where they were.

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
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Where each element of the sorted tensor was."""
    return sort(input, dim, descending, stable).indices
