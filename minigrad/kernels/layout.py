"""Memory order: arrays that begin with a cache line, and arrays of one order seen as flat memory."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from minigrad.typing import Array, Shape

_CACHE_LINE = 64  # bytes: a vector that lies across two lines takes twice as long to read


def empty(shape: Shape, dtype: DTypeLike) -> Array:
    """Return an array without values, as ``np.empty``, that begins with a cache line."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + _CACHE_LINE, np.uint8)
    skip = -memory.ctypes.data % _CACHE_LINE
    return memory[skip : skip + size].view(dtype).reshape(shape)


def empty_like(x: Array) -> Array:
    """Return an array as of :func:`empty`, with x's shape, dtype and order of dimensions in memory."""
    order = sorted(range(x.ndim), key=lambda d: -x.strides[d])
    back = sorted(range(x.ndim), key=order.__getitem__)
    return empty(tuple(x.shape[d] for d in order), x.dtype).transpose(back)


def flat_alike(*arrays: Array) -> list[Array] | None:
    """Return views of all arrays as flat memory, or None unless they have one shape, one memory order, and no gaps."""
    first = arrays[0]
    for array in arrays:
        if array.shape != first.shape:
            return None
    if all(array.flags.c_contiguous for array in arrays):
        return [array.reshape(-1) for array in arrays]
    order = sorted(range(first.ndim), key=lambda d: -first.strides[d])
    sorted_views = [array.transpose(order) for array in arrays]
    if all(view.flags.c_contiguous for view in sorted_views):
        return [view.reshape(-1) for view in sorted_views]
    return None
