"""Bit by bit: and, or, exclusive or, and shifts, of integers; of bools the logical operations. No gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad.engine.mistakes import why_not_broadcast
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.promotion import promote, raw, scalar_beside
from minigrad.typing import Array, Tensor

__all__ = ["bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor"]


def bitwise_and(input: Tensor | int, other: Tensor | int) -> Tensor:
    """Return the bits that both have.

    Raises:
        NotImplementedError: for floating dtypes.
    """
    return _bitwise("bitwise_and", np.bitwise_and, "bui", input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """Return the bits exchanged, 1 for 0 and 0 for 1; of bools, what they are not.

    Raises:
        NotImplementedError: for floating dtypes.
    """
    x = as_tensor_operand("bitwise_not", input)
    if x.array.dtype.kind == "f":
        raise NotImplementedError(f"bitwise_not is not implemented for {x.array.dtype}; it is for integers and bools")
    return wrap(~x.array)


def bitwise_or(input: Tensor | int, other: Tensor | int) -> Tensor:
    """Return the bits that at least one has.

    Raises:
        NotImplementedError: for floating dtypes.
    """
    return _bitwise("bitwise_or", np.bitwise_or, "bui", input, other)


def bitwise_xor(input: Tensor | int, other: Tensor | int) -> Tensor:
    """Return the bits that exactly one has.

    Raises:
        NotImplementedError: for floating dtypes.
    """
    return _bitwise("bitwise_xor", np.bitwise_xor, "bui", input, other)


def bitwise_left_shift(input: Tensor | int, other: Tensor | int) -> Tensor:
    """Return the bits moved up by ``other`` positions: input · 2^other, without the bits that leave the dtype.

    Raises:
        NotImplementedError: for bools and floating dtypes.
    """
    return _bitwise("bitwise_left_shift", _shift_left, "ui", input, other)


def bitwise_right_shift(input: Tensor | int, other: Tensor | int) -> Tensor:
    """Return the bits moved down by ``other`` positions: input / 2^other, rounded down.

    Raises:
        NotImplementedError: for bools and floating dtypes.
    """
    return _bitwise("bitwise_right_shift", _shift_right, "ui", input, other)


def _shift_left(x: Array, count: Array) -> Array:
    """Return x · 2^count, without the bits that leave the type: 0 if all of them do."""
    fits = (count >= 0) & (count < 8 * x.dtype.itemsize)
    return np.where(fits, np.left_shift(x, np.where(fits, count, 0)), 0).astype(x.dtype)


def _shift_right(x: Array, count: Array) -> Array:
    """Return x / 2^count, rounded down: the sign if all bits leave."""
    most = 8 * x.dtype.itemsize - 1
    fits = (count >= 0) & (count <= most)
    shifted = np.right_shift(x, np.where(fits, count, most))
    return (shifted if x.dtype.kind == "i" else np.where(fits, shifted, 0)).astype(x.dtype)


def _bitwise(
    name: str, operation: Callable[..., Array], kinds: str, input: Tensor | int, other: Tensor | int
) -> Tensor:
    """Return a tensor of ``operation`` on the two arrays, the second of which may be a number."""
    as_tensor_operand(name, input if isinstance(input, TensorBase) else other)
    first, second = promote(input, other)
    y = raw(second)
    if isinstance(first, TensorBase):
        x = first.array
    else:
        assert isinstance(second, TensorBase)  # promote refuses two numbers
        x = scalar_beside(second.array, first)
    if x.dtype.kind not in kinds:
        raise NotImplementedError(f'"{name}" not implemented for {x.dtype}')
    try:
        return wrap(operation(x, y))
    except ValueError:
        raise RuntimeError(why_not_broadcast(name, [x, y])) from None
