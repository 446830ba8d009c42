"""Arithmetic element by element, with broadcasting and numbers; torch's promotion and messages."""

from __future__ import annotations

from typing import Literal

import numpy as np

from minigrad.devices import to_host
from minigrad.dtypes import element_of
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.promotion import promote, scalar_beside, to_floating, unchanged
from minigrad.ops.arithmetic import Add, AddInPlace, Div, Mul, Neg, Pow, Sub
from minigrad.ops.casting import cast
from minigrad.ops.constant import (
    ConstantDiv,
    ConstantPow,
    DivConstant,
    DivConstantTensor,
    MulConstant,
    MulConstantTensor,
    PowConstant,
    PowConstantTensor,
    SubConstant,
)
from minigrad.ops.rounding import FloorDiv, Fmod, Remainder, TruncDiv
from minigrad.typing import Number, Tensor

__all__ = [
    "add",
    "div",
    "exp2",
    "floor_divide",
    "fmod",
    "mul",
    "neg",
    "pow",
    "remainder",
    "sub",
]


def add(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """Return input + alpha · other, broadcast.

    Raises:
        RuntimeError: if alpha is a fraction beside integers.
    """
    return Add.apply(*promote(input, other if alpha == 1 and alpha is not True else _scaled(input, other, alpha)))


def add_in_place(input: Tensor, other: Tensor | Number, alpha: Number = 1) -> Tensor | None:
    """Return input after input ← input + other, or None where that cannot be done without a copy first.

    It can for floating arrays of one shape and dtype in memory that is not shared.
    """
    if not isinstance(other, TensorBase) or alpha != 1 or alpha is True:
        return None
    x, y = input.array, other.array
    if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray) or not x.flags.writeable:
        return None
    if x.dtype.kind != "f" or x.dtype != y.dtype or x.shape != y.shape or np.may_share_memory(x, y):
        return None
    return AddInPlace.apply(input, other)


def sub(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """Return input − alpha · other, broadcast.

    Raises:
        RuntimeError: if alpha is a fraction beside integers, or an operand is of bools.
    """
    x, y = promote(input, other if alpha == 1 and alpha is not True else _scaled(input, other, alpha))
    if _is_bool(input) or _is_bool(other):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )
    return Sub.apply(x, y) if isinstance(y, TensorBase) else SubConstant.apply(x, c=y)


def _is_bool(x: Tensor | Number) -> bool:
    return isinstance(x, bool) or (isinstance(x, TensorBase) and x.array.dtype.kind == "b")


def _scaled(input: Tensor | Number, other: Tensor | Number, alpha: Number) -> Tensor | Number:
    """Return alpha · other, if alpha is a number of a kind that the operands have."""
    if isinstance(alpha, bool) and not (_is_bool(input) and _is_bool(other)):
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    dtypes = [v.array.dtype for v in (other, input) if isinstance(v, TensorBase)]
    if any(dtype.kind == "f" for dtype in dtypes) or isinstance(input, float) or isinstance(other, float):
        for dtype in dtypes:
            if dtype.kind == "f":
                element_of(alpha, dtype)  # which refuses what the dtype cannot hold
    elif isinstance(alpha, float):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    else:
        alpha = element_of(alpha, dtypes[0])
    return mul(other, alpha) if isinstance(other, TensorBase) else other * alpha


