"""Reductions: sums, means, variances, extremes, and the positions of extremes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigrad.device import to_host
from minigrad.engine.function import Function
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.kernels import sums
from minigrad.kernels.precision import rounded, widened
from minigrad.ops.gathering import TakeAlongDim
from minigrad.ops.moving import maximum, minimum, where
from minigrad.ops.promotion import (
    as_tensor_operand,
    cast,
    normalize_dim,
    normalize_dims,
    numpy_names,
    raised,
    rounded_once,
    to_floating,
)
from minigrad.ops.shape import expand_reduced
from minigrad.ops.unary import Step, isfinite, sign


class Sum(Function):
    """y = Σ x over some dimensions        ∂L/∂x = ∂L/∂y, copied to every element that was summed"""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        self.shape, self.dims, self.keepdim = x.shape, dims, keepdim
        return sums.total(x, dims, keepdim)

    def backward(self, grad: Any) -> Any:
        return expand_reduced(grad, self.shape, self.dims, self.keepdim), None, None


class Mean(Function):
    """y = Σ x / n over some dimensions        ∂L/∂x = ∂L/∂y / n, copied to every element that was summed"""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        self.shape, self.dims, self.keepdim = x.shape, dims, keepdim
        return sums.mean(x, dims, keepdim)

    def backward(self, grad: Any) -> Any:
        count = max_scalar(math.prod(self.shape[d] for d in self.dims), 1)  # no element, no gradient
        return expand_reduced(grad / count, self.shape, self.dims, self.keepdim), None, None


class Prod(Function):
    """y = Π x over one dimension        ∂L/∂xᵢ = ∂L/∂y · Π of the other elements, which is y / xᵢ if none is 0"""

    def forward(self, x: Any, dim: int, keepdim: bool) -> Any:
        self.dim, self.keepdim = dim, keepdim
        y = sums.product(x, dim, keepdims=True)
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
        return sums.running_total(x, dim)

    def backward(self, grad: Any) -> Any:
        return Cumsum.apply(grad.flip(self.dim), self.dim).flip(self.dim), None


class Extreme(Function):
    """y = max x (or min) over some dimensions        ∂L/∂x = ∂L/∂y, shared evenly among the elements that tie

    A NaN is the extreme, and several share the gradient.
    """

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool, extreme: Any) -> Any:
        self.dims, self.keepdim = dims, keepdim
        y = extreme(x, axis=dims, keepdims=True)
        ties = (x == y) | np.isnan(x)  # if x has no NaN these are the equals; if it has one, y equals nothing
        self.save_for_backward(ties, np.sum(ties, axis=dims, keepdims=True, dtype=x.dtype))
        return y if keepdim else np.squeeze(y, axis=dims)

    def backward(self, grad: Any) -> Any:
        ties, count = self.saved_tensors
        share = expand_reduced(grad, count.shape, self.dims, self.keepdim) / count
        return where(ties, share.expand(*ties.shape), 0.0), None, None, None


class ExtremeOverDims(Extreme):
    """The same for ``amax`` and ``amin``, where torch multiplies by each element's share (0, or NaN beside a NaN)."""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool, extreme: Any) -> Any:
        self.dims, self.keepdim = dims, keepdim
        y = extreme(x, axis=dims, keepdims=True)
        ties = (x == y).astype(x.dtype)
        # a NaN equals nothing: the gradient is NaN too
        self.save_for_backward(ties / np.sum(ties, axis=dims, keepdims=True))
        return y if keepdim else np.squeeze(y, axis=dims)

    def backward(self, grad: Any) -> Any:
        (share,) = self.saved_tensors
        return expand_reduced(grad, share.shape, self.dims, self.keepdim) * share, None, None, None


class Variance(Function):
    """y = Σ (x − μ)² / m over some dimensions, with μ = mean x        ∂L/∂x = ∂L/∂y · 2 (x − μ) / m

    What reaches x through μ adds up to 0.
    """

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool, freedom: float) -> Any:
        self.dims, self.keepdim, self.freedom = dims, keepdim, freedom
        self.save_for_backward(x)
        deviation = x - sums.mean(x, dims, keepdims=True)
        return np.divide(sums.total(deviation * deviation, dims, keepdim), freedom)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        scale = expand_reduced(grad * 2 / self.freedom, x.shape, self.dims, self.keepdim)
        return scale * (x - mean(x, self.dims, keepdim=True)), None, None, None


