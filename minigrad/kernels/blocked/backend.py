"""The same functions as reference.py, faster with NumPy alone: right memory order, cache-sized blocks, threads.

Memory order. Activations made here are N C H W to their user but lie as C N H W in memory (see
docs/memory-layout.md): a channel is then one contiguous row over the whole batch, so that a 1x1
convolution is one matrix product and batch norm works on rows. Any other order is copied on entry.

Blocks. A convolution copies what its taps see into the columns of a matrix, but only so many columns at a
time as stay in the cache, and multiplies each block by the weights ("im2col + GEMM", Chellapilla et al.
2006). Blocks are shared out among threads; threads.py says how, and why results do not depend on timing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.kernels import reference
from minigrad.kernels.blocked.conv import conv2d, conv2d_backward, conv2d_input, conv2d_weight
from minigrad.kernels.geometry import Window
from minigrad.kernels.layout import channel_blocks, channels_first, flat_alike, logical, rows_of
from minigrad.kernels.precision import in_float32
from minigrad.kernels.reference import (
    add,
    blend,
    concatenate,
    scale_channels,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
    uniform,
)
from minigrad.kernels.threads import evenly, parallel, workers
from minigrad.kernels.updates import share_memory

__all__ = [
    "add",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "blend",
    "concatenate",
    "conv2d",
    "conv2d_backward",
    "conv2d_input",
    "conv2d_weight",
    "linear",
    "linear_backward",
    "max_pool2d",
    "max_pool2d_gather",
    "max_pool2d_scatter",
    "pass_where_positive",
    "relu",
    "scale_channels",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "uniform",
    "update",
]


_BLOCK = 32_768  # elements of one operand that an elementwise loop takes at a time: 128 KiB in float32


# --- Elementwise loops ---


def _shared_out(work: Callable[..., Any], flats: Sequence[np.ndarray]) -> None:
    """``work`` on matching stretches of flat arrays, one for each thread."""
    size = flats[0].size
    jobs = evenly(size, workers() if size > _BLOCK else 1)

    def run(stretch: list[slice]) -> None:
        for part in stretch:
            work(*[flat[part] for flat in flats])

    parallel(run, jobs)


linear, linear_backward = reference.linear, reference.linear_backward


def relu(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """As reference.relu."""
    y = np.empty_like(x) if out is None else out
    flats = flat_alike(x, y)
    if flats is None:
        return reference.relu(x, out)
    _shared_out(lambda a, b: np.maximum(a, 0, out=b), flats)
    return y


def pass_where_positive(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As reference.pass_where_positive."""
    z = np.empty_like(y, dtype=g.dtype)
    flats = flat_alike(g, y, z)
    if flats is None:
        return reference.pass_where_positive(g, y)
    _shared_out(lambda a, b, c: _choose(a, ~(b <= 0), out=c), flats)
    return z


