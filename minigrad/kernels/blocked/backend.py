"""Kernels for NumPy arrays, faster than the specification with NumPy alone.

Memory order. Activations made here are N C H W to their user but lie as C N H W in memory (see docs/memory-layout.md):
a channel is then one contiguous row over the whole batch, so that a 1×1 convolution is one matrix product and batch
norm works on rows. Every other order is copied on entry.

Blocks. A convolution copies what its taps see into the columns of a matrix, but at a time only as many columns as stay
in the cache, and multiplies each block by the weights ("im2col + GEMM", Chellapilla et al. 2006). Blocks are shared out
among threads; executor.py explains how, and why results do not depend on timing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.kernels import sums
from minigrad.kernels.addresses import share_memory, total_size
from minigrad.kernels.blocked import conv
from minigrad.kernels.blocked.executor import parallel, workers
from minigrad.kernels.blocked.layout import channel_blocks, channels_first, logical, rows_of
from minigrad.kernels.geometry import Window
from minigrad.kernels.layout import flat_alike
from minigrad.kernels.masking import lowest
from minigrad.kernels.precision import FLOAT16, in_float32
from minigrad.kernels.reference import Reference
from minigrad.kernels.rules import Move
from minigrad.kernels.threads import evenly
from minigrad.typing import Array, DType, Shape

_BLOCK = 32_768  # elements of one operand that an elementwise loop takes at a time: 128 KiB in float32
_FEW_CHANNELS = 4  # of each of several groups: so short a product is not worth a matrix of columns


class Blocked(Reference):
    """Kernels in NumPy that work in cache-sized blocks and share them out among threads."""

    name = "numpy"

    # --- Elementwise ---

    def relu(self, x: Array, out: Array | None = None) -> Array:
        if x.size <= _BLOCK:
            return super().relu(x, out)
        y = np.empty_like(x) if out is None else out
        flats = flat_alike(x, y)
        if flats is None:
            return super().relu(x, out)
        _share_out(lambda a, b: np.maximum(a, 0, out=b), flats)
        return y

    def pass_where_positive(self, g: Array, y: Array) -> Array:
        if g.size <= _BLOCK:
            return _keep_where(g, ~(y <= 0))
        z = np.empty_like(y, dtype=g.dtype)
        flats = flat_alike(g, y, z)
        if flats is None:
            return super().pass_where_positive(g, y)
        _share_out(lambda a, b, c: _keep_where(a, ~(b <= 0), out=c), flats)
        return z

    # --- Softmax cross entropy, where every row has a class and counts alike ---

    def softmax_cross_entropy(
        self, x: Array, labels: Array, weight: Array | None, smoothing: float, ignore: int
    ) -> tuple[Array, Array, Array]:
        if x.dtype == FLOAT16 or smoothing or not _count_alike(x, labels, weight, ignore):
            return super().softmax_cross_entropy(x, labels, weight, smoothing, ignore)
        largest = np.maximum.reduce(x, axis=1, keepdims=True)
        log_sum = np.log(sums.total(np.exp(x - largest), (1,))) + largest[:, 0]
        return log_sum - x[np.arange(len(x)), labels], np.ones(len(x), x.dtype), log_sum

    def softmax_cross_entropy_backward(
        self, g: Array, x: Array, labels: Array, weight: Array | None, smoothing: float, ignore: int, factors: Array,
        log_sums: Array,
    ) -> Array:  # fmt: skip
        if x.dtype == FLOAT16 or smoothing or not _count_alike(x, labels, weight, ignore):
            return super().softmax_cross_entropy_backward(g, x, labels, weight, smoothing, ignore, factors, log_sums)
        dx: Array = np.exp(x - log_sums[:, None])
        dx[np.arange(len(x)), labels] -= 1
        dx *= g[:, None]
        return dx

    def move(self, moves: Sequence[Move]) -> None:
        """Move all parameters block by block, with the blocks of all of them shared out among the threads together."""
        if share_memory(moves) or total_size(moves) <= _BLOCK:
            return super().move(moves)
        jobs: list[Move] = []
        for rule, arrays in moves:
            flats = flat_alike(*[array for array in arrays if array is not None])
            if flats is None:
                jobs.append(Move(rule, arrays))
                continue
            for start in range(0, flats[0].size, _BLOCK):
                blocks = iter([flat[start : start + _BLOCK] for flat in flats])
                jobs.append(Move(rule, [None if array is None else next(blocks) for array in arrays]))
        parallel(super().move, jobs)
        return None

    # --- Convolution ---

    @in_float32
    def conv2d(self, x: Array, w: Array, window: Window, groups: int) -> Array:
        if not _worth_columns(x.shape, w.shape, groups):
            return super().conv2d(x, w, window, groups)
        parts = zip(_split(x, groups, 1), _split(w, groups, 0), strict=True)
        return _joined([conv.conv2d(a, b, window) for a, b in parts], 1)

    @in_float32
    def conv2d_input(self, g: Array, w: Array, input_shape: Shape, window: Window, groups: int) -> Array:
        if not _worth_columns(input_shape, w.shape, groups):
            return super().conv2d_input(g, w, input_shape, window, groups)
        n, channels, *size = input_shape
        shape = n, channels // groups, *size
        parts = zip(_split(g, groups, 1), _split(w, groups, 0), strict=True)
        return _joined([conv.input_gradient(a, b, shape, window) for a, b in parts], 1)

    @in_float32
    def conv2d_weight(self, x: Array, g: Array, weight_shape: Shape, window: Window, groups: int) -> Array:
        if not _worth_columns(x.shape, weight_shape, groups):
            return super().conv2d_weight(x, g, weight_shape, window, groups)
        shape = weight_shape[0] // groups, *weight_shape[1:]
        parts = zip(_split(x, groups, 1), _split(g, groups, 1), strict=True)
        return _joined([conv.weight_gradient(a, b, shape, window) for a, b in parts], 0)

    @in_float32
    def conv2d_backward(
        self, x: Array, w: Array, g: Array, window: Window, groups: int, need_x: bool, need_w: bool
    ) -> tuple[Array | None, Array | None]:
        """Compute both gradients in one pass over the columns of g, if both are needed."""
        if not (need_x and need_w and _worth_columns(x.shape, w.shape, groups)):
            return super().conv2d_backward(x, w, g, window, groups, need_x, need_w)
        g = channels_first(g).transpose(1, 0, 2, 3)  # once for both gradients
        if not conv.gradients_share_columns(w.shape, window, x.shape):
            return super().conv2d_backward(x, w, g, window, groups, need_x, need_w)
        parts = zip(_split(x, groups, 1), _split(w, groups, 0), _split(g, groups, 1), strict=True)
        dx, dw = zip(*[conv.both_gradients(a, b, c, window) for a, b, c in parts], strict=True)
        return _joined(dx, 1), _joined(dw, 0)

    # --- Batch normalisation: each thread takes a few channels through every pass while they are in the cache ---

    def batch_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float, relu: bool = False
    ) -> tuple[Array, Array, Array]:
        if not _are_maps_of_one_precision(x):
            return super().batch_norm(x, weight, bias, eps, relu)
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
        self, g: Array, x: Array, weight: Array | None, mean: Array, var: Array, eps: float, y: Array | None = None
    ) -> tuple[Array, Array, Array]:
        if not _are_maps_of_one_precision(x):
            return super().batch_norm_backward(g, x, weight, mean, var, eps, y)
        x_rows, g_rows = rows_of(x), rows_of(g if y is None else self.pass_where_positive(g, y))
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

    def max_pool2d(self, x: Array, window: Window) -> tuple[Array, Array]:
        xc = channels_first(x)
        channels, n, height, width = xc.shape
        rows, columns = window.output_size(height, width)
        y = np.empty((channels, n, rows, columns), x.dtype)
        taps = np.empty(y.shape, window.tap_dtype)
        specified = super().max_pool2d

        def run(blocks: list[slice]) -> None:
            for c in blocks:
                padded = window.pad(xc[c], lowest(x.dtype))
                y[c] = _slide(np.maximum, padded, window, rows, columns)
                found = _first_equal(xc[c], y[c], window, taps.dtype)
                if found is None:  # a NaN equals nothing, itself included
                    y[c], taps[c] = specified(xc[c], window)
                else:
                    taps[c] = found

        parallel(run, channel_blocks(channels, n * height * width, _BLOCK))
        return y.transpose(1, 0, 2, 3), taps.transpose(1, 0, 2, 3)  # C N H W -> N C H W

    def max_pool2d_scatter(self, g: Array, taps: Array, input_shape: Shape, window: Window) -> Array:
        gc, tc = channels_first(g), channels_first(taps)
        n, channels, height, width = input_shape
        dx = np.empty((channels, n, height, width), g.dtype)

        def run(blocks: list[slice]) -> None:
            for c in blocks:
                dx[c] = 0
                for i, j, at, seen in window.inner_taps(height, width):
                    dx[c][seen] += _keep_where(gc[c][at], tc[c][at] == i * window.kernel[1] + j)

        parallel(run, channel_blocks(channels, n * height * width, _BLOCK))
        return dx.transpose(1, 0, 2, 3)  # C N H W -> N C H W

    @in_float32
    def avg_pool2d(self, x: Array, window: Window, scale: float | Array) -> Array:
        """Sum each window as a sum of row sums."""
        xc = channels_first(x)
        channels, n, height, width = xc.shape
        rows, columns = window.output_size(height, width)
        y = np.empty((channels, n, rows, columns), x.dtype)

        def run(blocks: list[slice]) -> None:
            for c in blocks:
                np.multiply(_slide(np.add, window.pad(xc[c]), window, rows, columns), scale, out=y[c])

        parallel(run, channel_blocks(channels, n * height * width, _BLOCK))
        return y.transpose(1, 0, 2, 3)  # C N H W -> N C H W

    @in_float32
    def avg_pool2d_backward(self, g: Array, input_shape: Shape, window: Window, scale: float | Array) -> Array:
        """Spread g over the windows; with stride 1 this is itself a sum over windows, of the padded g."""
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


# --- Guards ---


def _worth_columns(input_shape: Shape, weight_shape: Shape, groups: int) -> bool:
    """Return whether a matrix of columns pays: not for empty arrays, nor for groups of a few channels."""
    return 0 not in input_shape and 0 not in weight_shape and (groups == 1 or weight_shape[1] >= _FEW_CHANNELS)


def _are_maps_of_one_precision(x: Array) -> bool:
    """Return whether x is N C H W, and its statistics have x's own dtype, which those of float16 do not have."""
    return x.ndim == 4 and x.dtype != FLOAT16


