"""The loops of backend.py, compiled by Numba and shared out among a team of threads (see team.py).

Arrays are C H W N in memory, contiguous; a channel is a row. Sums may be reordered, which lets the processor add
several elements at once; NaN is kept. Which thread does what never changes a result.
"""

from __future__ import annotations

import numpy as np

from minigrad.kernels.compiled.machine_code import compiled, compiled_reordering
from minigrad.kernels.compiled.microkernel import stretch
from minigrad.kernels.compiled.names import Team
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.kernels.geometry import Pair
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"

_BLOCK = 16_384  # elements that a part of an elementwise loop takes


# --- Memory order ---


@compiled
def _reorder_part(part: int, x: Array, y: Array) -> None:
    """Reorder row ``part`` of all rows of all channels, in blocks of pixels that stay in the cache for all images."""
    _, height, width, n = y.shape
    c, h = part // height, part % height
    for first in range(0, width, 16):
        last = min(first + 16, width)
        for i in range(n):
            for w in range(first, last):
                y[c, h, w, i] = x[c, h, w, i]


@compiled
def reorder(team: Team, x: Array, y: Array) -> None:
    """Copy x to y, (C, H, W, N) both, of which y is contiguous."""
    share_out(team, y.shape[0] * y.shape[1], as_job(_reorder_part, (x, y)))


# --- Elementwise ---


@compiled
def _copy_part(part: int, x: Array, y: Array) -> None:
    for i in range(part * _BLOCK, min((part + 1) * _BLOCK, x.size)):
        y[i] = x[i]


