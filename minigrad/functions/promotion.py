"""Operands before an operation sees them: Python numbers, mixed dtypes, and half precision inside ``autocast``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVarTuple, cast, overload

import numpy as np

from minigrad import dtypes
from minigrad.autocast import half_type
from minigrad.engine.tensor_base import TensorBase
from minigrad.ops import casting
from minigrad.typing import Array, DType, Number, Tensor

Operands = TypeVarTuple("Operands")


def lowered(*operands: *Operands) -> tuple[*Operands]:
    """Return float32 tensors as float16 inside ``autocast``, for operations that mostly multiply."""
    half = half_type.get()
    if half is None:
        return operands
    return cast("tuple[*Operands]", tuple([_as_half(x, half) for x in operands]))


def _as_half(x: object, half: DType) -> object:
    if isinstance(x, TensorBase) and x.array.dtype == np.float32:
        return casting.cast(x, half)  # type: ignore[arg-type]  # every TensorBase is a Tensor, whose module lies above
    return x


def raised(x: Tensor) -> Tensor:
    """Return a float16 tensor as float32 inside ``autocast``, for operations that need range or many digits."""
    if half_type.get() is not None and x.array.dtype == np.float16:
        return casting.cast(x, np.dtype(np.float32))
    return x


def number(value: object) -> Number:
    """Return a Python number for ``value``, so that it never raises a tensor's precision (NEP 50).

    Raises:
        TypeError: if it is neither a number nor a Tensor.
    """
    if isinstance(value, float | int):  # bool is an int; np.float64 is a float
        return float(value) if isinstance(value, np.floating) else value
    if isinstance(value, np.generic):
        return cast(Number, value.item())
    if isinstance(value, complex):
        raise NotImplementedError("complex numbers are not supported")
    refuse_array(value)
    raise TypeError(f"expected a Tensor or a number, got {type(value).__name__}")


def refuse_array(value: object) -> None:
    """Refuse a NumPy array where an operation needs a tensor.

    Raises:
        TypeError: saying how to make a tensor of it.
    """
    if isinstance(value, np.ndarray):
        raise TypeError(
            "expected a Tensor or a number, got ndarray; make a tensor of it with minigrad.from_numpy(array)"
        )


def scalar_beside(like: Array, value: Number) -> Array:
    """Return a 0-d array of a number, with the device and the dtype of ``like``."""
    return np.full_like(like, value, shape=(1,)).reshape(())  # CuPy takes the shape () for none


def raw(x: Tensor | Number) -> Array | Number:
    """Return the array of a tensor; a number as it is."""
    return x.array if isinstance(x, TensorBase) else number(x)


def priority(x: Tensor) -> tuple[DType, int]:
    """Return ``x`` as an operand of :func:`minigrad.dtypes.result_type`."""
    return (x.array.dtype, 2 if x.array.ndim else 1)


def wrapped(value: Number, dtype: DType) -> Number:
    """Return a Python number as an operand beside integers of ``dtype``, modulo the number of their values.

    torch does so in arithmetic and in comparisons: beside uint8, 300 is 44 and −1 is 255.

    Raises:
        OverflowError: if it does not even fit into 64 bits.
    """
    if type(value) is not int or dtype.kind not in "iu":
        return value
    limits = np.iinfo(dtype)
    if limits.min <= value <= limits.max:
        return value
    if not -(2**63) <= value < 2**64:
        raise OverflowError(f"int too big to convert: {value} has more than 64 bits")
    return (value - int(limits.min)) % 2**limits.bits + int(limits.min)


def unchanged(value: Number, dtype: DType) -> Number:
    """Return a Python number as it is, for an operation that is not computed in ``dtype``, such as true division."""
    return value


Fit = Callable[[Number, DType], Number]


@overload
def promote(x: Tensor, y: Tensor, fit: Fit = ...) -> tuple[Tensor, Tensor]: ...
@overload
def promote(x: Tensor, y: Tensor | Number, fit: Fit = ...) -> tuple[Tensor, Tensor | Number]: ...
@overload
def promote(x: Tensor | Number, y: Tensor | Number, fit: Fit = ...) -> tuple[Tensor | Number, Tensor | Number]: ...
def promote(x: Tensor | Number, y: Tensor | Number, fit: Fit = wrapped) -> tuple[Tensor | Number, Tensor | Number]:
    """Return both operands in the dtype of their result. A number stays a number, made to ``fit`` beside integers."""
    if isinstance(x, TensorBase):
        if type(y) is float and x.array.dtype.kind == "f":
            return x, y
        if isinstance(y, TensorBase):
            if x.array.dtype == y.array.dtype:
                return x, y
            dtype = dtypes.result_type(priority(x), priority(y))
            return casting.cast(x, dtype), casting.cast(y, dtype)
        y = number(y)
        x = casting.cast(x, dtypes.result_type(priority(x), (dtypes.dtype_of_scalar(y), 0)))
        return x, y if x.array.dtype.kind == "f" else fit(y, x.array.dtype)
    if not isinstance(y, TensorBase):
        raise TypeError(f"expected at least one Tensor, got {type(x).__name__} and {type(y).__name__}")
    y, x = promote(y, x, fit)
    return x, y


def to_floating(x: Tensor) -> Tensor:
    """Return ``x`` if it is floating, else cast to the default dtype (exp, sqrt, a division, … of integers)."""
    return x if x.array.dtype.kind == "f" else casting.cast(x, dtypes.get_default_dtype())
