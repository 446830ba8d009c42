"""Functions of one element: exponentials, roots, sines, absolute values, rounding."""

from __future__ import annotations

import builtins
from collections.abc import Callable

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.promotion import to_floating
from minigrad.ops import rounding
from minigrad.ops.activation import Erf
from minigrad.ops.casting import apply_rounded_once
from minigrad.ops.rounding import Step
from minigrad.ops.unary import Abs, Cos, Exp, Expm1, Log, Log1p, Log2, Log10, Sin, Sqrt
from minigrad.typing import Array, Tensor

__all__ = [
    "abs",
    "ceil",
    "cos",
    "erf",
    "exp",
    "expm1",
    "floor",
    "isfinite",
    "isinf",
    "isnan",
    "log",
    "log1p",
    "log2",
    "log10",
    "nan_to_num",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sqrt",
    "square",
    "trunc",
]


def exp(input: Tensor) -> Tensor:
    """Return eˣ of every element."""
    return Exp.apply(to_floating(as_tensor_operand("exp", input)))


def log(input: Tensor) -> Tensor:
    """Return the natural logarithm of every element; −∞ at 0, NaN below."""
    return Log.apply(to_floating(as_tensor_operand("log", input)))


def log2(input: Tensor) -> Tensor:
    """Return the logarithm to base 2 of every element, exact for powers of 2; −∞ at 0, NaN below."""
    return Log2.apply(to_floating(as_tensor_operand("log2", input)))


def log10(input: Tensor) -> Tensor:
    """Return the logarithm to base 10 of every element, exact for powers of 10; −∞ at 0, NaN below."""
    return Log10.apply(to_floating(as_tensor_operand("log10", input)))


def erf(input: Tensor) -> Tensor:
    """Return the error function (2/√π) ∫₀ˣ e^(−t²) dt of every element."""
    return apply_rounded_once(Erf, to_floating(as_tensor_operand("erf", input)))


def sqrt(input: Tensor) -> Tensor:
    """Return the square root of every element; NaN below 0."""
    return Sqrt.apply(to_floating(as_tensor_operand("sqrt", input)))


def rsqrt(input: Tensor) -> Tensor:
    """Return 1/√x of every element."""
    return 1 / sqrt(input)


def reciprocal(input: Tensor) -> Tensor:
    """Return 1/x of every element."""
    return 1 / to_floating(as_tensor_operand("reciprocal", input))


def square(input: Tensor) -> Tensor:
    """Return x² of every element."""
    return as_tensor_operand("square", input) ** 2


def abs(input: Tensor) -> Tensor:
    """Return |x| of every element.

    Raises:
        NotImplementedError: for a bool tensor.
    """
    if as_tensor_operand("abs", input).array.dtype.kind == "b":
        raise NotImplementedError("abs is not implemented for bool tensors")
    return Abs.apply(input)


def log1p(input: Tensor) -> Tensor:
    """Return ln(1 + x) of every element, exact near 0."""
    return Log1p.apply(to_floating(as_tensor_operand("log1p", input)))


def expm1(input: Tensor) -> Tensor:
    """Return eˣ − 1 of every element, exact near 0."""
    return Expm1.apply(to_floating(as_tensor_operand("expm1", input)))


def sin(input: Tensor) -> Tensor:
    """Return the sine of every element, in radians."""
    return Sin.apply(to_floating(as_tensor_operand("sin", input)))


def cos(input: Tensor) -> Tensor:
    """Return the cosine of every element, in radians."""
    return Cos.apply(to_floating(as_tensor_operand("cos", input)))


def sign(input: Tensor) -> Tensor:
    """Return −1, 0 or 1 by the sign of every element, 0 for NaN; its gradient is 0."""
    if as_tensor_operand("sign", input).array.dtype.kind == "b":
        return input.clone()
    return Step.apply(input, function=rounding.sign)


def floor(input: Tensor) -> Tensor:
    """Return every element rounded down; its gradient is 0."""
    return _rounded("floor", np.floor, input)


def ceil(input: Tensor) -> Tensor:
    """Return every element rounded up; its gradient is 0."""
    return _rounded("ceil", np.ceil, input)


def trunc(input: Tensor) -> Tensor:
    """Return every element rounded towards 0; its gradient is 0."""
    return _rounded("trunc", np.trunc, input)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Return every element rounded to ``decimals`` digits behind the point, halves to even; its gradient is 0.

    A negative number of digits rounds to tens, hundreds, ….
    """
    scale = 10.0 ** builtins.abs(decimals)
    if decimals > 0:
        return _rounded("round", lambda x: np.rint(x * scale) / scale, input)
    return _rounded("round", np.rint if decimals == 0 else lambda x: np.rint(x / scale) * scale, input)


def _rounded(name: str, function: Callable[[Array], Array], input: Tensor) -> Tensor:
    x = as_tensor_operand(name, input)
    if x.array.dtype.kind == "b":
        raise NotImplementedError(f"{name} is not implemented for bool tensors")
    return x.clone() if x.array.dtype.kind in "iu" else Step.apply(x, function=function)


def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Return the elements with finite numbers in place of NaN (0 unless given), ∞ and −∞ (the ends of the dtype)."""
    x = as_tensor_operand("nan_to_num", input)
    if x.array.dtype.kind != "f":
        return x.clone()
    ends = np.finfo(x.array.dtype)
    y = x.masked_fill(isnan(x), 0.0 if nan is None else nan)
    y = y.masked_fill(wrap(x.array == np.inf), float(ends.max) if posinf is None else posinf)
    return y.masked_fill(wrap(x.array == -np.inf), float(ends.min) if neginf is None else neginf)


def isnan(input: Tensor) -> Tensor:
    """Return a bool tensor: True where an element is NaN."""
    return wrap(np.isnan(input.array))


def isinf(input: Tensor) -> Tensor:
    """Return a bool tensor: True where an element is infinite."""
    return wrap(np.isinf(input.array))


def isfinite(input: Tensor) -> Tensor:
    """Return a bool tensor: True where an element is neither infinite nor NaN."""
    return wrap(np.isfinite(input.array))
