"""Reductions: sums, means, variances, extremes, and the positions of extremes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigrad.device import to_host
from minigrad.function import Function, wrap
from minigrad.ops.indexing import TakeAlongDim
from minigrad.ops.promotion import as_tensor_operand, cast, normalize_dim, normalize_dims, raised
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


class Prod(Function):
    """y = Π x over one dimension        ∂L/∂xᵢ = ∂L/∂y · Π of the other elements, which is y / xᵢ if none is 0"""

    def forward(self, x: Any, dim: int, keepdim: bool) -> Any:
        self.dim, self.keepdim = dim, keepdim
        y = np.prod(x, axis=dim, keepdims=True, dtype=x.dtype)
        self.save_for_backward(x)
        return y if keepdim else np.squeeze(y, axis=dim)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        if not self.keepdim:
            grad = grad.unsqueeze(self.dim)
        if x.array.shape[self.dim] == 1:
            return grad, None, None
        if not to_host(np.any(x.array == 0)):
            return grad * (Prod.apply(x, self.dim, True) / x), None, None
        last = x.transpose(self.dim, -1)
        n = last.shape[-1]
        own = np.arange(n, like=x.array)
        one_left_out = where(wrap(own[:, None] == own), 1.0, last.unsqueeze(-2).expand(*last.shape, n))
        others = Prod.apply(one_left_out, one_left_out.ndim - 1, False)
        return grad * others.transpose(self.dim, -1), None, None


class Cumsum(Function):
    """yᵢ = x₀ + … + xᵢ along a dimension        ∂L/∂xᵢ = Σ of ∂L/∂y from i to the end"""

    def forward(self, x: Any, dim: int) -> Any:
        self.dim = dim
        return np.cumsum(x, axis=dim, dtype=None if x.dtype.kind == "f" else np.int64)

    def backward(self, grad: Any) -> Any:
        return Cumsum.apply(grad.flip(self.dim), self.dim).flip(self.dim), None


class Extreme(Function):
    """y = max x (or min) over some dimensions        ∂L/∂x = ∂L/∂y, shared evenly among the elements that tie"""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool, extreme: Any) -> Any:
        self.dims, self.keepdim = dims, keepdim
        y = extreme(x, axis=dims, keepdims=True)
        ties = (x == y).astype(x.dtype)
        with np.errstate(invalid="ignore"):  # a NaN equals nothing: the gradient is NaN too
            self.save_for_backward(ties / np.sum(ties, axis=dims, keepdims=True))
        return y if keepdim else np.squeeze(y, axis=dims)

    def backward(self, grad: Any) -> Any:
        (share,) = self.saved_tensors
        return expand_reduced(grad, share.shape, self.dims, self.keepdim) * share, None, None, None


class ValuesAndIndices(NamedTuple):
    """What ``max`` and ``min`` over one dimension return."""

    values: Any
    indices: Any


def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Σ x over ``dim`` (an int or several; all by default). Integers are summed as int64.

    Raises:
        IndexError: if a dimension is out of range.
    """
    x = raised(as_tensor_operand("sum", input))
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


def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Π x over one dimension, or over all. Integers are multiplied as int64.

    Raises:
        IndexError: if the dimension is out of range.
    """
    x = as_tensor_operand("prod", input)
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    elif x.array.dtype.kind != "f":
        x = cast(x, np.dtype(np.int64))
    if dim is None or x.array.ndim == 0:
        normalize_dim(0 if dim is None else dim, x.array.ndim)
        return Prod.apply(x.reshape(x.array.size), 0, False)
    return Prod.apply(x, normalize_dim(dim, x.array.ndim), keepdim)


def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """x₀ + … + xᵢ at each position i along ``dim``. Integers are summed as int64.

    Raises:
        IndexError: if the dimension is out of range.
    """
    x = as_tensor_operand("cumsum", input)
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    dim = normalize_dim(dim, x.array.ndim)
    return Cumsum.apply(x, dim) if x.array.ndim else Cumsum.apply(x.reshape(1), 0).reshape(())


def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """Σ (x − mean)² / (n − correction) over ``dim``: correction 1, the default, is the unbiased estimate.

    ``unbiased`` is the older way to say correction 1 (true) or 0 (false); ``var(x, False)`` means it too.
    """
    return var_mean(input, dim, unbiased, keepdim, correction=correction)[0]


def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The square root of ``var``; where that is 0, so is the gradient."""
    variance = var(input, dim, unbiased, keepdim, correction=correction)
    return root_with_zero_gradient_at_zero(variance)


