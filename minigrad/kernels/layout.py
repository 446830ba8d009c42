"""Memory order: seeing N C H W arrays as rows of channels, and arrays of one layout as flat memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.kernels.threads import copy

_LINE = 64  # bytes of a cache line: a vector that lies across two takes twice as long to read


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array without values, as ``np.empty``, that begins with a cache line."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + _LINE, np.uint8)
    skip = -memory.ctypes.data % _LINE
    return memory[skip : skip + size].view(dtype).reshape(shape)


def empty_like(x: np.ndarray) -> np.ndarray:
    """As :func:`empty`, of x's shape, dtype and order of dimensions in memory."""
    order = sorted(range(x.ndim), key=lambda d: -x.strides[d])
    back = sorted(range(x.ndim), key=order.__getitem__)
    return empty(tuple(x.shape[d] for d in order), x.dtype).transpose(back)


def channels_first(x: np.ndarray) -> np.ndarray:
    """``x`` as a contiguous C N H W array: a view if it lies so in memory already, else a copy."""
    view = x.transpose(1, 0, 2, 3)  # N C H W -> C N H W
    return view if view.flags.c_contiguous else copy(np.empty(view.shape, x.dtype), view)


def rows_of(x: np.ndarray) -> np.ndarray:
    """``x`` as a matrix with one contiguous row a channel."""
    return channels_first(x).reshape(x.shape[1], x.size // x.shape[1] if x.shape[1] else 0)


def logical(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The N C H W array of ``shape`` whose channels are ``rows``."""
    n, c, h, w = shape
    return rows.reshape(c, n, h, w).transpose(1, 0, 2, 3)  # C N H W -> N C H W


def channel_blocks(channels: int, elements_each: int, elements: int) -> list[slice]:
    """Stretches of channels that together hold about ``elements`` elements."""
    step = max(1, elements // max(1, elements_each))
    return [slice(c, min(c + step, channels)) for c in range(0, channels, step)]


def flat_alike(*arrays: np.ndarray) -> list[np.ndarray] | None:
    """Views of all arrays as flat memory, or None unless they have one shape, one memory order, and no gaps."""
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
