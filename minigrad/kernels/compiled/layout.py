"""The memory order of the compiled kernels: N C H W to their user, C H W N in memory (see docs/memory-layout.md)."""

from __future__ import annotations

import numpy as np

from minigrad.kernels.compiled.load import loops, run
from minigrad.kernels.layout import empty
from minigrad.typing import Array, DType

FLOATS: tuple[DType, ...] = (np.dtype(np.float32), np.dtype(np.float64))
FEW = 32_768  # elements: fewer are not worth a call to a compiled function and waking its helpers


def are_maps(*arrays: Array) -> bool:
    """Return whether all arrays are N C H W with elements, all float32 or all float64."""
    dtype = arrays[0].dtype
    return dtype in FLOATS and all(a.dtype == dtype and a.ndim == 4 and a.size for a in arrays)


def in_order(x: Array) -> Array:
    """Return ``x`` (N, C, H, W) as a contiguous C H W N array: a view if it lies so in memory already, else a copy.

    Also a copy if it is read-only: for that Numba would have to compile every kernel once more, rather than this one.
    """
    view = x.transpose(1, 2, 3, 0)  # N C H W -> C H W N
    if view.flags.c_contiguous and view.flags.writeable:
        return view
    y = empty(view.shape, x.dtype)
    if x.size < FEW:
        y[...] = view
    else:
        run(loops().reorder, view, y)
    return y


def from_order(y: Array) -> Array:
    """Return an array in our memory order as its user sees it."""
    return y.transpose(3, 0, 1, 2)  # C H W N -> N C H W


def rows_of(x: Array) -> Array:
    """Return ``x`` (N, C, H, W) as a matrix with one contiguous row a channel."""
    return in_order(x).reshape(x.shape[1], -1)
