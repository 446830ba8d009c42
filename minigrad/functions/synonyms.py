"""Second names that torch has for functions, some of them NumPy's."""

from __future__ import annotations

from minigrad.functions.arithmetic import div, mul, neg, sub
from minigrad.functions.comparison import ge, gt, le, lt, ne
from minigrad.functions.pieces import cat
from minigrad.functions.selection import clamp
from minigrad.functions.shape import transpose
from minigrad.functions.unary import abs as absolute
from minigrad.functions.unary import trunc
from minigrad.typing import Number, Tensor

__all__ = [
    "absolute",
    "clip",
    "concat",
    "concatenate",
    "divide",
    "fix",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "multiply",
    "negative",
    "not_equal",
    "subtract",
    "swapaxes",
    "swapdims",
    "true_divide",
]

clip, divide, fix, multiply, negative, subtract = clamp, div, trunc, mul, neg, sub
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
concat = concatenate = cat


def true_divide(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return input / other, broadcast; integers are divided as floats."""
    return div(input, other)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Return a view with two dimensions exchanged."""
    return transpose(input, axis0, axis1)


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return a view with two dimensions exchanged."""
    return transpose(input, dim0, dim1)