def _choose(x: np.ndarray, mask: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """As reference.chosen, of floating numbers: their *bits*, read as an integer, times 1 or 0.

    NumPy multiplies several times faster than it chooses, and of the bits of NaN and ∞ too 0 times is 0.
    """
    z = np.empty(x.shape, x.dtype) if out is None else out
    bits = np.dtype(f"i{x.dtype.itemsize}")
    np.multiply(x.view(bits), mask, out=z.view(bits))
    return z


def update(updates: Sequence[tuple[Callable[..., None], Sequence[Any]]]) -> None:
    """As reference.update, block by block, all updates shared out among the threads together."""
    if share_memory(updates):
        reference.update(updates)
        return
    jobs: list[tuple[Callable[..., None], list[Any]]] = []
    for formula, arrays in updates:
        flats = flat_alike(*[array for array in arrays if array is not None])
        if flats is None:
            jobs.append((formula, list(arrays)))
            continue
        for start in range(0, flats[0].size, _BLOCK):
            blocks = iter([flat[start : start + _BLOCK] for flat in flats])
            jobs.append((formula, [None if array is None else next(blocks) for array in arrays]))

    def run(stretch: list[tuple[Callable[..., None], list[Any]]]) -> None:
        for formula, arrays in stretch:
            formula(*arrays)

    parallel(run, jobs)


# --- Batch normalisation: each thread takes a few channels through every pass while they are in the cache ---


def batch_norm(
    x: np.ndarray, weight: Any, bias: Any, eps: float, relu: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As reference.batch_norm."""
    if x.ndim != 4 or x.dtype == np.float16:
        return reference.batch_norm(x, weight, bias, eps, relu)
    rows = rows_of(x)  # N C H W -> C, N·H·W
    channels, count = rows.shape
    y = np.empty_like(rows)
    mean = np.empty(channels, x.dtype)
    var = np.empty(channels, x.dtype)

    def run(blocks: list[slice]) -> None:
        for c in blocks:
            block = y[c]
            mean[c] = rows[c].mean(axis=1)
            np.subtract(rows[c], mean[c, None], out=block)
            var[c] = np.square(block).sum(axis=1) / count  # (einsum adds one after another, which rounds more)
            rstd = 1 / np.sqrt(var[c] + eps)
            block *= (rstd if weight is None else rstd * weight[c])[:, None]
            if bias is not None:
                block += bias[c, None]
            if relu:
                np.maximum(block, 0, out=block)

    parallel(run, channel_blocks(channels, count, _BLOCK))
    return logical(y, x.shape), mean, var


def batch_norm_backward(
    g: np.ndarray, x: np.ndarray, weight: Any, mean: np.ndarray, var: np.ndarray, eps: float, y: Any = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As reference.batch_norm_backward."""
    if x.ndim != 4 or x.dtype == np.float16:
        return reference.batch_norm_backward(g, x, weight, mean, var, eps, y)
    x_rows, g_rows = rows_of(x), rows_of(g if y is None else pass_where_positive(g, y))
    channels, count = x_rows.shape
    dx = np.empty_like(x_rows)
    grad_weight = np.empty(channels, x.dtype)
    grad_bias = np.empty(channels, x.dtype)
    rstd = 1 / np.sqrt(var + eps)
    scale = rstd if weight is None else rstd * weight

    def run(blocks: list[slice]) -> None:
        for c in blocks:
            block = dx[c]
            np.subtract(x_rows[c], mean[c, None], out=block)  # x − mean; normalized = that · rstd
            grad_bias[c] = g_rows[c].sum(axis=1)
            grad_weight[c] = (g_rows[c] * block).sum(axis=1) * rstd[c]
            block *= (-grad_weight[c] * rstd[c] / count)[:, None]
            block += g_rows[c]
            block -= (grad_bias[c] / count)[:, None]
            block *= scale[c, None]

    parallel(run, channel_blocks(channels, count, _BLOCK))
    return logical(dx, x.shape), grad_weight, grad_bias


# --- Pooling: a few channels at a time through all taps ---


def max_pool2d(x: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """As reference.max_pool2d."""
    xc = channels_first(x)
    channels, n, height, width = xc.shape
    rows, columns = window.output_size(height, width)
    y = np.empty((channels, n, rows, columns), x.dtype)
    taps = np.empty(y.shape, reference.tap_dtype(window))

    def run(blocks: list[slice]) -> None:
        for c in blocks:
            padded = window.pad(xc[c], reference.lowest(x.dtype))
            y[c] = _slide(np.maximum, padded, window, rows, columns)
            found = _first_equal(xc[c], y[c], window, taps.dtype)
            if found is None:  # a NaN equals nothing, itself included
                y[c], taps[c] = reference.max_pool2d(xc[c], window)
            else:
                taps[c] = found

    parallel(run, channel_blocks(channels, n * height * width, _BLOCK))
    return y.transpose(1, 0, 2, 3), taps.transpose(1, 0, 2, 3)  # C N H W -> N C H W


def _slide(combine: np.ufunc, xp: np.ndarray, window: Window, rows: int, columns: int) -> np.ndarray:
    """``combine`` (a sum or maximum) of the elements under each position, first along width, then along height."""
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    across = xp[..., 0 : sw * (columns - 1) + 1 : sw].copy()
    for j in range(dw, kw * dw, dw):
        combine(across, xp[..., j : j + sw * (columns - 1) + 1 : sw], out=across)
    result = across[..., 0 : sh * (rows - 1) + 1 : sh, :].copy()
    for i in range(dh, kh * dh, dh):
        combine(result, across[..., i : i + sh * (rows - 1) + 1 : sh, :], out=result)
    return result


def _first_equal(x: np.ndarray, y: np.ndarray, window: Window, dtype: Any) -> Any:
    """Which tap, in scan order, is the first to see y in x, not in its padding; None if at some position none does.

    Each tap has a code, higher for earlier ones; the highest code of the taps that see y wins. Comparisons,
    products and maxima of bytes are far faster than choosing element by element.
    """
    count = window.kernel[0] * window.kernel[1]
    highest = np.iinfo(dtype).max
    if count > highest:
        return None
    code = np.zeros(y.shape, dtype)
    for i, j, at, seen in window.inner_taps(*x.shape[-2:]):
        equal = x[seen] == y[at]
        np.maximum(code[at], equal * dtype.type(highest - i * window.kernel[1] - j), out=code[at])
    return None if code.min(initial=highest) == 0 else np.subtract(highest, code)


def max_pool2d_scatter(g: np.ndarray, taps: np.ndarray, input_shape: tuple[int, ...], window: Window) -> np.ndarray:
    """As reference.max_pool2d_scatter."""
    gc, tc = channels_first(g), channels_first(taps)
    n, channels, height, width = input_shape
    dx = np.empty((channels, n, height, width), g.dtype)

    def run(blocks: list[slice]) -> None:
        for c in blocks:
            dx[c] = 0
            for i, j, at, seen in window.inner_taps(height, width):
                dx[c][seen] += _choose(gc[c][at], tc[c][at] == i * window.kernel[1] + j)

    parallel(run, channel_blocks(channels, n * height * width, _BLOCK))
    return dx.transpose(1, 0, 2, 3)  # C N H W -> N C H W


def max_pool2d_gather(x: np.ndarray, taps: np.ndarray, window: Window) -> np.ndarray:
    """As reference.max_pool2d_gather (needed for second derivatives only)."""
    return reference.max_pool2d_gather(x, taps, window)


@in_float32
def avg_pool2d(x: np.ndarray, window: Window, scale: Any) -> np.ndarray:
    """As reference.avg_pool2d; the sum over a window is a sum of row sums."""
    xc = channels_first(x)
    channels, n, height, width = xc.shape
    y = np.empty((channels, n, *window.output_size(height, width)), x.dtype)

    def run(blocks: list[slice]) -> None:
        for c in blocks:
            np.multiply(_slide(np.add, window.pad(xc[c]), window, *y.shape[2:]), scale, out=y[c])

    parallel(run, channel_blocks(channels, n * height * width, _BLOCK))
    return y.transpose(1, 0, 2, 3)  # C N H W -> N C H W


@in_float32
def avg_pool2d_backward(g: np.ndarray, input_shape: tuple[int, ...], window: Window, scale: Any) -> np.ndarray:
    """As reference.avg_pool2d_backward. With stride 1 it is itself a sum over windows, of the padded g."""
    gc = channels_first(g)
    n, channels, height, width = input_shape
    dx = np.empty((channels, n, height, width), g.dtype)
    rows, columns = g.shape[-2:]
    (kh, kw), (sh, sw) = window.kernel, window.stride
    size = window.padded_size(height, width)

    (top, bottom), (left, right) = window.padding
    back = window._replace(padding=((kh - 1 - top, kh - 1 - bottom), (kw - 1 - left, kw - 1 - right)))
    is_window_sum = window.stride == (1, 1) and size == (height + top + bottom, width + left + right)

    def run(blocks: list[slice]) -> None:
        for c in blocks:
            share = gc[c] * scale
            if is_window_sum:
                dx[c] = _slide(np.add, back.pad(share), back, height, width)
                continue
            down = np.zeros((*share.shape[:2], size[0], columns), g.dtype)
            for i in range(kh):
                down[..., i : i + sh * (rows - 1) + 1 : sh, :] += share
            spread = np.zeros((*share.shape[:2], *size), g.dtype)
            for j in range(kw):
                spread[..., j : j + sw * (columns - 1) + 1 : sw] += down
            dx[c] = spread[window.inside(height, width)]

    parallel(run, channel_blocks(channels, n * height * width, _BLOCK))
    return dx.transpose(1, 0, 2, 3)  # C N H W -> N C H W
