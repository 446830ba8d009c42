"""Comparisons of whole tensors: the same, or nearly the same."""

from __future__ import annotations

import numpy as np

from minigrad.devices import to_host
from minigrad.dtypes import get_default_dtype
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.comparison import eq
from minigrad.typing import Tensor

__all__ = ["allclose", "equal", "isclose"]


def equal(input: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have the same shape and the same elements; NaN equals nothing."""
    x, y = as_tensor_operand("equal", input), as_tensor_operand("equal", other, "other")
    return x.array.shape == y.array.shape and bool(to_host(np.all(x.array == y.array)))


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Return whether |input − other| ≤ atol + rtol · |other|, element by element, broadcast.

    An infinity is close to itself only. With ``equal_nan``, so is NaN.

    Raises:
        RuntimeError: if the dtypes differ, or a tolerance is negative.
    """
    x, y = as_tensor_operand("isclose", input).array, as_tensor_operand("isclose", other, "other").array
    if x.dtype != y.dtype:
        raise RuntimeError(f"isclose(): expected tensors of one dtype, but got {x.dtype} and {y.dtype}")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if not tolerance >= 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance}")
    same = eq(input, other).array
    if equal_nan and x.dtype.kind == "f":
        same = same | (np.isnan(x) & np.isnan(y))
    if x.dtype.kind != "f":
        x, y = x.astype(get_default_dtype()), y.astype(get_default_dtype())
    difference = np.abs(x - y)
    return wrap(same | (np.isfinite(difference) & (difference <= atol + np.abs(rtol * y))))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Return whether :func:`isclose` holds for all elements."""
    return bool(to_host(np.all(isclose(input, other, rtol, atol, equal_nan).array)))
