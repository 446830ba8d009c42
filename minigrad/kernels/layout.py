"""Memory: where an array begins, arrays that begin with a cache line, and arrays of one order seen as flat memory."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from minigrad.memory_order import order_of
from minigrad.typing import Array, Shape

try:
    from ctypes import c_size_t
except ImportError:  # a Python that was built without it
    c_size_t = None  # type: ignore[assignment, misc]

_CACHE_LINE = 64  # bytes: a vector that lies across two lines takes twice as long to read
_HEADER = object.__basicsize__  # bytes of every Python object, after which a NumPy array has the address of its data


def address(a: Array | None) -> int:
    """Return where an array's memory begins; 0 for None.

    A kernel needs several addresses, and NumPy takes 2 µs to return one. So it is read where NumPy's C interface
    (``PyArray_DATA``) reads it, which compiled extensions rely on.
    """
    if a is None:
        return 0
    if isinstance(a, np.ndarray):
        return c_size_t.from_address(id(a) + _HEADER).value if _READS_HEADERS else a.ctypes.data
    start: int = a.data.ptr
    return start


def _header_has_address() -> bool:
    probe = np.empty(1)
    return c_size_t is not None and c_size_t.from_address(id(probe) + _HEADER).value == probe.ctypes.data


_READS_HEADERS = _header_has_address()


def empty(shape: Shape, dtype: DTypeLike) -> Array:
    """Return an array without values, as ``np.empty``, that begins with a cache line."""
    dtype = np.dtype(dtype)
    memory = np.empty(math.prod(shape) * dtype.itemsize + _CACHE_LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, -address(memory) % _CACHE_LINE)


def empty_like(x: Array) -> Array:
    """Return an array as of :func:`empty`, with x's shape, dtype and order of dimensions in memory."""
    order = order_of(x)
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
    order = order_of(first)
    sorted_views = [array.transpose(order) for array in arrays]
    if all(view.flags.c_contiguous for view in sorted_views):
        return [view.reshape(-1) for view in sorted_views]
    return None