class Norm(Function):
    """y = (Σ |x|ᵖ)^(1/p) over some dimensions        ∂L/∂x = ∂L/∂y · sign x · (|x| / y)^(p−1)

    The gradient is 0 for a zero vector, and for p < 1 at each zero, although the slope there is infinite.
    """

    def forward(self, x: Any, order: float, dims: tuple[int, ...], keepdim: bool) -> Any:
        self.order, self.dims, self.keepdim = order, dims, keepdim
        size = np.abs(widened(x))
        powers = size if order == 1 else size * size if order == 2 else size**order
        y = sums.total(powers, dims, keepdim)
        y = y if order == 1 else np.sqrt(y) if order == 2 else y ** (1 / order)
        y = rounded(y, x.dtype)
        self.save_for_backward(x, y)
        return y

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        if not self.keepdim:
            kept = tuple(1 if d in self.dims else n for d, n in enumerate(x.shape))
            grad, y = grad.reshape(kept), y.reshape(kept)
        return self.formula(grad, x, y, self.order), None, None, None

    @staticmethod
    @rounded_once
    def formula(grad: Any, x: Any, y: Any, order: float) -> Any:
        """The gradient of x, by powers that are not negative where that can be."""
        if order < 1:
            zero = x == 0
            slope = sign(x) * where(zero, 1.0, x).abs() ** (order - 1)
            return where(zero, 0.0, slope) * (grad * y ** (1 - order))
        zero = y == 0
        length = where(zero, 1.0, y)
        scale = where(zero, 0.0, grad / (length if order == 2 else length ** (order - 1)))
        if order < 2:
            return (sign(x) if order == 1 else sign(x) * x.abs() ** (order - 1)) * scale
        return (x if order == 2 else x * x.abs() ** (order - 2)) * scale


class ValuesAndIndices(NamedTuple):
    """What ``max`` and ``min`` over one dimension return."""

    values: Any
    indices: Any


@numpy_names
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Σ x over ``dim`` (an int or several; all by default). Integers are summed as int64.

    Raises:
        IndexError: if a dimension is out of range.
    """
    x = raised(as_tensor_operand("sum", input))
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    y = Sum.apply(x, normalize_dims(dim, x.array.ndim), keepdim)
    return y if dtype is None else cast(y, np.dtype(dtype))


@numpy_names
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
    return Mean.apply(raised(x), normalize_dims(dim, x.array.ndim), keepdim)


@numpy_names
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


@numpy_names
def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """x₀ + … + xᵢ at each position i along ``dim``. Integers are summed as int64.

    Raises:
        IndexError: if the dimension is out of range.
    """
    x = as_tensor_operand("cumsum", input)
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    dim = normalize_dim(dim, x.array.ndim)
    y = Cumsum.apply(x, dim) if x.array.ndim else Cumsum.apply(x.reshape(1), 0).reshape(())
    return y if dtype is None else cast(y, np.dtype(dtype))


@numpy_names
def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """Σ (x − mean)² / (n − correction) over ``dim``: correction 1, the default, is the unbiased estimate.

    ``unbiased`` is the older way to say correction 1 (true) or 0 (false); ``var(x, False)`` means it too.
    """
    return var_mean(input, dim, unbiased, keepdim, correction=correction)[0]


@numpy_names
def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The square root of ``var``; where that is 0, so is the gradient."""
    dtype = as_tensor_operand("std", input).array.dtype
    variance, _ = _wide_var_mean(input, dim, unbiased, keepdim, correction)
    return cast(root_with_zero_gradient_at_zero(variance), dtype)


@numpy_names
def var_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Any, Any]:
    """``var`` and ``mean``."""
    dtype = as_tensor_operand("var", input).array.dtype
    variance, average = _wide_var_mean(input, dim, unbiased, keepdim, correction)
    return cast(variance, dtype), cast(average, dtype)


def _wide_var_mean(x: Any, dim: Any, unbiased: bool | None, keepdim: bool, correction: float | None) -> tuple[Any, Any]:
    """``var`` and ``mean`` in the next wider dtype, where the spread of large numbers keeps its digits."""
    if x.array.dtype.kind != "f":
        raise RuntimeError(f"var and std only support floating point dtypes, got {x.array.dtype}")
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    x = cast(x, np.dtype(np.float32 if x.array.dtype == np.float16 else np.float64))
    dims = normalize_dims(dim, x.array.ndim)
    freedom = max_scalar(_count(x, dims) - (1 if correction is None else correction), 0)
    return Variance.apply(x, dims, keepdim, freedom), mean(x, dims, keepdim)


def root_with_zero_gradient_at_zero(squares: Any) -> Any:
    """√x, with gradient 0 where x = 0 although the slope there is infinite (torch's choice)."""
    zero = wrap(squares.array == 0)
    return where(zero, 0.0, where(zero, 1.0, squares).sqrt())


