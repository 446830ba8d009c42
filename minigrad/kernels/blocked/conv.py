"""Convolution on a CPU: copy what the taps see into cache-sized column blocks, one matrix product each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels import reference
from minigrad.kernels.geometry import Window
from minigrad.kernels.layout import channels_first
from minigrad.kernels.precision import in_float32
from minigrad.kernels.threads import copy, evenly, parallel, workers

_COLUMN_BYTES = 1_500_000  # of one block of columns: it, its weights and its result fit in the L2 cache
_local = threading.local()


def _scratch(size: int, dtype: Any) -> np.ndarray:
    """This thread's buffer for columns, kept from call to call: fresh memory costs page faults."""
    buffers = _local.__dict__.setdefault("buffers", {})
    buffer = buffers.get(dtype)
    if buffer is None or buffer.size < size:
        buffer = buffers[dtype] = np.empty(size, dtype)
    return buffer[:size]


class _Columns:
    """The columns of a padded C N H W input, a block of whole output rows at a time."""

    def __init__(self, xp: np.ndarray, window: Window, rows: int, columns: int) -> None:
        channels, self.n, _, _ = xp.shape
        (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
        c, n, h, w = xp.strides
        self.rows, self.columns = rows, columns
        self.height = channels * kh * kw  # of the column matrix
        self.seen = as_strided(
            xp, (channels, kh, kw, self.n, rows, columns), (c, h * dh, w * dw, n, h * sh, w * sw), writeable=False
        )

    def blocks(self, first: int = 0, last: int | None = None) -> list[tuple[int, int, int, int]]:
        """Blocks of the pictures first … last−1 that fit in the cache, each as (first picture, last + 1,
        first output row, last + 1)."""
        last = self.n if last is None else last
        positions = max(1, _COLUMN_BYTES // (self.seen.itemsize * self.height))
        picture = self.rows * self.columns
        if positions >= picture:
            step = min(positions // picture, -(-self.n // workers()))
            return [(i, min(last, i + step), 0, self.rows) for i in range(first, last, step)]
        step = max(1, positions // self.columns)
        return [(i, i + 1, r, min(self.rows, r + step)) for i in range(first, last) for r in range(0, self.rows, step)]

    def positions(self, block: tuple[int, int, int, int]) -> slice:
        """Which columns of the whole (O, N·H'·W') result the block covers."""
        n0, n1, r0, r1 = block
        start = (n0 * self.rows + r0) * self.columns
        return slice(start, start + (n1 - n0) * (r1 - r0) * self.columns)

    def fill(self, block: tuple[int, int, int, int]) -> np.ndarray:
        """The block's columns, a (C·kh·kw, positions) matrix in this thread's buffer."""
        n0, n1, r0, r1 = block
        seen = self.seen[:, :, :, n0:n1, r0:r1]
        size = (n1 - n0) * (r1 - r0) * self.columns
        matrix = _scratch(self.height * size, seen.dtype).reshape(self.height, size)
        np.copyto(matrix.reshape(seen.shape), seen)
        return matrix


# --- The three products, for one group ---


@in_float32
def conv2d(x: np.ndarray, w: np.ndarray, window: Window, groups: int) -> np.ndarray:
    """As reference.conv2d."""
    if not _worthwhile(x, w, groups):
        return reference.conv2d(x, w, window, groups)
    if groups > 1:
        parts = zip(np.split(x, groups, 1), np.split(w, groups, 0), strict=True)
        return np.concatenate([conv2d(a, b, window, 1) for a, b in parts], axis=1)
    w, window = _live_taps(w, window, x.shape[-2:])
    xc = channels_first(x)
    rows, columns = window.output_size(*x.shape[-2:])
    matrix = np.ascontiguousarray(w).reshape(w.shape[0], -1)
    if window.is_pointwise:
        y = _product(matrix, xc.reshape(xc.shape[0], -1))
    else:
        y = _conv_blocks(_pad(xc, window), matrix, window, rows, columns, None)[0]
    return y.reshape(w.shape[0], x.shape[0], rows, columns).transpose(1, 0, 2, 3)  # O N H W -> N O H W


@in_float32
def conv2d_backward(
    x: np.ndarray, w: np.ndarray, g: np.ndarray, window: Window, groups: int, need_x: bool, need_w: bool
) -> tuple[Any, Any]:
    """As reference.conv2d_backward. With stride 1, one block of the columns of g serves both results; with many
    more output than input channels those columns would be larger than two sets of columns of x."""
    if not _worthwhile(x, w, groups):
        return reference.conv2d_backward(x, w, g, window, groups, need_x, need_w)
    if groups > 1:
        split = zip(np.split(x, groups, 1), np.split(w, groups, 0), np.split(g, groups, 1), strict=True)
        parts = [conv2d_backward(a, b, c, window, 1, need_x, need_w) for a, b, c in split]
        dx = np.concatenate([part[0] for part in parts], axis=1) if need_x else None
        return dx, np.concatenate([part[1] for part in parts], axis=0) if need_w else None
    full_shape = w.shape
    w, live_window = _live_taps(w, window, x.shape[-2:])
    gc = channels_first(g)
    if live_window.is_pointwise:
        dx, dw = _pointwise_backward(x, w, gc, need_x, need_w)
    elif live_window.stride == (1, 1) and need_x and _padding_fits(live_window) and w.shape[0] < 2 * w.shape[1]:
        dx, dw = _unit_stride_backward(x, w, gc, live_window, need_w)
    else:
        dx, dw = _strided_backward(x, w, gc, live_window, need_x, need_w)
    if dw is not None and dw.shape != full_shape:
        taps = _live_range(window, x.shape[-2:])
        whole = np.zeros(full_shape, dw.dtype)
        whole[:, :, taps[0], taps[1]] = dw
        dw = whole
    return dx, dw


def single_gradients(backward: Callable[..., tuple[Any, Any]]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """reference.conv2d_input and reference.conv2d_weight, each as one half of a ``conv2d_backward``."""

    def conv2d_input(g: Any, w: Any, input_shape: tuple[int, ...], window: Window, groups: int) -> Any:
        x = np.broadcast_to(g.dtype.type(0), input_shape)  # only its shape is read
        return backward(x, w, g, window, groups, True, False)[0]

    def conv2d_weight(x: Any, g: Any, weight_shape: tuple[int, ...], window: Window, groups: int) -> Any:
        w = np.broadcast_to(g.dtype.type(0), weight_shape)  # only its shape is read
        return backward(x, w, g, window, groups, False, True)[1]

    return conv2d_input, conv2d_weight


conv2d_input, conv2d_weight = single_gradients(conv2d_backward)


def _worthwhile(x: np.ndarray, w: np.ndarray, groups: int) -> bool:
    """Whether a column matrix pays: not for empty inputs or a product of a few channels per group."""
    return x.size > 0 and w.size > 0 and (groups == 1 or w.shape[1] >= 4)


def _pad(x: np.ndarray, window: Window) -> np.ndarray:
    """As ``window.pad``, with every thread copying some channels."""
    height, width = x.shape[-2:]
    size = window.padded_size(height, width)
    if size == (height, width):
        return x
    padded = np.zeros((*x.shape[:-2], *size), x.dtype)
    copy(padded[window.inside(height, width)], x)
    return padded


def _flip(w: np.ndarray) -> np.ndarray:
    """A kernel turned by half a circle, with input and output channels exchanged: (O, C, …) to (C, O, …)."""
    turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return copy(np.empty(turned.shape, w.dtype), turned)


def _padding_fits(window: Window) -> bool:
    """Whether the flipped convolution that gives ∂L/∂x has no negative padding."""
    return all(
        max(pads) <= d * (k - 1) for pads, d, k in zip(window.padding, window.dilation, window.kernel, strict=True)
    )


def _live_range(window: Window, size: tuple[int, ...]) -> tuple[slice, slice]:
    """The taps, in each dimension, that meet the input somewhere: on small maps the outer ones see padding only."""
    ranges = []
    for axis in (0, 1):
        (before, _), d, s = window.padding[axis], window.dilation[axis], window.stride[axis]
        last = s * (window.output_size(*size)[axis] - 1)
        live = [i for i in range(window.kernel[axis]) if i * d + last >= before and i * d < before + size[axis]]
        ranges.append(slice(live[0], live[-1] + 1) if live else slice(0, 1))
    return (ranges[0], ranges[1])


def _live_taps(w: np.ndarray, window: Window, size: tuple[int, ...]) -> tuple[np.ndarray, Window]:
    """The same convolution without the taps that never meet the input."""
    taps = _live_range(window, size)
    if all(t == slice(0, k) for t, k in zip(taps, window.kernel, strict=True)):
        return w, window
    padding = []
    for axis in (0, 1):
        (before, after), d = window.padding[axis], window.dilation[axis]
        cut_front, cut_back = taps[axis].start, window.kernel[axis] - taps[axis].stop
        padding.append((before - d * cut_front, after - d * cut_back))
    if min(min(pads) for pads in padding) < 0:
        return w, window
    kernel = (taps[0].stop - taps[0].start, taps[1].stop - taps[1].start)
    smaller = window._replace(kernel=kernel, padding=(padding[0], padding[1]))
    return w[:, :, taps[0], taps[1]], smaller


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b, its columns shared out among the threads, or its rows if there are more of them."""
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


def _product_transposed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ bᵀ, the rows shared out among the threads; or, if the inner dimension is far longer, that one, and
    the threads' shares summed in a fixed order."""
    inner, rows = a.shape[1], a.shape[0]
    if inner > 16 * max(rows, b.shape[0]):
        return _sum(parallel(lambda parts: _sum([a[:, p] @ b[:, p].T for p in parts]), evenly(inner, workers())))
    return np.concatenate(parallel(lambda parts: np.concatenate([a[p] @ b.T for p in parts]), evenly(rows, workers())))


def _sum(terms: list[np.ndarray]) -> np.ndarray:
    total = terms[0]
    for term in terms[1:]:
        total += term
    return total


def _conv_blocks(
    xp: np.ndarray, matrix: np.ndarray, window: Window, rows: int, columns: int, other: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """matrix @ columns(xp), and with ``other`` (M, positions) also other @ columns(xp)ᵀ."""
    seen = _Columns(xp, window, rows, columns)
    y = np.empty((matrix.shape[0], seen.n * rows * columns), xp.dtype)

    def run(blocks: list[tuple[int, int, int, int]]) -> np.ndarray | None:
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


def _pointwise_backward(x: np.ndarray, w: np.ndarray, gc: np.ndarray, need_x: bool, need_w: bool) -> tuple[Any, Any]:
    """A 1x1 convolution is Y = W X: dX = Wᵀ dY, dW = dY Xᵀ."""
    g_rows = gc.reshape(gc.shape[0], -1)
    matrix = w.reshape(w.shape[0], -1)
    dx = dw = None
    if need_x:
        n, channels, height, width = x.shape
        dx = _product(matrix.T, g_rows).reshape(channels, n, height, width).transpose(1, 0, 2, 3)
    if need_w:
        dw = _product_transposed(g_rows, channels_first(x).reshape(x.shape[1], -1)).reshape(w.shape)
    return dx, dw


def _unit_stride_backward(
    x: np.ndarray, w: np.ndarray, gc: np.ndarray, window: Window, need_w: bool
) -> tuple[Any, Any]:
    """∂L/∂x is a convolution of g with the flipped kernel; its columns times xᵀ give ∂L/∂w, flipped."""
    n, channels, height, width = x.shape
    out, _, kh, kw = w.shape
    full = [d * (k - 1) for d, k in zip(window.dilation, window.kernel, strict=True)]
    (top, bottom), (left, right) = window.padding
    back = window._replace(padding=((full[0] - top, full[0] - bottom), (full[1] - left, full[1] - right)))
    flipped = _flip(w).reshape(channels, -1)
    x_rows = channels_first(x).reshape(channels, -1) if need_w else None
    dx, dw_flipped = _conv_blocks(_pad(gc, back), flipped, back, height, width, x_rows)
    dw = None
    if dw_flipped is not None:
        dw = _flip(dw_flipped.reshape(channels, out, kh, kw))
        if np.isnan(dw.sum()):  # perhaps of an infinite x times the zeros around g, which its tap does not see
            dw = _strided_backward(x, w, gc, window, need_x=False, need_w=True)[1]
    return dx.reshape(channels, n, height, width).transpose(1, 0, 2, 3), dw


def _strided_backward(
    x: np.ndarray, w: np.ndarray, gc: np.ndarray, window: Window, need_x: bool, need_w: bool
) -> tuple[Any, Any]:
    """dW = dY · columns(x)ᵀ, and dX = the columns Wᵀ dY added back where their taps saw them ("col2im")."""
    n, channels, height, width = x.shape
    rows, columns = gc.shape[2:]
    size = window.padded_size(height, width)
    xp = _pad(channels_first(x), window) if need_w else np.broadcast_to(gc.dtype.type(0), (channels, n, *size))
    seen = _Columns(xp, window, rows, columns)
    g_rows = gc.reshape(gc.shape[0], -1)
    transposed = np.ascontiguousarray(w.reshape(w.shape[0], -1).T)
    dxp = np.zeros((channels, n, *size), gc.dtype) if need_x else None
    taps = list(window.taps(height, width))

    def run(pictures: list[int]) -> np.ndarray | None:
        total = None  # whole pictures for each thread, so that no two of them add to one element of dxp
        for block in seen.blocks(pictures[0], pictures[-1] + 1):
            n0, n1, r0, r1 = block
            at = seen.positions(block)
            if need_w:
                share = g_rows[:, at] @ seen.fill(block).T
                total = share if total is None else np.add(total, share, out=total)
            if dxp is not None:
                back = _scratch(seen.height * (at.stop - at.start), gc.dtype).reshape(seen.height, -1)
                np.matmul(transposed, g_rows[:, at], out=back)
                back = back.reshape(channels, len(taps), n1 - n0, r1 - r0, columns)
                for tap, (_, _, (_, down, across)) in enumerate(taps):
                    top = down.start + r0 * window.stride[0]
                    bottom = down.start + (r1 - 1) * window.stride[0] + 1
                    dxp[:, n0:n1, top : bottom : window.stride[0], across] += back[:, tap]
        return total

    totals = [total for total in parallel(run, list(range(n))) if total is not None]
    dx = None if dxp is None else dxp[window.inside(height, width)].transpose(1, 0, 2, 3)  # C N H W -> N C H W
    return dx, _sum(totals).reshape(w.shape) if need_w else None
