"""Choose between elements: the larger or smaller, limits, masks."""

from __future__ import annotations

from typing import overload

import numpy as np

from minigrad.devices import to_host
from minigrad.dtypes import dtype_of_scalar, element_of, element_or_infinity, promote_types
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.comparison import nonzero
from minigrad.functions.promotion import number, promote, unchanged
from minigrad.ops.casting import cast
from minigrad.ops.selection import Clamp, Maximum, Minimum, Where
from minigrad.typing import Number, Tensor

__all__ = ["clamp", "masked_fill", "maximum", "minimum", "where"]


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """Return the larger of two tensors, element by element."""
    return Maximum.apply(*promote(as_tensor_operand("maximum", input), as_tensor_operand("maximum", other, "other")))


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """Return the smaller of two tensors, element by element."""
    return Minimum.apply(*promote(as_tensor_operand("minimum", input), as_tensor_operand("minimum", other, "other")))


def clamp(input: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Tensor:
    """Return every element limited to [min, max], which are numbers or (broadcasting) tensors.

    Raises:
        RuntimeError: if neither is given.
    """
    x = as_tensor_operand("clamp", input)
    if min is None and max is None:
        raise RuntimeError("clamp: At least one of 'min' or 'max' must not be None")
    for limit in (min, max):
        x = x if limit is None else promote(x, limit, unchanged)[0]
    return Clamp.apply(x, _limit(x, min), _limit(x, max))


def _limit(x: Tensor, limit: Tensor | Number | None) -> Tensor | Number | None:
    """Return a limit in the dtype of ``x``."""
    if limit is None or isinstance(limit, TensorBase):
        return limit if limit is None else promote(x, limit)[1]
    return element_of(number(limit), x.array.dtype).item()  # a number lies on no device


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...
@overload
def where(condition: Tensor, input: Tensor | Number, other: Tensor | Number) -> Tensor: ...
def where(
    condition: Tensor, input: Tensor | Number | None = None, other: Tensor | Number | None = None
) -> Tensor | tuple[Tensor, ...]:
    """Return ``input`` where the condition holds, ``other`` elsewhere; all three broadcast.

    ``where(condition)`` is ``nonzero(condition, as_tuple=True)``.

    Raises:
        RuntimeError: if the condition is not bool.
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if condition.array.dtype.kind != "b":
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got {condition.array.dtype}")
    if input is None or other is None:
        raise TypeError("where() takes a condition alone, or both 'input' and 'other'")
    if not isinstance(input, TensorBase) and not isinstance(other, TensorBase):
        first, second = number(input), number(other)
        dtype = promote_types(dtype_of_scalar(first), dtype_of_scalar(second))
        input = wrap(np.full_like(condition.array, first, dtype=dtype))
    return Where.apply(condition, *promote(input, other, element_or_infinity))


def masked_fill(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor:
    """Return ``value`` where the mask holds, ``input`` elsewhere; the mask broadcasts.

    Raises:
        RuntimeError: if the mask is not bool, or ``value`` is a tensor that is not 0-d.
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
            return Where.apply(mask, cast(value, input.array.dtype), input)
        value = to_host(value.array).item()
    return Where.apply(mask, element_of(number(value), input.array.dtype), input)
