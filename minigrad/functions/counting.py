"""The values that occur in a tensor, and how often. The results have no gradients."""

from __future__ import annotations

import numpy as np

from minigrad.devices import device_of, to_device, to_host
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, numpy_names
from minigrad.typing import Array, Tensor

__all__ = ["bincount", "unique", "unique_consecutive"]


@numpy_names
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """Return the different elements, in order; with ``dim``, the different slices along it.

    The result is ``values``, or a tuple of it and what is asked for:

    - the inverse: the position in the values of each element of ``input``;
    - the counts: how often each value occurs.

    Every NaN differs from every other.
    """
    x = as_tensor_operand("unique", input).array
    axis = None if dim is None else normalize_dim(dim, x.ndim)
    values, inverse, counts = np.unique(to_host(x), return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    inverse = inverse.reshape(x.shape if axis is None else -1)
    return _chosen(x, values, (return_inverse, inverse), (return_counts, counts))


@numpy_names
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Tensor | tuple[Tensor, ...]:
    """Return the elements without those that equal the one before; with ``dim``, the slices along it.

    The result is as that of :func:`unique`.
    """
    x = as_tensor_operand("unique_consecutive", input).array
    rows = to_host(x).reshape(-1) if dim is None else np.moveaxis(to_host(x), normalize_dim(dim, x.ndim), 0)
    differs = (rows[1:] != rows[:-1]).any(axis=tuple(range(1, rows.ndim)))
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(rows), 1), bool), differs]))
    values = rows[starts] if dim is None else np.moveaxis(rows[starts], 0, normalize_dim(dim, x.ndim))
    counts = np.diff(np.append(starts, len(rows)))
    inverse = np.repeat(np.arange(len(starts)), counts).reshape(x.shape if dim is None else -1)
    return _chosen(x, values, (return_inverse, inverse), (return_counts, counts))


def _chosen(like: Array, values: Array, *others: tuple[bool, Array]) -> Tensor | tuple[Tensor, ...]:
    """Return the values, and beside them the arrays that are wanted, on the device of ``like``."""
    where = device_of(like)
    results = [values, *(array.astype(np.int64) for wanted, array in others if wanted)]
    tensors = tuple(wrap(to_device(array, where)) for array in results)
    return tensors if len(tensors) > 1 else tensors[0]


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Return how often each of 0, 1, 2, … occurs in a vector of integers; or the sum of the ``weights`` that it has.

    Raises:
        RuntimeError: if it is no vector, has negative elements, or does not fit the weights.
        NotImplementedError: for a floating dtype.
    """
    x = as_tensor_operand("bincount", input).array
    if x.dtype.kind == "f":
        raise NotImplementedError(f"bincount is not implemented for {x.dtype}; it counts integers")
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, got {minlength}")
    if x.ndim != 1 or to_host(np.any(x < 0)):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return wrap(np.bincount(x, minlength=minlength).astype(np.int64))
    heavy = as_tensor_operand("bincount", weights, "weights").array
    if heavy.shape != x.shape:
        raise RuntimeError(f"weights should be 1-d and have the same length as input, got {list(heavy.shape)}")
    dtype = np.float32 if heavy.dtype == np.float32 else np.float64
    return wrap(np.bincount(x, heavy.astype(np.float64), minlength).astype(dtype))
