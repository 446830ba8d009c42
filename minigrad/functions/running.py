"""Along a dimension, one element after the other: running products, running extremes, and differences."""

from __future__ import annotations

import numpy as np

from minigrad.devices import device_of, to_device, to_host
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, numpy_names
from minigrad.functions.comparison import ne
from minigrad.functions.pieces import cat, narrow
from minigrad.functions.reduce import ValuesAndIndices
from minigrad.ops.casting import cast
from minigrad.ops.gathering import Gather
from minigrad.ops.reduce import Cumprod
from minigrad.typing import DType, Tensor

__all__ = ["cummax", "cummin", "cumprod", "diff"]


@numpy_names
def cumprod(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """Return x₀ · … · xᵢ at each position i along ``dim``. Integers are multiplied as int64.

    Raises:
        IndexError: if the dimension is out of range.
    """
    x = as_tensor_operand("cumprod", input)
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    elif x.array.dtype.kind != "f":
        x = cast(x, np.dtype(np.int64))
    dim = normalize_dim(dim, x.array.ndim)
    return Cumprod.apply(x, dim=dim) if x.array.ndim else x.clone()


@numpy_names
def cummax(input: Tensor, dim: int) -> ValuesAndIndices:
    """Return the largest element so far at each position along ``dim``, and where it is; the last of equal ones."""
    return _running("cummax", np.maximum, input, dim)


@numpy_names
def cummin(input: Tensor, dim: int) -> ValuesAndIndices:
    """Return the smallest element so far at each position along ``dim``, and where it is; the last of equal ones."""
    return _running("cummin", np.minimum, input, dim)


def _running(name: str, extreme: np.ufunc, input: Tensor, dim: int) -> ValuesAndIndices:
    x = as_tensor_operand(name, input)
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        return ValuesAndIndices(x.clone(), wrap(np.zeros_like(x.array, dtype=np.int64)))
    values = to_host(x.array)
    so_far = extreme.accumulate(values, axis=dim)
    own = np.arange(values.shape[dim]).reshape([-1 if d == dim else 1 for d in range(values.ndim)])
    found = np.where((values == so_far) | (values != values), own, 0)  # a NaN is the extreme from where it stands
    indices = wrap(to_device(np.maximum.accumulate(found, axis=dim), device_of(x.array)))
    return ValuesAndIndices(Gather.apply(x, indices, dim=dim), indices)


@numpy_names
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Return xᵢ₊₁ − xᵢ along ``dim``, n times over; of bools, whether they differ.

    Args:
        prepend: what to put before the input along ``dim``.
        append: what to put behind it.

    Raises:
        RuntimeError: for a 0-d tensor, or a negative n.
    """
    x = as_tensor_operand("diff", input)
    if x.array.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    dim = normalize_dim(dim, x.array.ndim)
    if n and (prepend is not None or append is not None):
        x = cat([part for part in (prepend, x, append) if part is not None], dim)
    for _ in range(min(n, x.array.shape[dim])):
        count = x.array.shape[dim] - 1
        later, earlier = narrow(x, dim, 1, count), narrow(x, dim, 0, count)
        x = ne(later, earlier) if x.array.dtype.kind == "b" else later - earlier
    return x if n else x.clone()