# --- Loops ---


def _count_alike(x: Array, labels: Array, weight: Array | None, ignore: int) -> bool:
    """Return whether every label is a class of x, and none has a weight or is to be ignored."""
    classes = x.shape[1]
    if weight is not None or 0 <= ignore < classes or not labels.size:
        return False
    return bool(np.minimum.reduce(labels) >= 0 and np.maximum.reduce(labels) < classes)


def _share_out(work: Callable[..., object], flats: Sequence[Array]) -> None:
    """Call ``work`` on matching stretches of flat arrays, one for each thread."""
    size = flats[0].size
    jobs = evenly(size, workers() if size > _BLOCK else 1)

    def run(stretch: list[slice]) -> None:
        for part in stretch:
            work(*[flat[part] for flat in flats])

    parallel(run, jobs)


def _split(x: Array, groups: int, axis: int) -> list[Array]:
    """Return the part of x that belongs to each group."""
    return [x] if groups == 1 else np.split(x, groups, axis)


def _joined(parts: Sequence[Array], axis: int) -> Array:
    """Return the results of all groups as one array."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)


def _keep_where(x: Array, mask: Array, out: Array | None = None) -> Array:
    """Return floating x where the mask holds, else 0: its *bits*, read as an integer, times 1 or 0.

    NumPy multiplies several times faster than it chooses, and of the bits of NaN and ∞ too 0 times is 0.
    """
    bits = np.dtype(f"i{x.dtype.itemsize}")
    z: Array = np.multiply(x.view(bits), mask, out=None if out is None else out.view(bits)).view(x.dtype)
    return z


def _slide(combine: np.ufunc, xp: Array, window: Window, rows: int, columns: int) -> Array:
    """Return ``combine`` (a sum or maximum) of the elements under each position: along the width, then the height."""
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    across = xp[..., 0 : sw * (columns - 1) + 1 : sw].copy()
    for j in range(dw, kw * dw, dw):
        combine(across, xp[..., j : j + sw * (columns - 1) + 1 : sw], out=across)
    result = across[..., 0 : sh * (rows - 1) + 1 : sh, :].copy()
    for i in range(dh, kh * dh, dh):
        combine(result, across[..., i : i + sh * (rows - 1) + 1 : sh, :], out=result)
    return result


def _first_equal(x: Array, y: Array, window: Window, dtype: DType) -> Array | None:
    """Return the first tap, in scan order, that sees y in x, not in its padding; None if at some position none does.

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