def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The p-norm (Σ |x|ᵖ)^(1/p) over ``dim`` (all by default); ``"fro"`` is p = 2, and ±∞ and 0 are their limits.

    A negative p is dominated by the smallest element: beside a 0 the norm is 0. The gradient of a zero vector is 0.

    Raises:
        NotImplementedError: for the nuclear norm.
        RuntimeError: for an integer tensor, ``"fro"`` over more than two dimensions, or p < 0 or ∞ of no elements.
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
    dims = normalize_dims(dim, x.array.ndim)
    if (order < 0 or order == math.inf) and _count(x, dims) == 0:
        raise RuntimeError(
            f"norm: cannot compute the {order} norm over the dimensions {dims} of a tensor of shape "
            f"{list(x.array.shape)}: there are no elements, and the operation does not have an identity"
        )
    if order in (math.inf, -math.inf):
        return Extreme.apply(x.abs(), dims, keepdim, np.max if order > 0 else np.min)
    if order == 0:
        return sum(Step.apply(x, lambda array: (array != 0).astype(array.dtype)), dims, keepdim)
    return Norm.apply(x, order, dims, keepdim)


@numpy_names
@rounded_once
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """ln Σ e^x over ``dim``, without overflow: the largest element is taken out first. −∞ if there is none."""
    x = to_floating(as_tensor_operand("logsumexp", input))
    dims = normalize_dims(dim, x.array.ndim)
    shift = wrap(np.max(x.array, axis=dims, keepdims=True)) if _count(x, dims) else 0.0
    if isinstance(shift, TensorBase):
        shift = where(isfinite(shift), shift, 0.0)
    total = sum((x - shift).exp(), dims, keepdim=True).log() + shift
    return total if keepdim else total.squeeze(dims)


def max_scalar(first: float, second: float) -> float:
    """The larger of two Python numbers (``max`` is a tensor function in this module)."""
    return first if first > second else second


def _count(x: Any, dims: tuple[int, ...]) -> int:
    return math.prod(x.array.shape[d] for d in dims)


@numpy_names
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """Largest element over ``dim`` (all by default); elements that tie share the gradient evenly.

    Raises:
        IndexError: if a reduced dimension is empty.
    """
    return _extreme_over("amax", np.max, input, dim, keepdim)


@numpy_names
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
    return ExtremeOverDims.apply(x, dims, keepdim, extreme)


def _refuse_empty(name: str, x: Any, dims: tuple[int, ...]) -> None:
    for d in dims:
        if x.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size, got shape {list(x.shape)}")


@numpy_names
def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; with an int ``dim``, ``(values, indices)`` over it; with a tensor, ``maximum``.

    Over one dimension the first of several equal elements is taken, and it alone gets the gradient.
    """
    return _extreme("max", np.argmax, np.max, maximum, input, dim, keepdim)


@numpy_names
def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with an int ``dim``, ``(values, indices)`` over it; with a tensor, ``minimum``."""
    return _extreme("min", np.argmin, np.min, minimum, input, dim, keepdim)


def _extreme(name: str, find: Any, over_all: Any, of_two: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    x = as_tensor_operand(name, input)
    if dim is None:
        if x.array.size == 0:
            raise RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        return Extreme.apply(x, normalize_dims(None, x.array.ndim), False, over_all)
    if not isinstance(dim, int):
        return of_two(x, dim)
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        return ValuesAndIndices(x.clone(), wrap(np.zeros_like(x.array, dtype=np.int64)))
    _refuse_empty(name, x, (dim,))
    indices = wrap(np.expand_dims(find(x.array, axis=dim), dim))
    values = TakeAlongDim.apply(x, indices, dim=dim)
    return ValuesAndIndices(*((values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))))


@numpy_names
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Position of the (first) largest element, along ``dim`` or in the flattened tensor."""
    return _position(np.argmax, "argmax", input, dim, keepdim)


@numpy_names
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
    if axis is not None:
        _refuse_empty(name, x, (axis,))
    return wrap(find(x, axis=axis, keepdims=keepdim))


@numpy_names
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether every element (over ``dim``) is true."""
    return _truth(np.all, input, dim, keepdim)


@numpy_names
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether some element (over ``dim``) is true."""
    return _truth(np.any, input, dim, keepdim)


def _truth(reduce: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    result = wrap(reduce(input.array, axis=normalize_dims(dim, input.array.ndim), keepdims=keepdim))
    return cast(result, np.dtype(np.uint8)) if input.array.dtype == np.uint8 else result  # torch keeps bytes
