"""Kernels for NumPy arrays, faster than the specification with NumPy alone.

Memory order. Feature maps made here are N C H W to their user but lie channels last in memory, as N H W C (see
docs/memory-layout.md). Every other order is copied on entry. NumPy's elementwise functions go through memory in its
own order, so the code here is written in N C H W.

Blocks. What several passes read is taken a block at a time that stays in the cache. Blocks are shared out among
threads; executor.py explains how, and why results do not depend on timing, nor on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.kernels import sums
from minigrad.kernels.addresses import share_memory, total_size
from minigrad.kernels.blocked.conv import convolution
from minigrad.kernels.blocked.executor import parallel, workers
from minigrad.kernels.blocked.layout import Box, Rows, boxes, channels_last, image_blocks, rows_seen
from minigrad.kernels.geometry import Window
from minigrad.kernels.layout import flat_alike
from minigrad.kernels.masking import lowest
from minigrad.kernels.precision import FLOAT16, in_float32
from minigrad.kernels.reference import Reference
from minigrad.kernels.rules import Move
from minigrad.kernels.threads import evenly
from minigrad.memory_order import empty_channels_last
from minigrad.typing import Array, DType, Shape

_BLOCK = 32_768  # elements of one operand that an elementwise loop takes at a time: 128 KiB in float32
_POOLED = 131_072  # elements of the input of pooling: with fewer, too many rows would be read twice


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
        zeros = np.zeros(_BLOCK, x.dtype)  # NumPy compares with an array faster than with a number

        def run(a: Array, b: Array) -> None:
            for start in range(0, a.size, _BLOCK):
                part = a[start : start + _BLOCK]
                np.maximum(part, zeros[: part.size], out=b[start : start + _BLOCK])

        _share_out(run, flats)
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

    def pass_where_between(self, g: Array, x: Array, low: float, high: float) -> Array:
        return _keep_where(g, ~((x <= low) | (x >= high)))

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
        if not _has_elements(x.shape, w.shape):
            return super().conv2d(x, w, window, groups)
        return convolution.conv2d(channels_last(x), w, window, groups)

    @in_float32
    def conv2d_input(self, g: Array, w: Array, input_shape: Shape, window: Window, groups: int) -> Array:
        if not _has_elements(input_shape, w.shape):
            return super().conv2d_input(g, w, input_shape, window, groups)
        return convolution.input_gradient(channels_last(g), w, input_shape, window, groups)

    @in_float32
    def conv2d_weight(self, x: Array, g: Array, weight_shape: Shape, window: Window, groups: int) -> Array:
        if not _has_elements(x.shape, weight_shape):
            return super().conv2d_weight(x, g, weight_shape, window, groups)
        return convolution.weight_gradient(channels_last(x), channels_last(g), weight_shape, window, groups)

    @in_float32
    def conv2d_backward(
        self, x: Array, w: Array, g: Array, window: Window, groups: int, need_x: bool, need_w: bool
    ) -> tuple[Array | None, Array | None]:
        """Compute both gradients in one pass over the columns of g, if both are needed."""
        if not (need_x and need_w and _has_elements(x.shape, w.shape)):
            return super().conv2d_backward(x, w, g, window, groups, need_x, need_w)
        dx, dw = convolution.both_gradients(channels_last(x), w, channels_last(g), window, groups)
        if np.isnan(dw.sum()):  # perhaps of an infinite x times the zeros around g, which its tap does not see
            dw = self.conv2d_weight(x, g, w.shape, window, groups)
        return dx, dw

    # --- Batch normalisation: each block goes through several steps while it is in the cache ---

    def batch_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float, relu: bool = False
    ) -> tuple[Array, Array, Array]:
        if not _are_maps_of_one_precision(x):
            return super().batch_norm(x, weight, bias, eps, relu)
        given = Rows(x)
        y = Rows.without_values(x)
        mean, var = _statistics(given)
        rstd = 1 / np.sqrt(var + eps)
        centre = given.for_row(mean)
        factor = given.for_row(rstd if weight is None else rstd * weight)
        offset = None if bias is None else given.for_row(bias)
        zeros = np.zeros_like(centre)  # NumPy compares with an array faster than with a number

        def run(blocks: list[slice]) -> None:
            for at in blocks:
                block = y.block(at)
                width = block.shape[1]
                np.subtract(given.block(at), centre[:width], out=block)
                block *= factor[:width]
                if offset is not None:
                    block += offset[:width]
                if relu:
                    np.maximum(block, zeros[:width], out=block)

        parallel(run, given.blocks)
        return y.logical(), mean, var

    def batch_norm_backward(
        self, g: Array, x: Array, weight: Array | None, mean: Array, var: Array, eps: float,
        bias: Array | None = None, relu: bool = False,
    ) -> tuple[Array, Array, Array]:  # fmt: skip
        if not _are_maps_of_one_precision(x):
            return super().batch_norm_backward(g, x, weight, mean, var, eps, bias, relu)
        inputs, gradients, dx = Rows(x), Rows(g), Rows.without_values(x)
        rstd = 1 / np.sqrt(var + eps)
        centre = inputs.for_row(mean)
        factor = inputs.for_row(rstd if weight is None else rstd * weight)
        bias_of_row = None if bias is None else inputs.for_row(bias)

        def sums_of(blocks: list[slice]) -> list[tuple[Array, Array]]:
            found, scratch = [], inputs.scratch()
            for at in blocks:
                block, gradient = inputs.block(at), gradients.block(at)
                width = block.shape[1]
                deviation = np.subtract(block, centre[:width], out=scratch[: len(block), :width])
                if relu:  # what passes through it waits in dx, where y was
                    y = np.multiply(deviation, factor[:width], out=dx.block(at))
                    if bias_of_row is not None:
                        y += bias_of_row[:width]
                    gradient = _keep_where(gradient, ~(y <= 0), out=y)
                deviation *= gradient
                found.append((inputs.by_channel(gradient), inputs.by_channel(deviation)))
            return found

        found = [sums for part in parallel(sums_of, inputs.blocks) for sums in part]
        grad_bias, product = (np.sum(np.array(of_one), axis=0, dtype=np.float64) for of_one in zip(*found, strict=True))
        grad_weight, count = product * rstd, len(inputs.matrix)
        slope = inputs.for_row((grad_weight * rstd / count).astype(x.dtype))
        offset = inputs.for_row((grad_bias / count).astype(x.dtype))

        def run(blocks: list[slice]) -> None:
            scratch = inputs.scratch()
            for at in blocks:
                block, result = inputs.block(at), dx.block(at)
                width = block.shape[1]
                deviation = np.subtract(block, centre[:width], out=scratch[: len(block), :width])
                deviation *= slope[:width]
                np.subtract(result if relu else gradients.block(at), deviation, out=result)
                result -= offset[:width]
                result *= factor[:width]

        parallel(run, inputs.blocks)
        return dx.logical(), grad_weight.astype(x.dtype), grad_bias.astype(x.dtype)

    def scale_channels(self, x: Array, factor: Array, offset: Array, relu: bool = False) -> Array:
        if not _are_maps_of_one_precision(x) or factor.dtype != x.dtype or offset.dtype != x.dtype:
            return super().scale_channels(x, factor, offset, relu)
        given, y = Rows(x), Rows.without_values(x)
        factors, offsets = given.for_row(factor), given.for_row(offset)
        zeros = np.zeros_like(factors)

        def run(blocks: list[slice]) -> None:
            for at in blocks:
                block = y.block(at)
                width = block.shape[1]
                np.multiply(given.block(at), factors[:width], out=block)
                block += offsets[:width]
                if relu:
                    np.maximum(block, zeros[:width], out=block)

        parallel(run, given.blocks)
        return y.logical()

    # --- Pooling: a few rows of an image at a time through all taps ---

    def max_pool2d(self, x: Array, window: Window) -> tuple[Array, Array]:
        x = channels_last(x)
        y = empty_channels_last((*x.shape[:2], *window.output_size(*x.shape[-2:])), x.dtype)
        taps = empty_channels_last(y.shape, window.tap_dtype)
        specified = super().max_pool2d

        def run(blocks: list[Box]) -> None:
            for images, rows in blocks:
                seen, part = rows_seen(window, x.shape[2], rows)
                source, at = x[images, :, seen], (images, slice(None), rows)
                y[at] = _slide(np.maximum, part.pad(source, lowest(x.dtype)), part, *y[at].shape[-2:])
                found = _first_equal(source, y[at], part, taps.dtype)
                if found is None:  # a NaN equals nothing, itself included
                    y[at], taps[at] = specified(source, part)
                else:
                    taps[at] = found

        parallel(run, boxes(y.shape, x.size // max(1, x.shape[0] * y.shape[2]), _POOLED))
        return y, taps

    def max_pool2d_scatter(self, g: Array, taps: Array, input_shape: Shape, window: Window) -> Array:
        g, taps = channels_last(g), channels_last(taps)
        height, width = input_shape[-2:]
        dx = empty_channels_last(input_shape, g.dtype)

        def run(blocks: list[slice]) -> None:
            for n in blocks:
                dx[n] = 0
                for i, j, at, seen in window.inner_taps(height, width):
                    dx[n][seen] += _keep_where(g[n][at], taps[n][at] == i * window.kernel[1] + j)

        parallel(run, image_blocks(input_shape, _BLOCK))
        return dx

    @in_float32
    def avg_pool2d(self, x: Array, window: Window, scale: float | Array) -> Array:
        """Sum each window as a sum of sums of columns."""
        x = channels_last(x)
        y = empty_channels_last((*x.shape[:2], *window.output_size(*x.shape[-2:])), x.dtype)

        def run(blocks: list[Box]) -> None:
            for images, rows in blocks:
                seen, part = rows_seen(window, x.shape[2], rows)
                at = images, slice(None), rows
                share = scale[rows] if isinstance(scale, np.ndarray) and len(scale) > 1 else scale
                np.multiply(_slide(np.add, part.pad(x[images, :, seen]), part, *y[at].shape[-2:]), share, out=y[at])

        parallel(run, boxes(y.shape, x.size // max(1, x.shape[0] * y.shape[2]), _POOLED))
        return y

    @in_float32
    def avg_pool2d_backward(self, g: Array, input_shape: Shape, window: Window, scale: float | Array) -> Array:
        """Spread g over the windows; with stride 1 this is itself a sum over windows, of the padded g."""
        height, width = input_shape[-2:]
        rows, columns = g.shape[-2:]
        (kh, kw), (sh, sw) = window.kernel, window.stride
        size = window.padded_size(height, width)
        (top, bottom), (left, right) = window.padding
        if window.stride == (1, 1) and size == (height + top + bottom, width + left + right):
            back = window._replace(
                ceil_mode=False, padding=((kh - 1 - top, kh - 1 - bottom), (kw - 1 - left, kw - 1 - right))
            )
            return self.avg_pool2d(channels_last(g) * scale, back, 1.0)
        g = channels_last(g)
        dx = empty_channels_last(input_shape, g.dtype)

        def run(blocks: list[slice]) -> None:
            for n in blocks:
                share = g[n] * scale
                down = np.zeros_like(share, shape=(*share.shape[:2], size[0], columns))
                for i in range(kh):
                    down[..., i : i + sh * (rows - 1) + 1 : sh, :] += share
                spread = np.zeros_like(share, shape=(*share.shape[:2], *size))
                for j in range(kw):
                    spread[..., j : j + sw * (columns - 1) + 1 : sw] += down
                dx[n] = spread[window.inside(height, width)]

        parallel(run, image_blocks(input_shape, _BLOCK))
        return dx


# --- Guards ---


def _has_elements(*shapes: Shape) -> bool:
    return all(0 not in shape for shape in shapes)


def _are_maps_of_one_precision(x: Array) -> bool:
    """Return whether x is N C H W, not empty, and has statistics of its own dtype, unlike float16."""
    return x.ndim == 4 and x.size > 0 and x.dtype != FLOAT16


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


def _statistics(x: Rows) -> tuple[Array, Array]:
    """Return mean and variance of each channel.

    Each block gives its sum, and that of the squares of the deviations from its own mean; of all of them together the
    deviations of the blocks' means are added (Chan et al. 1983). So memory is read once.
    """

    def moments(blocks: list[slice]) -> list[tuple[int, Array, Array]]:
        found, scratch = [], x.scratch()
        for at in blocks:
            block, count = x.block(at), at.stop - at.start
            width = block.shape[1]
            total = x.by_channel(block)
            deviation = np.subtract(block, x.for_row(total / count)[:width], out=scratch[: len(block), :width])
            found.append((count, total, x.by_channel(np.square(deviation, out=deviation))))
        return found

    found = [moment for part in parallel(moments, x.blocks) for moment in part]
    counts, totals, squares = (np.array(of_one, np.float64) for of_one in zip(*found, strict=True))
    mean = totals.sum(axis=0) / counts.sum()
    spread = counts[:, None] * np.square(totals / counts[:, None] - mean)
    var = (squares + spread).sum(axis=0) / counts.sum()
    return mean.astype(x.matrix.dtype), var.astype(x.matrix.dtype)


def _keep_where(x: Array, mask: Array, out: Array | None = None) -> Array:
    """Return floating x where the mask holds, else 0: its *bits*, read as an integer, times 1 or 0.

    NumPy multiplies several times faster than it chooses, and of the bits of NaN and ∞ too 0 times is 0.
    """
    bits = np.dtype(f"i{x.dtype.itemsize}")
    z: Array = np.multiply(x.view(bits), mask, out=None if out is None else out.view(bits)).view(x.dtype)
    return z


def _slide(combine: np.ufunc, xp: Array, window: Window, rows: int, columns: int) -> Array:
    """Return ``combine`` (a sum or maximum) of the elements under each position: along the height, then the width."""
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    down = np.copy(xp[..., 0 : sh * (rows - 1) + 1 : sh, :], order="K")
    for i in range(dh, kh * dh, dh):
        combine(down, xp[..., i : i + sh * (rows - 1) + 1 : sh, :], out=down)
    result = np.copy(down[..., 0 : sw * (columns - 1) + 1 : sw], order="K")
    for j in range(dw, kw * dw, dw):
        combine(result, down[..., j : j + sw * (columns - 1) + 1 : sw], out=result)
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
    code = np.zeros_like(y, dtype=dtype)
    for i, j, at, seen in window.inner_taps(*x.shape[-2:]):
        equal = x[seen] == y[at]
        np.maximum(code[at], equal * dtype.type(highest - i * window.kernel[1] - j), out=code[at])
    return None if code.min(initial=highest) == 0 else np.subtract(highest, code)
