"""Public functions that some files of ``ops`` still use, until these have moved too."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.dtypes import element_of, element_or_infinity
from minigrad.engine.mistakes import why_not_broadcast
from minigrad.engine.tensor_base import wrap
from minigrad.kernels.geometry import Window
from minigrad.ops.padding import Pad
from minigrad.ops.pool import AvgPool2d
from minigrad.ops.promotion import as_tensor_operand, number, promote, raw
from minigrad.ops.selection import Maximum, Minimum, Where


def maximum(input: Any, other: Any) -> Any:
    return Maximum.apply(*promote(as_tensor_operand("maximum", input), as_tensor_operand("maximum", other, "other")))


def minimum(input: Any, other: Any) -> Any:
    return Minimum.apply(*promote(as_tensor_operand("minimum", input), as_tensor_operand("minimum", other, "other")))


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    return Where.apply(condition, *promote(input, other, element_or_infinity))


def _comparison(name: str, ufunc: Any, numbers: bool = True) -> Any:
    def compare(input: Any, other: Any) -> Any:
        as_tensor_operand(name, input)
        x, y = promote(input, other if numbers else as_tensor_operand(name, other, "other"))
        try:
            return wrap(ufunc(raw(x), raw(y)))
        except ValueError:
            raise RuntimeError(why_not_broadcast(name, [raw(x), raw(y)])) from None

    return compare


eq = _comparison("eq", np.equal)
logical_and = _comparison("logical_and", np.logical_and, numbers=False)
logical_or = _comparison("logical_or", np.logical_or, numbers=False)


def pad(input: Any, widths: Any) -> Any:
    pairs = [(int(widths[i]), int(widths[i + 1])) for i in range(0, len(widths), 2)]
    full = [(0, 0)] * (input.array.ndim - len(pairs)) + pairs[::-1]
    return Pad.apply(input, widths=tuple(full), value=element_of(number(0), input.array.dtype))


def avg_pool2d(x: Any, kernel_size: Any, stride: Any) -> Any:
    return AvgPool2d.apply(x, window=Window(kernel_size), scale=1.0 / (kernel_size[0] * kernel_size[1]))
