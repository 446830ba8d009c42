"""Memory order of the compiled loops: N C H W to their user, channels last in memory (see docs/memory-layout.md).

The elements of a pixel's channels lie next to each other. From one pixel to the next it is a fixed number of elements,
the *step*: the number of channels, or more in a slice of the channels of a joined array, which is read where it lies.
So to a loop, images are an address, a number of pixels and a step. Every other order is copied on entry.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from minigrad.kernels.compiled.load import load, run
from minigrad.kernels.layout import address, empty
from minigrad.typing import Array, DType, Shape

FLOATS: tuple[DType, ...] = (np.dtype(np.float32), np.dtype(np.float64))
FEW = 32_768  # elements: fewer are not worth a call to a compiled function and waking its helpers


def are_maps(*arrays: Array) -> bool:
    """Return whether all arrays are N C H W with elements, all float32 or all float64."""
    dtype = arrays[0].dtype
    return dtype in FLOATS and all(a.dtype == dtype and a.ndim == 4 and a.size for a in arrays)


def empty_maps(shape: Shape, dtype: DType) -> Array:
    """Return an array N C H W without values, channels last in memory."""
    n, channels, height, width = shape
    return empty((n, height, width, channels), dtype).transpose(0, 3, 1, 2)  # N H W C -> N C H W


def pixel_step(x: Array) -> int:
    """Return how many elements lie from one pixel of x (N, C, H, W) to the next; 0 if they do not lie channels last."""
    n, channels, height, width = x.shape
    image, channel, row, column = x.strides
    if channels > 1 and channel != x.itemsize:
        return 0
    step = column if width > 1 else row if height > 1 else image if n > 1 else channels * x.itemsize
    if (height > 1 and row != width * step) or (n > 1 and image != height * width * step):
        return 0
    return step // x.itemsize if step >= channels * x.itemsize and step % x.itemsize == 0 and x.flags.aligned else 0


def channels_last(x: Array) -> tuple[Array, int]:
    """Return x (N, C, H, W) and the step between its pixels; a copy of x if it lies otherwise."""
    if step := pixel_step(x):
        return x, step
    y = empty_maps(x.shape, x.dtype)
    if x.size < FEW or x.dtype not in FLOATS or not x.flags.aligned or any(s % x.itemsize for s in x.strides):
        y[...] = x
    else:
        run_on(x.dtype, load("loops").reorder, x, y, *x.shape, *[s // x.itemsize for s in x.strides])
    return y, x.shape[1]


def run_on(dtype: DType, loop: object, *arguments: object) -> None:
    """Run a loop on arrays of a dtype, which it takes by their addresses (pointers.py)."""
    passed = [address(a) if isinstance(a, np.ndarray) else a for a in arguments]
    run(loop, *passed, nothing_like(dtype))  # type: ignore[arg-type]


@cache
def nothing_like(dtype: DType) -> Array:
    """Return an array without elements, from which a loop takes its dtype."""
    return np.empty(0, dtype)
