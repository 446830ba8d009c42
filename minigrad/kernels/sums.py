"""Add up arrays with little rounding: every sum, mean and product, running ones too.

Added up one after the other, n numbers collect up to n rounding errors: 4,000,000 float32 tenths give 384,524.8.
Added up in pairs, and the sums in pairs again, they collect log₂ n (Higham, The accuracy of floating point summation,
1993). NumPy adds in pairs along the dimension whose elements lie next to each other in memory, and one after the other
along all others. Here those are cut into short stretches, whose sums are added up in the same way.

float16 is added up in float32 and rounded once, since its own sums stop growing at 2,048 ones and end at 65,504.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minigrad.kernels.precision import rounded, wide
from minigrad.typing import Array, DType

_STRETCH = 32  # how many numbers are added up one after the other before their sum joins others; torch's is as long
_SHORT = 4 * _STRETCH  # not worth cutting


def total(x: Array, axes: tuple[int, ...], keepdims: bool = False) -> Array:
    """Return Σ x over some axes, in x's dtype, but int64 for integers."""
    if x.dtype.kind != "f":
        return _add(x, axes, keepdims, np.dtype(np.int64))
    return rounded(_wide_total(x, axes, keepdims), x.dtype)


def mean(x: Array, axes: tuple[int, ...], keepdims: bool = False) -> Array:
    """Return Σ x / n over some axes, in x's dtype; NaN where there is nothing to average."""
    count = math.prod(x.shape[axis] for axis in axes)
    return rounded(_wide_total(x, axes, keepdims) / count, x.dtype)


def running_total(x: Array, axis: int) -> Array:
    """Return x₀ + … + xᵢ at each position i of an axis, added up in the next wider dtype."""
    wider = {np.float16: np.float32, np.float32: np.float64, np.float64: np.float64}.get(x.dtype.type, np.int64)
    y = (np.add.accumulate if isinstance(x, np.ndarray) else np.cumsum)(x, axis=axis, dtype=wider)
    return rounded(y, x.dtype) if x.dtype.kind == "f" else y


def running_product(x: Array, axis: int) -> Array:
    """Return x₀ · … · xᵢ at each position i of an axis, in x's dtype."""
    return rounded(np.cumprod(x, axis=axis, dtype=wide(x.dtype)), x.dtype)


def product(x: Array, axis: int, keepdims: bool = False) -> Array:
    """Return Π x over an axis, in x's dtype."""
    multiply: Callable[..., Array] = np.multiply.reduce if isinstance(x, np.ndarray) else np.prod
    return rounded(multiply(x, axis=axis, keepdims=keepdims, dtype=wide(x.dtype)), x.dtype)


def _wide_total(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """Return Σ x over some axes, before it is rounded."""
    dtype = wide(x.dtype)
    if (
        isinstance(x, np.ndarray) and math.prod([x.shape[axis] for axis in axes]) > _SHORT
    ):  # other libraries do it themselves
        while (axis := _axis_to_shorten(x, axes)) is not None:
            x = _sums_of_stretches(x, axis, dtype)
    return _add(x, axes, keepdims, dtype)


def _add(x: Array, axes: int | tuple[int, ...], keepdims: bool, dtype: DType) -> Array:
    """Return Σ x over some axes in the library's order of additions; as ``np.sum``, with less overhead."""
    add: Callable[..., Array] = np.add.reduce if isinstance(x, np.ndarray) else np.sum
    return add(x, axis=axes, keepdims=keepdims, dtype=dtype)


def _axis_to_shorten(x: Array, axes: tuple[int, ...]) -> int | None:
    """Return the longest of the axes that NumPy adds up one after the other, if they are long together; else None.

    NumPy adds in pairs along the axis with the smallest stride, and along those that continue it without a gap.
    """
    shape, strides = x.shape, x.strides
    continues: int | None = None  # the stride of an axis that would continue those added in pairs
    chain, longest = 1, -1
    for axis in sorted(range(len(shape)), key=lambda axis: abs(strides[axis])):
        n, stride = shape[axis], strides[axis]
        if n == 1:
            continue
        if axis in axes and stride and continues in (None, stride):
            continues = n * stride
            continue
        if stride:
            continues = 0  # no axis does
        if axis in axes:
            chain *= n
            if longest < 0 or n > shape[longest]:
                longest = axis
    return longest if chain > _SHORT else None


def _sums_of_stretches(x: Array, axis: int, dtype: DType) -> Array:
    """Return x with each stretch of an axis replaced by its sum."""
    n = x.shape[axis]
    stretch = _STRETCH if n > _SHORT else n
    cut = n - n % stretch
    front = x if cut == n else x[(*(slice(None),) * axis, slice(cut))]
    stretches = front.reshape(*x.shape[:axis], cut // stretch, stretch, *x.shape[axis + 1 :])  # a view
    sums = _add(stretches, axis + 1, False, dtype)
    if cut == n:
        return sums
    back = x[(*(slice(None),) * axis, slice(cut, n))]
    return np.concatenate([sums, _add(back, axis, True, dtype)], axis)
