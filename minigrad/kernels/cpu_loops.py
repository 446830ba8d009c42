"""Loops that NumPy has no single function for, compiled by Numba (optional: ``pip install minigrad[fast]``).

Each works on a stretch of channels, in one thread and without Python's lock: cpu.py calls them from its own
threads, so Numba's are never started. Compiled code is cached on disk; the first run ever takes some
seconds more. Sums may be reordered, which lets the processor add several elements at once; NaN is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
_CHUNK = 4096  # elements summed in the array's own precision before they join a float64 total


@_compiled
def batch_norm(x: Any, weight: Any, bias: Any, eps: float, y: Any, mean: Any, var: Any) -> None:
    """As reference.batch_norm; x and y are (channels, N·H·W)."""
    channels, count = x.shape
    zero = x.dtype.type(0)
    for c in range(channels):
        total = 0.0
        for start in range(0, count, _CHUNK):
            part = zero
            for i in range(start, min(start + _CHUNK, count)):
                part += x[c, i]
            total += part
        m = x.dtype.type(total / count)
        total = 0.0
        for start in range(0, count, _CHUNK):
            part = zero
            for i in range(start, min(start + _CHUNK, count)):
                part += (x[c, i] - m) * (x[c, i] - m)
            total += part
        mean[c] = m
        var[c] = total / count
        scale = x.dtype.type(weight[c] / np.sqrt(total / count + eps))
        offset = x.dtype.type(bias[c])
        for i in range(count):
            y[c, i] = (x[c, i] - m) * scale + offset


@_compiled
def batch_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float, dx: Any, grad_weight: Any, grad_bias: Any
) -> None:
    """As reference.batch_norm_backward; g, x and dx are (channels, N·H·W)."""
    channels, count = x.shape
    zero = x.dtype.type(0)
    for c in range(channels):
        m = mean[c]
        sum_g, sum_gx = 0.0, 0.0
        for start in range(0, count, _CHUNK):
            part_g, part_gx = zero, zero
            for i in range(start, min(start + _CHUNK, count)):
                part_g += g[c, i]
                part_gx += g[c, i] * (x[c, i] - m)
            sum_g += part_g
            sum_gx += part_gx
        rstd = 1.0 / np.sqrt(var[c] + eps)
        grad_bias[c] = sum_g
        grad_weight[c] = sum_gx * rstd
        scale = x.dtype.type(weight[c] * rstd)
        centre = x.dtype.type(sum_g / count)
        slope = x.dtype.type(sum_gx * rstd * rstd / count)
        for i in range(count):
            dx[c, i] = scale * (g[c, i] - centre - (x[c, i] - m) * slope)


@_compiled
def pass_where_positive(g: Any, y: Any, z: Any) -> None:
    """As reference.pass_where_positive; flat arrays."""
    zero = g.dtype.type(0)
    for i in range(g.size):
        z[i] = g[i] if y[i] > 0 else zero


@_compiled
def window_sums(x: Any, kernel: Any, stride: Any, top: int, left: int, scale: Any, y: Any) -> None:
    """scale · Σ of each window of x (channels, N, H, W) inside zeros; ``scale`` is (rows, columns), as y's last two."""
    channels, n, rows, columns = y.shape
    height, width = x.shape[2:]
    reach = stride[1] * (columns - 1) + kernel[1]
    down = np.empty(reach, x.dtype)  # sums down the window's height, of one row of windows
    seen = min(width, reach - left)
    for c in range(channels):
        for p in range(n):
            for r in range(rows):
                down[:] = 0
                for i in range(kernel[0]):
                    h = r * stride[0] + i - top
                    if 0 <= h < height:
                        for w in range(seen):
                            down[left + w] += x[c, p, h, w]
                for q in range(columns):
                    total = down[q * stride[1]]
                    for j in range(1, kernel[1]):
                        total += down[q * stride[1] + j]
                    y[c, p, r, q] = total * scale[r, q]


@_compiled
def max_pool2d(xp: Any, kernel: Any, stride: Any, dilation: Any, y: Any, taps: Any) -> None:
    """As reference.max_pool2d, of a padded input (channels, N, H, W)."""
    channels, n, rows, columns = y.shape
    for c in range(channels):
        for p in range(n):
            for r in range(rows):
                for q in range(columns):
                    best = xp[c, p, r * stride[0], q * stride[1]]
                    tap = 0
                    for i in range(kernel[0]):
                        for j in range(kernel[1]):
                            v = xp[c, p, r * stride[0] + i * dilation[0], q * stride[1] + j * dilation[1]]
                            if v > best or v != v:
                                best = v
                                tap = i * kernel[1] + j
                    y[c, p, r, q] = best
                    taps[c, p, r, q] = tap


@_compiled
def max_pool2d_scatter(g: Any, taps: Any, kernel: Any, stride: Any, dilation: Any, dxp: Any) -> None:
    """As reference.max_pool2d_scatter, into a padded gradient (channels, N, H, W) of zeros."""
    channels, n, rows, columns = g.shape
    for c in range(channels):
        for p in range(n):
            for r in range(rows):
                for q in range(columns):
                    tap = int(taps[c, p, r, q])
                    i, j = tap // kernel[1], tap % kernel[1]
                    dxp[c, p, r * stride[0] + i * dilation[0], q * stride[1] + j * dilation[1]] += g[c, p, r, q]
