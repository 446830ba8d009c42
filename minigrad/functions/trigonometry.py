"""Tangent, hyperbolic functions, and the angles and areas that belong to a value. Sine and cosine are in unary.py."""

from __future__ import annotations

from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.promotion import promote, to_floating
from minigrad.ops.trigonometry import Acos, Acosh, Asin, Asinh, Atan, Atan2, Atanh, Cosh, Sinh, Tan
from minigrad.typing import Tensor

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cosh",
    "sinh",
    "tan",
]


def tan(input: Tensor) -> Tensor:
    """Return the tangent of every element, in radians."""
    return Tan.apply(to_floating(as_tensor_operand("tan", input)))


def asin(input: Tensor) -> Tensor:
    """Return the angle in [−π/2, π/2] whose sine is each element; NaN outside [−1, 1]."""
    return Asin.apply(to_floating(as_tensor_operand("asin", input)))


def acos(input: Tensor) -> Tensor:
    """Return the angle in [0, π] whose cosine is each element; NaN outside [−1, 1]."""
    return Acos.apply(to_floating(as_tensor_operand("acos", input)))


def atan(input: Tensor) -> Tensor:
    """Return the angle in (−π/2, π/2) whose tangent is each element."""
    return Atan.apply(to_floating(as_tensor_operand("atan", input)))


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """Return the angle in [−π, π] of the point (other, input), broadcast: the height comes first."""
    y, x = promote(as_tensor_operand("atan2", input), as_tensor_operand("atan2", other, "other"))
    return Atan2.apply(to_floating(y), to_floating(x))


def sinh(input: Tensor) -> Tensor:
    """Return the hyperbolic sine (eˣ − e⁻ˣ) / 2 of every element, exact near 0."""
    return Sinh.apply(to_floating(as_tensor_operand("sinh", input)))


def cosh(input: Tensor) -> Tensor:
    """Return the hyperbolic cosine (eˣ + e⁻ˣ) / 2 of every element."""
    return Cosh.apply(to_floating(as_tensor_operand("cosh", input)))


def asinh(input: Tensor) -> Tensor:
    """Return the number whose hyperbolic sine is each element, exact near 0."""
    return Asinh.apply(to_floating(as_tensor_operand("asinh", input)))


def acosh(input: Tensor) -> Tensor:
    """Return the number ≥ 0 whose hyperbolic cosine is each element; NaN below 1."""
    return Acosh.apply(to_floating(as_tensor_operand("acosh", input)))


def atanh(input: Tensor) -> Tensor:
    """Return the number whose hyperbolic tangent is each element, exact near 0; NaN outside [−1, 1]."""
    return Atanh.apply(to_floating(as_tensor_operand("atanh", input)))


arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
arcsinh, arccosh, arctanh = asinh, acosh, atanh
