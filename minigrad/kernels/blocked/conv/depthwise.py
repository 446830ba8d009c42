"""Depthwise convolutions in NumPy: each channel has taps of its own, so products are of numbers, not of matrices."""

from __future__ import annotations

import numpy as np

from minigrad.kernels import sums
from minigrad.kernels.blocked.conv.columns import padded
from minigrad.kernels.blocked.executor import parallel
from minigrad.kernels.geometry import Window
from minigrad.typing import Array

_BYTES = 187_500  # of a block of results, which stays in the cache with its factors


def multiply(x: Array, w: Array, window: Window) -> Array:
    """Return y (N, H', W', C) of x (N, H, W, C) and a kernel for each channel, w (C, 1, kh, kw)."""
    n, height, width, channels = x.shape
    rows, columns = window.output_size(height, width)
    xp, y = padded(x, window), np.empty((n, rows, columns, channels), x.dtype)
    wide = np.broadcast_to(w.transpose(2, 3, 1, 0), (*window.kernel, columns, channels)).reshape(*window.kernel, -1)
    (sh, sw), (dh, dw) = window.stride, window.dilation

    def run(blocks: list[tuple[int, slice]]) -> None:
        for i, at in blocks:
            total = y[i, at].reshape(at.stop - at.start, -1)
            total[...] = 0
            for tap in np.ndindex(*window.kernel):
                top, left = tap[0] * dh + at.start * sh, tap[1] * dw
                seen = xp[i, top : top + (len(total) - 1) * sh + 1 : sh, left : left + (columns - 1) * sw + 1 : sw]
                total += seen.reshape(total.shape) * wide[tap]

    step = max(1, _BYTES // (x.itemsize * columns * channels))
    parallel(run, [(i, slice(r, min(r + step, rows))) for i in range(n) for r in range(0, rows, step)])
    return y


def weight_gradient(x: Array, g: Array, window: Window) -> Array:
    """Return dw (C, kh, kw, 1) of x (N, H, W, C) and g (N, H', W', C)."""
    xp, (kh, kw) = padded(x, window), window.kernel
    taps = [(seen[1], seen[2]) for _, _, seen in window.taps(*x.shape[1:3])]

    def run(images: list[int]) -> list[Array]:
        found = []
        for i in images:
            products = (sums.total(xp[i, down, across] * g[i], (0, 1)) for down, across in taps)
            found.append(np.stack(list(products)))
        return found

    shares = [share for part in parallel(run, range(len(x))) for share in part]
    total: Array = sums.total(np.stack(shares), (0,))
    return np.ascontiguousarray(total.T).reshape(-1, kh, kw, 1)  # taps, C -> C kh kw 1
