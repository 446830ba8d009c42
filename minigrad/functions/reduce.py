"""Reductions: sums, means, variances, norms, extremes, and the positions of extremes."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Literal, NamedTuple, overload

import numpy as np

from minigrad.caller import warn
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, normalize_dims, numpy_names
from minigrad.functions.decompositions import reduced_svd
from minigrad.functions.named_parts import by_line
from minigrad.functions.promotion import raised, to_floating
from minigrad.functions.selection import maximum, minimum
from minigrad.ops.casting import cast, rounded_once
from minigrad.ops.gathering import Gather
from minigrad.ops.reduce import Cumsum, Extreme, ExtremeOverDims, Mean, Norm, Prod, Sum, Variance
from minigrad.ops.rounding import Step
from minigrad.typing import Array, DType, Number, Tensor

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "cumsum",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "prod",
    "std",
    "std_mean",
    "sum",
    "var",
    "var_mean",
]

Dim = int | tuple[int, ...] | list[int]  # one dimension, or several


class ValuesAndIndices(NamedTuple):
    """The result of ``max`` and ``min`` over one dimension."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return by_line(self)


@numpy_names
def sum(input: Tensor, dim: Dim | None = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """Return Σ x over ``dim`` (an int or several; all by default). Integers are summed as int64.

    Raises:
        IndexError: if a dimension is out of range.
    """
    x = raised(as_tensor_operand("sum", input))
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    y = Sum.apply(x, dims=normalize_dims(dim, x.array.ndim), keepdim=keepdim)
    return y if dtype is None else cast(y, np.dtype(dtype))


@numpy_names
def mean(input: Tensor, dim: Dim | None = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """Return the arithmetic mean over ``dim`` (all dimensions by default); NaN if there is nothing to average.

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
    return Mean.apply(raised(x), dims=normalize_dims(dim, x.array.ndim), keepdim=keepdim)


@numpy_names
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """Return Π x over one dimension, or over all. Integers are multiplied as int64.

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
        return Prod.apply(x.reshape(x.array.size), dim=0, keepdim=False)
    return Prod.apply(x, dim=normalize_dim(dim, x.array.ndim), keepdim=keepdim)


@numpy_names
def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """Return x₀ + … + xᵢ at each position i along ``dim``. Integers are summed as int64.

    Raises:
        IndexError: if the dimension is out of range.
    """
    x = as_tensor_operand("cumsum", input)
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    dim = normalize_dim(dim, x.array.ndim)
    y = Cumsum.apply(x, dim=dim) if x.array.ndim else Cumsum.apply(x.reshape(1), dim=0).reshape(())
    return y if dtype is None else cast(y, np.dtype(dtype))


@numpy_names
def var(
    input: Tensor,
    dim: Dim | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Return Σ (x − mean)² / (n − correction) over ``dim``: correction 1, the default, is the unbiased estimate.

    ``unbiased`` is the older way to say correction 1 (true) or 0 (false); ``var(x, False)`` means it too.
    """
    return var_mean(input, dim, unbiased, keepdim, correction=correction)[0]


@numpy_names
def std(
    input: Tensor,
    dim: Dim | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Return the square root of ``var``; where that is 0, so is the gradient."""
    dtype = as_tensor_operand("std", input).array.dtype
    variance, _ = _wide_var_mean(input, dim, unbiased, keepdim, correction)
    return cast(_root_with_zero_gradient_at_zero(variance), dtype)


@numpy_names
def std_mean(
    input: Tensor,
    dim: Dim | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return ``std`` and ``mean``."""
    dtype = as_tensor_operand("std", input).array.dtype
    variance, average = _wide_var_mean(input, dim, unbiased, keepdim, correction)
    return cast(_root_with_zero_gradient_at_zero(variance), dtype), cast(average, dtype)


@numpy_names
def var_mean(
    input: Tensor,
    dim: Dim | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return ``var`` and ``mean``."""
    dtype = as_tensor_operand("var", input).array.dtype
    variance, average = _wide_var_mean(input, dim, unbiased, keepdim, correction)
    return cast(variance, dtype), cast(average, dtype)


def _wide_var_mean(
    x: Tensor, dim: Dim | None, unbiased: bool | None, keepdim: bool, correction: float | None
) -> tuple[Tensor, Tensor]:
    """Return ``var`` and ``mean`` in the next wider dtype, where the spread of large numbers keeps its digits."""
    if x.array.dtype.kind != "f":
        raise RuntimeError(f"var and std only support floating point dtypes, got {x.array.dtype}")
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    x = cast(x, np.dtype(np.float32 if x.array.dtype == np.float16 else np.float64))
    dims = normalize_dims(dim, x.array.ndim)
    freedom = builtins.max(_count(x, dims) - (1 if correction is None else correction), 0)
    if freedom == 0:
        warn(
            "var and std: degrees of freedom is <= 0, so the result is NaN or infinite: the correction must be less "
            "than the number of elements (correction=0 divides by that number)"
        )
    return Variance.apply(x, dims=dims, keepdim=keepdim, freedom=freedom), mean(x, dims, keepdim)


def _root_with_zero_gradient_at_zero(squares: Tensor) -> Tensor:
    """Return √x, with gradient 0 where x = 0 although the slope there is infinite (torch's choice)."""
    zero = wrap(squares.array == 0)
    return squares.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)


def norm(
    input: Tensor,
    p: Number | Literal["fro", "nuc"] | None = "fro",
    dim: Dim | None = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """Return the p-norm (Σ |x|ᵖ)^(1/p) over ``dim`` (all by default).

    ``"fro"`` is p = 2, and ±∞ and 0 are their limits. ``"nuc"`` is the sum of the singular values of the matrices in
    two dimensions.

    A negative p is dominated by the smallest element: beside a 0 the norm is 0. The gradient of a zero vector is 0.

    Raises:
        RuntimeError: for an integer tensor, ``"fro"`` over more than two dimensions, ``"nuc"`` over other than two, or
            p < 0 or ∞ of no elements.
    """
    x = as_tensor_operand("norm", input)
    x = x if dtype is None else cast(x, np.dtype(dtype))
    if x.array.dtype.kind != "f":
        raise RuntimeError(f"norm: Expected a floating point tensor as input. Got {x.array.dtype}")
    if p == "nuc":
        return _nuclear_norm(x, normalize_dims(dim, x.array.ndim), keepdim)
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
        return Extreme.apply(x.abs(), dims=dims, keepdim=keepdim, extreme=np.max if order > 0 else np.min)
    if order == 0:
        return sum(Step.apply(x, function=lambda array: (array != 0).astype(array.dtype)), dims, keepdim)
    return Norm.apply(x, order=order, dims=dims, keepdim=keepdim)


def _nuclear_norm(x: Tensor, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    """Return the sums of the singular values of the matrices in two dimensions."""
    if len(dims) != 2:
        raise RuntimeError(f"norm: p='nuc' needs two dimensions, got {len(dims)}: {dims}; pass dim=(rows, columns)")
    total = sum(reduced_svd(x.movedim(list(dims), [-2, -1])).S, -1)
    return total.unsqueeze(-1).unsqueeze(-1).movedim([-2, -1], list(dims)) if keepdim else total


@numpy_names
@rounded_once
def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """Return ln Σ e^x over ``dim``, without overflow: the largest element is taken out first. −∞ if there is none."""
    x = to_floating(as_tensor_operand("logsumexp", input))
    dims = normalize_dims(dim, x.array.ndim)
    shift: Tensor | float = 0.0
    if _count(x, dims):
        largest = np.max(x.array, axis=dims, keepdims=True)
        shift = wrap(np.where(np.isfinite(largest), largest, largest.dtype.type(0)))
    total = sum((x - shift).exp(), dims, keepdim=True).log() + shift
    return total if keepdim else total.squeeze(dims)


def _count(x: Tensor, dims: tuple[int, ...]) -> int:
    return math.prod(x.array.shape[d] for d in dims)


@numpy_names
def amax(input: Tensor, dim: Dim = (), keepdim: bool = False) -> Tensor:
    """Return the largest element over ``dim`` (all by default); elements that tie share the gradient evenly.

    Raises:
        IndexError: if a reduced dimension is empty.
    """
    return _extreme_over("amax", np.max, input, dim, keepdim)


@numpy_names
def amin(input: Tensor, dim: Dim = (), keepdim: bool = False) -> Tensor:
    """Return the smallest element over ``dim`` (all by default); elements that tie share the gradient evenly."""
    return _extreme_over("amin", np.min, input, dim, keepdim)


def _extreme_over(name: str, extreme: Callable[..., Array], input: Tensor, dim: Dim, keepdim: bool) -> Tensor:
    x = as_tensor_operand(name, input)
    if x.array.size == 0 and dim == ():
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    dims = normalize_dims(dim, x.array.ndim)
    _refuse_empty(name, x, dims)
    return ExtremeOverDims.apply(x, dims=dims, keepdim=keepdim, extreme=extreme)


def _refuse_empty(name: str, x: Tensor | Array, dims: tuple[int, ...]) -> None:
    for d in dims:
        if x.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size, got shape {list(x.shape)}")


@overload
def max(input: Tensor) -> Tensor: ...
@overload
def max(input: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
@overload
def max(input: Tensor, dim: Tensor) -> Tensor: ...
@numpy_names
def max(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Tensor | ValuesAndIndices:
    """Return the largest element; with an int ``dim``, ``(values, indices)`` over it; with a tensor, ``maximum``.

    Over one dimension the first of several equal elements is taken, and it alone gets the gradient.
    """
    return _extreme("max", np.argmax, np.max, maximum, input, dim, keepdim)


@overload
def min(input: Tensor) -> Tensor: ...
@overload
def min(input: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
@overload
def min(input: Tensor, dim: Tensor) -> Tensor: ...
@numpy_names
def min(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Tensor | ValuesAndIndices:
    """Return the smallest element; with an int ``dim``, ``(values, indices)`` over it; with a tensor, ``minimum``."""
    return _extreme("min", np.argmin, np.min, minimum, input, dim, keepdim)


def _extreme(
    name: str,
    find: Callable[..., Array],
    over_all: Callable[..., Array],
    of_two: Callable[[Tensor, Tensor], Tensor],
    input: Tensor,
    dim: int | Tensor | None,
    keepdim: bool,
) -> Tensor | ValuesAndIndices:
    x = as_tensor_operand(name, input)
    if dim is None:
        if x.array.size == 0:
            raise RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        return Extreme.apply(x, dims=normalize_dims(None, x.array.ndim), keepdim=False, extreme=over_all)
    if not isinstance(dim, int):
        return of_two(x, dim)
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        return ValuesAndIndices(x.clone(), wrap(np.zeros_like(x.array, dtype=np.int64)))
    _refuse_empty(name, x, (dim,))
    indices = wrap(np.expand_dims(find(x.array, axis=dim), dim))
    values = Gather.apply(x, indices, dim=dim)
    return ValuesAndIndices(*((values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))))


@numpy_names
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the position of the (first) largest element, along ``dim`` or in the flattened tensor."""
    return _position(np.argmax, "argmax", input, dim, keepdim)


@numpy_names
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the position of the (first) smallest element, along ``dim`` or in the flattened tensor."""
    return _position(np.argmin, "argmin", input, dim, keepdim)


def _position(find: Callable[..., Array], name: str, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
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
def all(input: Tensor, dim: Dim | None = None, keepdim: bool = False) -> Tensor:
    """Return a bool tensor: True where every element (over ``dim``) is true."""
    return _truth(np.all, input, dim, keepdim)


@numpy_names
def any(input: Tensor, dim: Dim | None = None, keepdim: bool = False) -> Tensor:
    """Return a bool tensor: True where at least one element (over ``dim``) is true."""
    return _truth(np.any, input, dim, keepdim)


def _truth(reduce: Callable[..., Array], input: Tensor, dim: Dim | None, keepdim: bool) -> Tensor:
    result = wrap(reduce(input.array, axis=normalize_dims(dim, input.array.ndim), keepdims=keepdim))
    return cast(result, np.dtype(np.uint8)) if input.array.dtype == np.uint8 else result  # torch keeps bytes