def var_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Any, Any]:
    """``var`` and ``mean``."""
    x = as_tensor_operand("var", input)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    average = mean(x, dim, keepdim=True)
    deviation = x - average
    dims = normalize_dims(dim, x.array.ndim)
    squares = sum(deviation * deviation, dims, keepdim)
    freedom = max_scalar(_count(x, dim) - (1 if correction is None else correction), 0)
    return squares / freedom, average if keepdim else average.squeeze(dims) if dims else average


def root_with_zero_gradient_at_zero(squares: Any) -> Any:
    """√x, with gradient 0 where x = 0 although the slope there is infinite (torch's choice for norms)."""
    zero = wrap(squares.array == 0)
    return where(zero, 0.0, where(zero, 1.0, squares).sqrt())


def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The p-norm (Σ |x|ᵖ)^(1/p) over ``dim`` (all by default); ``"fro"`` is p = 2, and ±∞ and 0 are their limits.

    The gradient of a zero vector is 0.

    Raises:
        NotImplementedError: for the nuclear norm.
        RuntimeError: for an integer tensor, or ``"fro"`` over more than two dimensions.
    """
    x = as_tensor_operand("norm", input)
    x = x if dtype is None else cast(x, np.dtype(dtype))
    if x.array.dtype.kind != "f":
        raise RuntimeError(f"norm: Expected a floating point tensor as input. Got {x.array.dtype}")
    if p == "nuc":
        raise NotImplementedError("norm: the nuclear norm (p='nuc') is not supported")
    if p == "fro" and isinstance(dim, tuple | list) and len(dim) > 2:
        raise RuntimeError(f"norm: dim must name at most 2 dimensions for p='fro', got {tuple(dim)}; use p=2")
    order = 2.0 if p in ("fro", None) else float(p)
    if order == 2:
        return root_with_zero_gradient_at_zero(sum(x * x, dim, keepdim))
    if order in (math.inf, -math.inf):
        return (amax if order > 0 else amin)(x.abs(), () if dim is None else dim, keepdim)
    if order == 0:
        return sum(where(x != 0, 1.0 + 0.0 * x, 0.0), dim, keepdim)
    total = sum(x.abs() if order == 1 else _power_of_size(x, order), dim, keepdim)
    if order == 1:
        return total
    zero = wrap(total.array == 0)
    return where(zero, 0.0, where(zero, 1.0, total) ** (1 / order))


def _power_of_size(x: Any, order: float) -> Any:
    """|x|ᵖ, whose gradient at 0 is 0 for every p."""
    zero = wrap(x.array == 0)
    return where(zero, 0.0, where(zero, 1.0, x.abs()) ** order)


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
    return _extreme_over("amax", np.max, input, dim, keepdim)


def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """Smallest element over ``dim`` (all by default); elements that tie share the gradient evenly."""
    return _extreme_over("amin", np.min, input, dim, keepdim)


def _extreme_over(name: str, extreme: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    x = as_tensor_operand(name, input)
    if x.array.size == 0 and dim == ():
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    dims = normalize_dims(dim, x.array.ndim)
    _refuse_empty(name, x, dims)
    return Extreme.apply(x, dims, keepdim, extreme)


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
    values = TakeAlongDim.apply(x, indices, dim)
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
