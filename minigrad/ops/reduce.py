"""Reductions: sums, means, variances, extremes, and the positions of extremes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.function import Function, wrap
from minigrad.ops.indexing import take_along_dim
from minigrad.ops.promotion import as_tensor_operand, cast, normalize_dim, normalize_dims
from minigrad.ops.selection import maximum, minimum, where
from minigrad.ops.shape import expand_reduced
from minigrad.ops.unary import isfinite


class Sum(Function):
    """y = Σ x over some dimensions        ∂L/∂x = ∂L/∂y, copied to every element that was summed"""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        self.shape, self.dims, self.keepdim = x.shape, dims, keepdim
        return np.sum(x, axis=dims, keepdims=keepdim, dtype=None if x.dtype.kind == "f" else np.int64)

    def backward(self, grad: Any) -> Any:
        return expand_reduced(grad, self.shape, self.dims, self.keepdim), None, None


class Amax(Function):
    """y = max x over some dimensions        ∂L/∂x = ∂L/∂y, shared evenly among the elements that tie"""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        self.dims, self.keepdim = dims, keepdim
        y = np.max(x, axis=dims, keepdims=True)
        ties = (x == y).astype(x.dtype)
        with np.errstate(invalid="ignore"):  # a NaN equals nothing: the gradient is NaN too
            self.save_for_backward(ties / np.sum(ties, axis=dims, keepdims=True))
        return y if keepdim else np.squeeze(y, axis=dims)

    def backward(self, grad: Any) -> Any:
        (share,) = self.saved_tensors
        return expand_reduced(grad, share.shape, self.dims, self.keepdim) * share, None, None


class ValuesAndIndices(NamedTuple):
    """What ``max`` and ``min`` over one dimension return."""

    values: Any
    indices: Any


def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Σ x over ``dim`` (an int or several; all by default). Integers are summed as int64.

    Raises:
        IndexError: if a dimension is out of range.
    """
    x = as_tensor_operand("sum", input)
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    return Sum.apply(x, normalize_dims(dim, x.array.ndim), keepdim)


def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Arithmetic mean over ``dim`` (all dimensions by default); NaN if there is nothing to average.

    Raises:
        RuntimeError: for an integer tensor without ``dtype``.
    """
    x = as_tensor_operand("mean", input)
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    if x.array.dtype.kind != "f":
        raise RuntimeError(
            f"mean(): could not infer output dtype. Input dtype must be floating point. Got: {x.array.dtype}"
        )
    return sum(x, dim, keepdim) / _count(x, dim)


def var(input: Any, dim: Any = None, *, correction: float = 1, keepdim: bool = False) -> Any:
    """Σ (x − mean)² / (n − correction) over ``dim``: correction 1 is the unbiased estimate."""
    x = as_tensor_operand("var", input)
    deviation = x - mean(x, dim, keepdim=True)
    return sum(deviation * deviation, dim, keepdim) / max_scalar(_count(x, dim) - correction, 0)


def std(input: Any, dim: Any = None, *, correction: float = 1, keepdim: bool = False) -> Any:
    """The square root of ``var``."""
    return var(input, dim, correction=correction, keepdim=keepdim).sqrt()


def var_mean(input: Any, dim: Any = None, *, correction: float = 1, keepdim: bool = False) -> tuple[Any, Any]:
    """``var`` and ``mean``."""
    return var(input, dim, correction=correction, keepdim=keepdim), mean(input, dim, keepdim)


def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """ln Σ e^x over ``dim``, without overflow: the largest element is taken out first."""
    x = as_tensor_operand("logsumexp", input)
    largest = wrap(amax(x, dim, keepdim=True).array)
    shift = where(isfinite(largest), largest, 0.0)
    total = sum((x - shift).exp(), dim, keepdim=True).log() + shift
    return total if keepdim else total.squeeze(normalize_dims(dim, x.array.ndim))


def max_scalar(first: float, second: float) -> float:
    """The larger of two Python numbers (``max`` is a tensor function in this module)."""
    return first if first > second else second


def _count(x: Any, dim: Any) -> int:
    return int(np.prod([x.array.shape[d] for d in normalize_dims(dim, x.array.ndim)], dtype=np.int64))


def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """Largest element over ``dim`` (all by default); elements that tie share the gradient evenly.

    Raises:
        IndexError: if a reduced dimension is empty.
    """
    x = as_tensor_operand("amax", input)
    dims = normalize_dims(dim, x.array.ndim)
    _refuse_empty("amax", x, dims)
    return Amax.apply(x, dims, keepdim)


def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """Smallest element over ``dim`` (all by default); elements that tie share the gradient evenly."""
    return -amax(-input, dim, keepdim)


def _refuse_empty(name: str, x: Any, dims: tuple[int, ...]) -> None:
    for d in dims:
        if x.array.shape[d] == 0:
            raise IndexError(
                f"{name}(): Expected reduction dim {d} to have non-zero size, got shape {list(x.array.shape)}"
            )


def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; with an int ``dim``, ``(values, indices)`` over it; with a tensor, ``maximum``.

    Over one dimension the first of several equal elements is taken, and it alone gets the gradient.
    """
    return _extreme("max", np.argmax, amax, maximum, input, dim, keepdim)


def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with an int ``dim``, ``(values, indices)`` over it; with a tensor, ``minimum``."""
    return _extreme("min", np.argmin, amin, minimum, input, dim, keepdim)


def _extreme(name: str, find: Any, over_all: Any, of_two: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    x = as_tensor_operand(name, input)
    if dim is None:
        if x.array.size == 0:
            raise RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        return over_all(x)
    if not isinstance(dim, int):
        return of_two(x, dim)
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        return ValuesAndIndices(x.clone(), wrap(np.zeros_like(x.array, dtype=np.int64)))
    _refuse_empty(name, x, (dim,))
    indices = wrap(np.expand_dims(find(x.array, axis=dim), dim))
    values = take_along_dim(x, indices, dim)
    return ValuesAndIndices(*((values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))))


def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Position of the (first) largest element, along ``dim`` or in the flattened tensor."""
    return _position(np.argmax, "argmax", input, dim, keepdim)


def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Position of the (first) smallest element, along ``dim`` or in the flattened tensor."""
    return _position(np.argmin, "argmin", input, dim, keepdim)


def _position(find: Any, name: str, input: Any, dim: int | None, keepdim: bool) -> Any:
    x = as_tensor_operand(name, input).array
    if x.dtype.kind == "b":
        raise RuntimeError(f"{name}(): does not support bool input")
    if x.size == 0 and dim is None:
        raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
    axis = None if dim is None or x.ndim == 0 else normalize_dim(dim, x.ndim)
    return wrap(find(x, axis=axis, keepdims=keepdim))


def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether every element (over ``dim``) is true."""
    return _truth(np.all, input, dim, keepdim)


def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether some element (over ``dim``) is true."""
    return _truth(np.any, input, dim, keepdim)


def _truth(reduce: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    result = wrap(reduce(input.array, axis=normalize_dims(dim, input.array.ndim), keepdims=keepdim))
    return cast(result, np.dtype(np.uint8)) if input.array.dtype == np.uint8 else result  # torch keeps bytes
