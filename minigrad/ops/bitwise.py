"""Bit by bit: and, or, exclusive or, and shifts, of integers; of bools the logical operations. No gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.engine.mistakes import why_not_broadcast
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.ops.promotion import as_tensor_operand, promote, raw


def _shift_left(x: Any, count: Any) -> Any:
    """x · 2^count, without the bits that leave the type: 0 if all of them do."""
    fits = (count >= 0) & (count < 8 * x.dtype.itemsize)
    return np.where(fits, np.left_shift(x, np.where(fits, count, 0)), 0).astype(x.dtype)


def _shift_right(x: Any, count: Any) -> Any:
    """x / 2^count, rounded down: what is left is the sign if all bits leave."""
    most = 8 * x.dtype.itemsize - 1
    fits = (count >= 0) & (count <= most)
    shifted = np.right_shift(x, np.where(fits, count, most))
    return (shifted if x.dtype.kind == "i" else np.where(fits, shifted, 0)).astype(x.dtype)


def _bitwise(name: str, on_arrays: Any, meaning: str, kinds: str = "bui") -> Any:
    def apply(input: Any, other: Any) -> Any:
        as_tensor_operand(name, input if isinstance(input, TensorBase) else other)
        x, y = (raw(operand) for operand in promote(input, other))
        dtype = x.dtype if hasattr(x, "dtype") else y.dtype
        if dtype.kind not in kinds:
            raise NotImplementedError(f'"{name}" not implemented for {dtype}')
        if not hasattr(x, "dtype"):
            x = np.full_like(y, x, shape=())
        try:
            return wrap(on_arrays(x, y))
        except ValueError:
            raise RuntimeError(why_not_broadcast(name, [x, y])) from None

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"""{meaning}

    Raises:
        NotImplementedError: for dtypes that are no rows of bits.
    """
    return apply


bitwise_and = _bitwise("bitwise_and", np.bitwise_and, "The bits that both have.")
bitwise_or = _bitwise("bitwise_or", np.bitwise_or, "The bits that at least one has.")
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor, "The bits that one has and the other has not.")
bitwise_left_shift = _bitwise("bitwise_left_shift", _shift_left, "The bits moved up by ``other`` places.", "ui")
bitwise_right_shift = _bitwise("bitwise_right_shift", _shift_right, "The bits moved down by ``other`` places.", "ui")