@compiled
def copy(team: Team, x: Array, y: Array) -> None:
    """Copy x to y, of flat arrays."""
    share_out(team, (x.size + _BLOCK - 1) // _BLOCK, as_job(_copy_part, (x, y)))


@compiled
def _add_part(part: int, x: Array, y: Array, z: Array) -> None:
    for i in range(part * _BLOCK, min((part + 1) * _BLOCK, x.size)):
        z[i] = x[i] + y[i]


@compiled
def add(team: Team, x: Array, y: Array, z: Array) -> None:
    """Compute z = x + y, of flat arrays."""
    share_out(team, (x.size + _BLOCK - 1) // _BLOCK, as_job(_add_part, (x, y, z)))


@compiled
def _relu_part(part: int, x: Array, y: Array) -> None:
    zero = x.dtype.type(0)
    for i in range(part * _BLOCK, min((part + 1) * _BLOCK, x.size)):
        y[i] = zero if x[i] < zero else x[i]


@compiled
def relu(team: Team, x: Array, y: Array) -> None:
    """Compute y = relu(x), of flat arrays."""
    share_out(team, (x.size + _BLOCK - 1) // _BLOCK, as_job(_relu_part, (x, y)))


@compiled
def _pass_part(part: int, g: Array, y: Array, z: Array) -> None:
    zero = g.dtype.type(0)
    for i in range(part * _BLOCK, min((part + 1) * _BLOCK, g.size)):
        z[i] = zero if y[i] <= zero else g[i]


@compiled
def pass_where_positive(team: Team, g: Array, y: Array, z: Array) -> None:
    """Compute z = g where y > 0, else 0, of flat arrays."""
    share_out(team, (g.size + _BLOCK - 1) // _BLOCK, as_job(_pass_part, (g, y, z)))


# --- Batch normalisation: a part is one channel, whose row stays in the cache from pass to pass ---
#
# Sums are taken in float64, which costs no time: the loops wait for memory. Only sums are reordered, so only they are
# functions of their own: the compiler may arrange anything else that it is allowed to differently each time.


@compiled_reordering
def _row_sum(c: int, x: Array) -> float:
    """Return Σ x along a row."""
    total = 0.0
    for i in range(x.shape[1]):
        total += x[c, i]
    return total


@compiled_reordering
def _row_squares(c: int, x: Array, m: float) -> float:
    """Return Σ (x − m)² along a row."""
    total = 0.0
    for i in range(x.shape[1]):
        distance = np.float64(x[c, i] - m)
        total += distance * distance
    return total


@compiled_reordering
def _row_products(c: int, g: Array, x: Array, y: Array, m: float) -> tuple[float, float]:
    """Return Σ g and Σ g · (x − m) along a row; if y has the results of a ReLU, of those g that pass it."""
    zero = x.dtype.type(0)
    sum_g, sum_gx = 0.0, 0.0
    for i in range(x.shape[1]):
        passed = g[c, i]
        if y.size:
            passed = zero if y[c, i] <= zero else passed
        sum_g += passed
        sum_gx += np.float64(passed) * np.float64(x[c, i] - m)
    return sum_g, sum_gx


@compiled
def _batch_norm_part(
    c: int, x: Array, weight: Array, bias: Array, eps: float, relu: bool, y: Array, mean: Array, var: Array
) -> None:
    count = x.shape[1]
    zero = x.dtype.type(0)
    m = x.dtype.type(_row_sum(c, x) / count)
    total = _row_squares(c, x, m)
    mean[c] = m
    var[c] = total / count
    scale = x.dtype.type(weight[c] / np.sqrt(total / count + eps))
    offset = x.dtype.type(bias[c])
    for i in range(count):
        value = (x[c, i] - m) * scale + offset
        y[c, i] = zero if relu and value < zero else value


@compiled
def batch_norm(
    team: Team, x: Array, weight: Array, bias: Array, eps: float, relu: bool, y: Array, mean: Array, var: Array
) -> None:
    """Compute y, mean and var of ``Reference.batch_norm``; x and y are (channels, H·W·N)."""
    share_out(team, x.shape[0], as_job(_batch_norm_part, (x, weight, bias, eps, relu, y, mean, var)))


@compiled
def _batch_norm_backward_part(
    c: int, g: Array, x: Array, y: Array, weight: Array, mean: Array, var: Array, eps: float, dx: Array,
    grad_weight: Array, grad_bias: Array,
) -> None:  # fmt: skip
    count = x.shape[1]
    zero = x.dtype.type(0)
    m = mean[c]
    sum_g, sum_gx = _row_products(c, g, x, y, m)
    rstd = 1.0 / np.sqrt(var[c] + eps)
    grad_bias[c] = sum_g
    grad_weight[c] = sum_gx * rstd
    scale = x.dtype.type(weight[c] * rstd)
    centre = x.dtype.type(sum_g / count)
    slope = x.dtype.type(sum_gx * rstd * rstd / count)
    for i in range(count):
        passed = g[c, i]
        if y.size:
            passed = zero if y[c, i] <= zero else passed
        dx[c, i] = scale * (passed - centre - (x[c, i] - m) * slope)


@compiled
def batch_norm_backward(
    team: Team, g: Array, x: Array, y: Array, weight: Array, mean: Array, var: Array, eps: float, dx: Array,
    grad_weight: Array, grad_bias: Array,
) -> None:  # fmt: skip
    """Compute the results of ``Reference.batch_norm_backward``; g, x, y (or an empty one), dx are (channels, H·W·N)."""
    arguments = (g, x, y, weight, mean, var, eps, dx, grad_weight, grad_bias)
    share_out(team, x.shape[0], as_job(_batch_norm_backward_part, arguments))


@compiled
def _scale_part(c: int, x: Array, scale: Array, offset: Array, relu: bool, y: Array) -> None:
    zero = x.dtype.type(0)
    for i in range(x.shape[1]):
        value = x[c, i] * scale[c] + offset[c]
        y[c, i] = zero if relu and value < zero else value


@compiled
def scale(team: Team, x: Array, factor: Array, offset: Array, relu: bool, y: Array) -> None:
    """Compute y of ``Reference.scale_channels``; x and y are (channels, H·W·N)."""
    share_out(team, x.shape[0], as_job(_scale_part, (x, factor, offset, relu, y)))


# --- Pooling: a part is one channel, taken row by row ---
#
# The pixels of a row are first sorted by their remainder to the stride, so that what a tap sees for all positions of a
# row, and all images, is one stretch of memory.


@compiled
def _sort_row(row: Array, n: int, stride: int, room: int, phases: Array) -> None:
    """Sort the pixels of a row, those with remainder 0 to the stride first; each remainder has ``room`` pixels."""
    for w in range(row.size // n):
        source, target = stretch(row, w * n, n), stretch(phases, (w % stride * room + w // stride) * n, n)
        for p in range(n):
            target[p] = source[p]


@compiled
def _seen(tap: int, stride: int, width: int, room: int, columns: int) -> tuple[int, int, int]:
    """Return the positions of a row that see the input through a tap, and the sorted pixel that the first of them sees.

    ``tap`` is the tap's distance from its position's first pixel, padding subtracted.
    """
    first = max(0, (-tap + stride - 1) // stride)
    last = min(columns, (width - 1 - tap) // stride + 1)
    at = first * stride + tap
    return first, last, at % stride * room + at // stride


@compiled
def _max_pool_part(
    c: int, x: Array, kernel: Pair, stride: Pair, dilation: Pair, before: Pair, y: Array, taps: Array
) -> None:
    _, height, width, n = x.shape
    _, rows, columns, _ = y.shape
    room = (width + stride[1] - 1) // stride[1]
    phases = np.empty(room * stride[1] * n, x.dtype)
    chosen = np.empty(columns, np.bool_)  # positions that have seen a pixel
    for r in range(rows):
        line = (c * rows + r) * columns * n
        best_row, tap_row = stretch(y, line, columns * n), stretch(taps, line, columns * n)
        best_row[:] = -np.inf
        tap_row[:] = 0
        chosen[:] = False
        for i in range(kernel[0]):
            h = r * stride[0] + i * dilation[0] - before[0]
            if h < 0 or h >= height:
                continue
            _sort_row(stretch(x, (c * height + h) * width * n, width * n), n, stride[1], room, phases)
            for j in range(kernel[1]):
                first, last, at = _seen(j * dilation[1] - before[1], stride[1], width, room, columns)
                if last <= first:
                    continue
                number = taps.dtype.type(i * kernel[1] + j)
                for q in range(first, last):
                    if not chosen[q]:  # something must win, also where every element is −∞
                        chosen[q] = True
                        mine = stretch(tap_row, q * n, n)
                        for p in range(n):
                            mine[p] = number
                count = (last - first) * n
                seen = stretch(phases, at * n, count)
                best, tap = stretch(best_row, first * n, count), stretch(tap_row, first * n, count)
                for k in range(count):
                    better = (seen[k] > best[k]) | (seen[k] != seen[k])
                    best[k] = seen[k] if better else best[k]
                    tap[k] = number if better else tap[k]


@compiled
def max_pool2d(
    team: Team, x: Array, kernel: Pair, stride: Pair, dilation: Pair, before: Pair, y: Array, taps: Array
) -> None:
    """Compute y and taps of ``Reference.max_pool2d``; ``before`` is the padding on top and on the left."""
    share_out(team, x.shape[0], as_job(_max_pool_part, (x, kernel, stride, dilation, before, y, taps)))


@compiled
def _scatter_part(
    c: int, g: Array, taps: Array, kernel: Pair, stride: Pair, dilation: Pair, before: Pair, dx: Array
) -> None:
    """Collect the gradients of every row of dx, so that it is written once."""
    _, height, width, n = dx.shape
    _, rows, columns, _ = g.shape
    room = (width + stride[1] - 1) // stride[1]
    phases = np.empty(room * stride[1] * n, dx.dtype)
    zero = dx.dtype.type(0)
    for h in range(height):
        phases[:] = 0
        for i in range(kernel[0]):
            r = h + before[0] - i * dilation[0]
            if r < 0 or r % stride[0] or r // stride[0] >= rows:
                continue
            line = (c * rows + r // stride[0]) * columns
            for j in range(kernel[1]):
                first, last, at = _seen(j * dilation[1] - before[1], stride[1], width, room, columns)
                if last <= first:
                    continue
                number, count = taps.dtype.type(i * kernel[1] + j), (last - first) * n
                sent, tap = stretch(g, (line + first) * n, count), stretch(taps, (line + first) * n, count)
                target = stretch(phases, at * n, count)
                for k in range(count):
                    target[k] += sent[k] if tap[k] == number else zero
        for w in range(width):
            source = stretch(phases, (w % stride[1] * room + w // stride[1]) * n, n)
            target = stretch(dx, ((c * height + h) * width + w) * n, n)
            for p in range(n):
                target[p] = source[p]


@compiled
def max_pool2d_scatter(
    team: Team, g: Array, taps: Array, kernel: Pair, stride: Pair, dilation: Pair, before: Pair, dx: Array
) -> None:
    """Compute dx of ``Reference.max_pool2d_scatter``."""
    share_out(team, g.shape[0], as_job(_scatter_part, (g, taps, kernel, stride, dilation, before, dx)))


@compiled
def _sums_part(c: int, x: Array, kernel: Pair, stride: Pair, before: Pair, scale: Array, y: Array) -> None:
    """Add up along the window's height first, then along its width."""
    _, height, width, n = x.shape
    _, rows, columns, _ = y.shape
    room = (width + stride[1] - 1) // stride[1]
    down, phases = np.empty(width * n, x.dtype), np.empty(room * stride[1] * n, x.dtype)
    for r in range(rows):
        down[:] = 0
        for i in range(kernel[0]):
            h = r * stride[0] + i - before[0]
            if 0 <= h < height:
                row = stretch(x, (c * height + h) * width * n, width * n)
                for k in range(down.size):
                    down[k] += row[k]
        if stride[1] > 1:
            _sort_row(down, n, stride[1], room, phases)
        target = stretch(y, (c * rows + r) * columns * n, columns * n)
        target[:] = 0
        for j in range(kernel[1]):
            first, last, at = _seen(j - before[1], stride[1], width, room, columns)
            if last > first:
                count = (last - first) * n
                part = stretch(target, first * n, count)
                seen = stretch(phases if stride[1] > 1 else down, at * n, count)
                for k in range(count):
                    part[k] += seen[k]
        factors = stretch(scale, r * columns * n, columns * n)
        for k in range(target.size):
            target[k] *= factors[k]


@compiled
def window_sums(team: Team, x: Array, kernel: Pair, stride: Pair, before: Pair, scale: Array, y: Array) -> None:
    """Compute y = scale · Σ of each window of x inside zeros; ``scale`` is (rows, columns · N), as y's rows."""
    share_out(team, x.shape[0], as_job(_sums_part, (x, kernel, stride, before, scale, y)))
