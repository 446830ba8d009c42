"""Comparing elements, and choosing between them: maxima, limits, masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.device import to_host
from minigrad.dtypes import element_of, element_or_infinity
from minigrad.engine.function import Function
from minigrad.engine.mistakes import why_not_broadcast
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.ops.promotion import as_tensor_operand, cast, number, promote, raw, unchanged


class Maximum(Function):
    """z = max(x, y)        ∂L/∂x = ∂L/∂z but where x < y, half of it where x = y; likewise for y

    So both get it where one is NaN.
    """

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        self.save_for_backward(x, y)
        return np.maximum(x, y)

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        return _where_not_lost(grad, lt(x, y), eq(x, y)), _where_not_lost(grad, gt(x, y), eq(x, y))


class Minimum(Function):
    """z = min(x, y)        ∂L/∂x = ∂L/∂z but where x > y, half of it where x = y; likewise for y"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        self.save_for_backward(x, y)
        return np.minimum(x, y)

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        return _where_not_lost(grad, gt(x, y), eq(x, y)), _where_not_lost(grad, lt(x, y), eq(x, y))


def _where_not_lost(grad: Any, lost: Any, tied: Any) -> Any:
    return where(lost, 0.0, where(tied, grad / 2, grad))


class Clamp(Function):
    """y = min(max(x, low), high)        ∂L/∂x = ∂L/∂y where low ≤ x ≤ high, else 0

    A limit that is a tensor gets ∂L/∂y where it was taken: ``low`` where x < low < high, ``high`` where x > high or
    low > high.
    """

    broadcasts = True

    def forward(self, x: Any, low: Any, high: Any) -> Any:
        self.save_for_backward(x, low, high)
        return np.clip(x, low, high)

    def backward(self, grad: Any) -> Any:
        x, low, high = self.saved_tensors
        need_x, need_low, need_high = self.needs_input_grad
        grad_x = grad_low = grad_high = None
        if need_x:
            above, below = (None if low is None else ge(x, low)), (None if high is None else le(x, high))
            inside = above if below is None else below if above is None else logical_and(above, below)
            grad_x = where(inside, grad, 0.0)
        if need_low:
            taken = lt(x, low) if high is None else logical_and(lt(x, low), lt(low, high))
            grad_low = where(taken, grad, 0.0)
        if need_high:
            taken = gt(x, high) if low is None else logical_or(gt(x, high), gt(low, high))
            grad_high = where(taken, grad, 0.0)
        return grad_x, grad_low, grad_high


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
    for limit in (min, max):
        x = x if limit is None else promote(x, limit, unchanged)[0]
    return Clamp.apply(x, _limit(x, min), _limit(x, max))


def _limit(x: Any, limit: Any) -> Any:
    if limit is None or isinstance(limit, TensorBase):
        return limit if limit is None else promote(x, limit)[1]
    return element_of(number(limit), x.array.dtype).item()  # a number lies on no device


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
    return Where.apply(condition, *promote(input, other, element_or_infinity))


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
        if input.array.dtype.kind == "f":
            return where(mask, cast(value, input.array.dtype), input)
        value = to_host(value.array).item()
    return Where.apply(mask, element_of(number(value), input.array.dtype), input)


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
