"""Convolution on a CPU: copy what the taps see into cache-sized column blocks, one matrix product each."""

from __future__ import annotations

import threading

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.blocked.executor import copy, parallel, workers
from minigrad.kernels.blocked.layout import channels_first
from minigrad.kernels.geometry import Region, Window
from minigrad.kernels.threads import evenly
from minigrad.typing import Array, DType, Shape

_ALL_TAPS: Region = (..., slice(None), slice(None))
_COLUMN_BYTES = 1_500_000  # of one block of columns: it, its weights and its result fit in the L2 cache
_local = threading.local()


def _scratch(size: int, dtype: DType) -> Array:
    """Return this thread's buffer for columns, kept from call to call: fresh memory costs page faults."""
    buffers = _local.__dict__.setdefault("buffers", {})
    buffer = buffers.get(dtype)
    if buffer is None or buffer.size < size:
        buffer = buffers[dtype] = np.empty(size, dtype)
    return buffer[:size]


class _Columns:
    """The columns of a padded C N H W input, a block of whole output rows at a time."""

    def __init__(self, xp: Array, window: Window, rows: int, columns: int) -> None:
        channels, self.n, _, _ = xp.shape
        (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
        c, n, h, w = xp.strides
        self.rows, self.columns = rows, columns
        self.height = channels * kh * kw  # of the column matrix
        self.seen = as_strided(
            xp, (channels, kh, kw, self.n, rows, columns), (c, h * dh, w * dw, n, h * sh, w * sw), writeable=False
        )

    def blocks(self, first: int = 0, last: int | None = None) -> list[tuple[int, int, int, int]]:
        """Return blocks of the images first … last−1 that fit in the cache.

        Each is (first image, last image + 1, first output row, last row + 1).
        """
        last = self.n if last is None else last
        positions = max(1, _COLUMN_BYTES // (self.seen.itemsize * self.height))
        image = self.rows * self.columns
        if positions >= image:
            step = min(positions // image, -(-self.n // workers()))
            return [(i, min(last, i + step), 0, self.rows) for i in range(first, last, step)]
        step = max(1, positions // self.columns)
        return [(i, i + 1, r, min(self.rows, r + step)) for i in range(first, last) for r in range(0, self.rows, step)]

    def positions(self, block: tuple[int, int, int, int]) -> slice:
        """Return the columns of the whole (O, N·H'·W') result that the block covers."""
        n0, n1, r0, r1 = block
        start = (n0 * self.rows + r0) * self.columns
        return slice(start, start + (n1 - n0) * (r1 - r0) * self.columns)

    def fill(self, block: tuple[int, int, int, int]) -> Array:
        """Return the block's columns, a (C·kh·kw, positions) matrix in this thread's buffer."""
        n0, n1, r0, r1 = block
        seen = self.seen[:, :, :, n0:n1, r0:r1]
        size = (n1 - n0) * (r1 - r0) * self.columns
        matrix = _scratch(self.height * size, seen.dtype).reshape(self.height, size)
        np.copyto(matrix.reshape(seen.shape), seen)
        return matrix


# --- The products, for one group ---


def conv2d(x: Array, w: Array, window: Window) -> Array:
    """Return the output, as ``Reference.conv2d``."""
    taps, window = _live_taps(window, x.shape)
    xc, w = channels_first(x), w[taps]
    rows, columns = window.output_size(*x.shape[-2:])
    matrix = np.ascontiguousarray(w).reshape(w.shape[0], -1)
    if window.is_pointwise:
        y = _product(matrix, xc.reshape(xc.shape[0], -1))
    else:
        y = _conv_blocks(_pad(xc, window), matrix, window, rows, columns, None)[0]
    return y.reshape(w.shape[0], x.shape[0], rows, columns).transpose(1, 0, 2, 3)  # O N H W -> N O H W


def input_gradient(g: Array, w: Array, input_shape: Shape, window: Window) -> Array:
    """Return ∂L/∂x, as ``Reference.conv2d_input``."""
    taps, window = _live_taps(window, input_shape)
    gc, w = channels_first(g), w[taps]
    n, channels, height, width = input_shape
    if window.is_pointwise:  # Y = W X, so dX = Wᵀ dY
        dx = _product(w.reshape(w.shape[0], -1).T, gc.reshape(gc.shape[0], -1))
    elif _is_convolution_of_g(w.shape, window):
        back = _backwards(window)
        dx = _conv_blocks(_pad(gc, back), _flip(w).reshape(channels, -1), back, height, width, None)[0]
    else:
        return _columns_back(gc, w, input_shape, window)
    return dx.reshape(channels, n, height, width).transpose(1, 0, 2, 3)  # C N H W -> N C H W


def weight_gradient(x: Array, g: Array, weight_shape: Shape, window: Window) -> Array:
    """Return ∂L/∂w, as ``Reference.conv2d_weight``."""
    taps, live = _live_taps(window, x.shape)
    xc, gc = channels_first(x), channels_first(g)
    if live.is_pointwise:  # Y = W X, so dW = dY Xᵀ
        dw = _product_transposed(gc.reshape(gc.shape[0], -1), xc.reshape(xc.shape[0], -1))
    else:
        dw = _columns_product(xc, gc, live)
    return _with_dead_taps(dw.reshape(*weight_shape[:2], *live.kernel), weight_shape, taps)


def gradients_share_columns(weight_shape: Shape, window: Window, input_shape: Shape) -> bool:
    """Return whether one pass over the columns of g gives both gradients, so that :func:`both_gradients` pays."""
    _, window = _live_taps(window, input_shape)
    return not window.is_pointwise and _is_convolution_of_g(weight_shape, window)


def both_gradients(x: Array, w: Array, g: Array, window: Window) -> tuple[Array, Array]:
    """Return (∂L/∂x, ∂L/∂w) where :func:`gradients_share_columns` holds.

    ∂L/∂x is a convolution of g with the flipped kernel; its columns times xᵀ give ∂L/∂w, flipped.
    """
    whole_shape = w.shape
    taps, window = _live_taps(window, x.shape)
    gc, w = channels_first(g), w[taps]
    n, channels, height, width = x.shape
    out, _, kh, kw = w.shape
    back, flipped = _backwards(window), _flip(w).reshape(channels, -1)
    x_rows = channels_first(x).reshape(channels, -1)
    dx, dw_flipped = _conv_blocks(_pad(gc, back), flipped, back, height, width, x_rows)
    assert dw_flipped is not None
    dw = _flip(dw_flipped.reshape(channels, out, kh, kw))
    if np.isnan(dw.sum()):  # perhaps of an infinite x times the zeros around g, which its tap does not see
        dw = _columns_product(channels_first(x), gc, window)
    return dx.reshape(channels, n, height, width).transpose(1, 0, 2, 3), _with_dead_taps(dw, whole_shape, taps)


def _pad(x: Array, window: Window) -> Array:
    """Return x as ``window.pad`` does, with every thread copying some channels."""
    height, width = x.shape[-2:]
    size = window.padded_size(height, width)
    if size == (height, width):
        return x
    padded = np.zeros((*x.shape[:-2], *size), x.dtype)
    copy(padded[window.inside(height, width)], x)
    return padded


def _flip(w: Array) -> Array:
    """Return a kernel turned by half a circle, with input and output channels exchanged: (O, C, …) to (C, O, …)."""
    turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return copy(np.empty(turned.shape, w.dtype), turned)


def _is_convolution_of_g(weight_shape: Shape, window: Window) -> bool:
    """Return whether ∂L/∂x is computed as a convolution of g with the flipped kernel.

    It is one where the stride is 1 and its padding not negative. But with many more output than input channels the
    columns of g would be larger than two sets of columns of x.
    """
    return (
        window.stride == (1, 1)
        and weight_shape[0] < 2 * weight_shape[1]
        and all(max(p) <= d * (k - 1) for p, d, k in zip(window.padding, window.dilation, window.kernel, strict=True))
    )


def _backwards(window: Window) -> Window:
    """Return the window of the convolution that gives ∂L/∂x."""
    full = [d * (k - 1) for d, k in zip(window.dilation, window.kernel, strict=True)]
    (top, bottom), (left, right) = window.padding
    return window._replace(padding=((full[0] - top, full[0] - bottom), (full[1] - left, full[1] - right)))


def _live_range(window: Window, axis: int, size: int) -> slice:
    """Return the taps along an axis that meet an input of this size: on small maps the outer ones see padding only."""
    (before, _), d, s = window.padding[axis], window.dilation[axis], window.stride[axis]
    last = s * (window.positions(size, axis) - 1)
    live = [i for i in range(window.kernel[axis]) if i * d + last >= before and i * d < before + size]
    return slice(live[0], live[-1] + 1) if live else slice(0, 1)


def _live_taps(window: Window, input_shape: Shape) -> tuple[Region, Window]:
    """Return the weights of the taps that meet the input somewhere, and the window without the other taps."""
    taps = [_live_range(window, axis, input_shape[2 + axis]) for axis in (0, 1)]
    if all(t == slice(0, k) for t, k in zip(taps, window.kernel, strict=True)):
        return _ALL_TAPS, window
    padding = []
    for (before, after), d, k, t in zip(window.padding, window.dilation, window.kernel, taps, strict=True):
        padding.append((before - d * t.start, after - d * (k - t.stop)))
    if min(min(pads) for pads in padding) < 0:
        return _ALL_TAPS, window
    kernel = (taps[0].stop - taps[0].start, taps[1].stop - taps[1].start)
    return (..., taps[0], taps[1]), window._replace(kernel=kernel, padding=(padding[0], padding[1]))


def _with_dead_taps(dw: Array, weight_shape: Shape, taps: Region) -> Array:
    """Return the gradient of all taps, which is zero for those that never meet the input."""
    if dw.shape == weight_shape:
        return dw
    whole = np.zeros(weight_shape, dw.dtype)
    whole[taps] = dw
    return whole


def _product(a: Array, b: Array) -> Array:
    """Return a @ b, its columns shared out among the threads, or its rows if there are more of them."""
    result = np.empty((a.shape[0], b.shape[1]), b.dtype)
    by_columns = b.shape[1] >= a.shape[0]

    def run(parts: list[slice]) -> None:
        for part in parts:
            if by_columns:
                np.matmul(a, b[:, part], out=result[:, part])
            else:
                np.matmul(a[part], b, out=result[part])

    parallel(run, evenly(b.shape[1] if by_columns else a.shape[0], workers()))
    return result


def _product_transposed(a: Array, b: Array) -> Array:
    """Return a @ bᵀ, the rows shared out among the threads.

    If the inner dimension is far longer, that one is shared out, and the threads' shares are added in a fixed order.
    """
    inner, rows = a.shape[1], a.shape[0]
    if inner > 16 * max(rows, b.shape[0]):
        return _sum(parallel(lambda parts: _sum([a[:, p] @ b[:, p].T for p in parts]), evenly(inner, workers())))
    return np.concatenate(parallel(lambda parts: np.concatenate([a[p] @ b.T for p in parts]), evenly(rows, workers())))


def _sum(terms: list[Array]) -> Array:
    total = terms[0]
    for term in terms[1:]:
        total += term
    return total


def _conv_blocks(
    xp: Array, matrix: Array, window: Window, rows: int, columns: int, other: Array | None
) -> tuple[Array, Array | None]:
    """Return matrix @ columns(xp), and with ``other`` (M, positions) also other @ columns(xp)ᵀ."""
    seen = _Columns(xp, window, rows, columns)
    y = np.empty((matrix.shape[0], seen.n * rows * columns), xp.dtype)

    def run(blocks: list[tuple[int, int, int, int]]) -> Array | None:
        total = None
        for block in blocks:
            column_matrix, at = seen.fill(block), seen.positions(block)
            np.matmul(matrix, column_matrix, out=y[:, at])
            if other is not None:
                share = other[:, at] @ column_matrix.T
                total = share if total is None else np.add(total, share, out=total)
        return total

    totals = parallel(run, seen.blocks())
    return y, None if other is None else _sum([total for total in totals if total is not None])


def _columns_product(xc: Array, gc: Array, window: Window) -> Array:
    """Return dW = dY · columns(x)ᵀ, of x (C, N, H, W) and g (O, N, H', W')."""
    channels, n = xc.shape[:2]
    seen = _Columns(_pad(xc, window), window, *gc.shape[2:])
    g_rows = gc.reshape(gc.shape[0], -1)

    def run(images: list[int]) -> Array | None:
        total: Array | None = None
        for block in seen.blocks(images[0], images[-1] + 1):
            share = g_rows[:, seen.positions(block)] @ seen.fill(block).T
            total = share if total is None else np.add(total, share, out=total)
        return total

    totals = [total for total in parallel(run, list(range(n))) if total is not None]
    return _sum(totals).reshape(gc.shape[0], channels, *window.kernel)


def _columns_back(gc: Array, w: Array, input_shape: Shape, window: Window) -> Array:
    """Return dX: the columns Wᵀ dY added back where their taps saw them ("col2im")."""
    n, channels, height, width = input_shape
    columns = gc.shape[3]
    size = window.padded_size(height, width)
    xp = np.broadcast_to(gc.dtype.type(0), (channels, n, *size))  # for its shape only
    seen = _Columns(xp, window, *gc.shape[2:])
    g_rows = gc.reshape(gc.shape[0], -1)
    transposed = np.ascontiguousarray(w.reshape(w.shape[0], -1).T)
    dxp = np.zeros((channels, n, *size), gc.dtype)
    taps = list(window.taps(height, width))

    def run(images: list[int]) -> None:  # whole images for each thread, so that no two add to one element of dxp
        for block in seen.blocks(images[0], images[-1] + 1):
            n0, n1, r0, r1 = block
            at = seen.positions(block)
            back = _scratch(seen.height * (at.stop - at.start), gc.dtype).reshape(seen.height, -1)
            np.matmul(transposed, g_rows[:, at], out=back)
            back = back.reshape(channels, len(taps), n1 - n0, r1 - r0, columns)
            for tap, (_, _, (_, down, across)) in enumerate(taps):
                top = down.start + r0 * window.stride[0]
                bottom = down.start + (r1 - 1) * window.stride[0] + 1
                dxp[:, n0:n1, top : bottom : window.stride[0], across] += back[:, tap]

    parallel(run, list(range(n)))
    return dxp[window.inside(height, width)].transpose(1, 0, 2, 3)  # C N H W -> N C H W
