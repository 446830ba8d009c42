"""Comparing elements, and choosing between them: maxima, limits, masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.device import to_host
from minigrad.function import Function, TensorBase, why_not_broadcast, wrap
from minigrad.ops.promotion import as_tensor_operand, cast, number, promote, raw


class Maximum(Function):
    """z = max(x, y)        ∂L/∂x = ∂L/∂z where x > y, half of it where x = y; likewise for y"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        self.save_for_backward(x, y)
        return np.maximum(x, y)

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        share = _share_of_larger(x, y, grad)
        return grad * share, grad * (1 - share)


class Minimum(Function):
    """z = min(x, y)        ∂L/∂x = ∂L/∂z where x < y, half of it where x = y; likewise for y"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        self.save_for_backward(x, y)
        return np.minimum(x, y)

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        share = _share_of_larger(y, x, grad)
        return grad * share, grad * (1 - share)


class Clamp(Function):
    """y = x limited to [low, high]        ∂L/∂x = ∂L/∂y where low ≤ x ≤ high, else 0"""

    def forward(self, x: Any, low: float | None, high: float | None) -> Any:
        self.low, self.high = low, high
        self.save_for_backward(x)
        return np.clip(x, low, high)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        inside = np.ones_like(x.array, dtype=bool)
        if self.low is not None:
            inside = inside & (x.array >= self.low)
        if self.high is not None:
            inside = inside & (x.array <= self.high)
        return grad * wrap(inside.astype(x.array.dtype)), None, None


class Where(Function):
    """z = x where the condition holds, else y        each gets ∂L/∂z where it was taken, else 0"""

    broadcasts = True

    def forward(self, condition: Any, x: Any, y: Any) -> Any:
        self.save_for_backward(condition)
        return np.where(condition, x, y)

    def backward(self, grad: Any) -> Any:
        (condition,) = self.saved_tensors
        return None, where(condition, grad, 0.0), where(condition, 0.0, grad)


# --- Public functions (torch's names, argument orders and defaults) ---


def _share_of_larger(x: Any, y: Any, like: Any) -> Any:
    """1 where x > y, ½ where they tie, 0 elsewhere, as constants."""
    return wrap(((x.array > y.array) + 0.5 * (x.array == y.array)).astype(like.array.dtype))


def maximum(input: Any, other: Any) -> Any:
    """The larger of two tensors, element by element."""
    return Maximum.apply(*promote(as_tensor_operand("maximum", input), as_tensor_operand("maximum", other, "other")))


def minimum(input: Any, other: Any) -> Any:
    """The smaller of two tensors, element by element."""
    return Minimum.apply(*promote(as_tensor_operand("minimum", input), as_tensor_operand("minimum", other, "other")))


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """Every element limited to [min, max], which are numbers or (broadcasting) tensors.

    Raises:
        RuntimeError: if neither is given.
    """
    x = as_tensor_operand("clamp", input)
    if min is None and max is None:
        raise RuntimeError("clamp: At least one of 'min' or 'max' must not be None")
    if not isinstance(min, TensorBase) and not isinstance(max, TensorBase):
        for bound in (min, max):
            x = x if bound is None else promote(x, bound)[0]
        return Clamp.apply(x, min, max)
    y = x if min is None else where(lt(x, min), min, x)
    if max is None:
        return y
    y = where(gt(y, max), max, y)
    if min is None:
        return y
    between_equals = logical_and(lt(x, min), eq(max - min, 0))  # torch then gives neither bound a gradient
    return where(between_equals, y.detach(), y)


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """Where the elements are not 0: (count, dimensions) of int64, or a vector for each dimension."""
    x = as_tensor_operand("nonzero", input).array
    if x.ndim == 0 and not as_tuple:
        return wrap(np.zeros_like(x, shape=(int(to_host(x) != 0), 0), dtype=np.int64))
    positions = np.nonzero(x.reshape(1) if x.ndim == 0 else x)
    if as_tuple:
        return tuple(wrap(position) for position in positions)
    return wrap(np.stack(positions, axis=-1))


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where condition holds, other elsewhere; all three broadcast. ``where(condition)`` is ``nonzero``.

    Raises:
        RuntimeError: if the condition is not bool.
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if condition.array.dtype.kind != "b":
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got {condition.array.dtype}")
    if not isinstance(input, TensorBase) and not isinstance(other, TensorBase):
        raise TypeError("where(): at least one of 'input' and 'other' must be a Tensor")
    x, y = promote(input, other)
    return Where.apply(condition, x, y)


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """``value`` where the mask holds, ``input`` elsewhere; the mask broadcasts.

    Raises:
        RuntimeError: if the mask is not bool.
    """
    if mask.array.dtype.kind != "b":
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.array.dtype}")
    if isinstance(value, TensorBase):
        if value.array.ndim:
            raise RuntimeError(
                "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.array.ndim} dimension(s)."
            )
        return where(mask, cast(value, input.array.dtype), input)
    filler = number(value)
    return cast(where(mask, filler, input), input.array.dtype)


def _comparison(name: str, ufunc: Any, numbers: bool = True) -> Any:
    def compare(input: Any, other: Any) -> Any:
        as_tensor_operand(name, input)
        x, y = promote(input, other if numbers else as_tensor_operand(name, other, "other"))
        try:
            return wrap(ufunc(raw(x), raw(y)))
        except ValueError:
            raise RuntimeError(why_not_broadcast(name, [raw(x), raw(y)])) from None

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = f"Element by element: {ufunc.__name__.replace('_', ' ')}. A bool tensor without gradient."
    return compare


eq = _comparison("eq", np.equal)
ne = _comparison("ne", np.not_equal)
lt = _comparison("lt", np.less)
le = _comparison("le", np.less_equal)
gt = _comparison("gt", np.greater)
ge = _comparison("ge", np.greater_equal)
logical_and = _comparison("logical_and", np.logical_and, numbers=False)
logical_or = _comparison("logical_or", np.logical_or, numbers=False)
logical_xor = _comparison("logical_xor", np.logical_xor, numbers=False)


def logical_not(input: Any) -> Any:
    """Element by element: not."""
    return wrap(np.logical_not(as_tensor_operand("logical_not", input).array))