def mul(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Return input · other, broadcast."""
    x, y = promote(input, other)
    if not isinstance(y, TensorBase):
        return MulConstant.apply(x, c=y)
    if not isinstance(x, TensorBase):
        return MulConstant.apply(y, c=x)
    if x._requires_grad == y._requires_grad:
        return Mul.apply(x, y)
    return MulConstantTensor.apply(x, y) if x._requires_grad else MulConstantTensor.apply(y, x)


def div(
    input: Tensor | Number, other: Tensor | Number, *, rounding_mode: Literal["floor", "trunc"] | None = None
) -> Tensor:
    """Return input / other, broadcast; integers are divided as floats.

    ``rounding_mode`` ``"floor"`` or ``"trunc"`` rounds the quotient down or towards 0, and integers then stay integers.

    Raises:
        RuntimeError: for another rounding mode.
    """
    if rounding_mode not in (None, "floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
        )
    if rounding_mode is not None:
        return (FloorDiv if rounding_mode == "floor" else TruncDiv).apply(*_divisible(input, other))
    x, y = promote(input, other, unchanged)
    if not isinstance(x, TensorBase):
        assert isinstance(y, TensorBase)  # promote refuses two numbers
        return ConstantDiv.apply(to_floating(y), c=x)
    x = to_floating(x)
    if not isinstance(y, TensorBase):
        return DivConstant.apply(x, c=y)
    return (DivConstantTensor if x._requires_grad and not y._requires_grad else Div).apply(x, to_floating(y))


def remainder(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Return what a division of input by other leaves, broadcast; it has the sign of other, as Python's ``%``.

    Raises:
        RuntimeError: for integers divided by 0.
    """
    return Remainder.apply(*_divisible(input, other))


def fmod(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return what a division of input by other leaves, broadcast; it has the sign of input, as C's ``fmod``.

    Raises:
        RuntimeError: for integers divided by 0.
    """
    return Fmod.apply(*_divisible(as_tensor_operand("fmod", input), other))


def floor_divide(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Return ⌊input / other⌋, broadcast.

    Raises:
        RuntimeError: for integers divided by 0.
    """
    return div(input, other, rounding_mode="floor")


def _divisible(input: Tensor | Number, other: Tensor | Number) -> tuple[Tensor | Number, Tensor | Number]:
    """Return both in one dtype; refuse to divide integers by 0."""
    x, y = promote(input, other)
    divisor = y.array if isinstance(y, TensorBase) else np.asarray(y)
    kinds = [v.array.dtype.kind for v in (x, y) if isinstance(v, TensorBase)]
    if "b" in kinds:
        raise NotImplementedError("a rounded division of bool tensors is not supported; convert them with .to()")
    if "f" not in kinds and to_host(np.any(divisor == 0)):
        raise RuntimeError("ZeroDivisionError")
    return x, y


def neg(input: Tensor) -> Tensor:
    """Return −input.

    Raises:
        RuntimeError: for a bool tensor.
    """
    if as_tensor_operand("neg", input).array.dtype.kind == "b":
        raise RuntimeError("Negation, the `-` operator, on a bool tensor is not supported; use ~ for logical not")
    return Neg.apply(input)


def pow(input: Tensor | Number, exponent: Tensor | Number) -> Tensor:
    """Return input to the power of exponent, broadcast.

    Raises:
        RuntimeError: for integers to the power of a negative number.
    """
    if not isinstance(input, TensorBase):
        as_tensor_operand("pow", exponent, "exponent")
    x, y = promote(input, exponent)
    if not isinstance(x, TensorBase):
        assert isinstance(y, TensorBase)  # promote refuses two numbers
        x = wrap(scalar_beside(y.array, x))
    if isinstance(y, TensorBase):
        if x._requires_grad == y._requires_grad:
            z = Pow.apply(x, y)
        else:
            z = (PowConstantTensor if x._requires_grad else ConstantPow).apply(x, y)
    elif y == 2 and x.array.dtype.kind != "b":
        return Mul.apply(x, x)
    elif isinstance(exponent, int) and exponent < 0 and x.array.dtype.kind in "iu":  # as uint8, y is 255 for −1
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    else:
        z = PowConstant.apply(x, c=y)
    return cast(z, np.dtype(bool)) if _is_bool(input) and _is_bool(exponent) else z  # NumPy makes it int8


def exp2(input: Tensor) -> Tensor:
    """Return 2 to the power of every element."""
    return pow(2, to_floating(as_tensor_operand("exp2", input)))
