"""Convolution without columns: the taps of a window read the padded input where it lies (needs Numba).

The input is laid on a *grid*: one row of memory for each channel, in which all pictures follow each other, each
row of a picture ends in a gap of zeros, and each picture in rows of zeros:

        1 2 3 0        the gap is as wide as the padding; the zeros at the end of one row
        4 5 6 0        are at the same time those before the next
        7 8 9 0
        0 0 0 0        so that on the grid every tap (i, j) of a window is one number to add to the position

Then, with k counting channels and taps, y[o, p] = Σ_k w[o, k] · grid[offset_k + p] for all positions p, including
a few in the gaps, whose results nobody wants. All three products of a convolution are of this kind or its mirror:

        y  = Σ_k w[o, k] · x[offset_k + p]            accumulate, over the grid of x
        dx = Σ_k w'[c, k] · g[offset'_k + p]          accumulate, over the grid of g, with the kernel flipped
        dw = Σ_p g[o, p] · x[offset_k + p]            correlate, with zeros of g in the gaps

For small pictures in large batches the grid is turned round: the pictures' elements at one place lie side by side,
and the positions of a row of places are one stretch, which needs no part of the gap computed.

Only for stride 1: with a stride, neighbouring positions do not read neighbouring elements (conv_cpu.py does those).
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from minigrad.kernels import microkernel as micro
from minigrad.kernels.geometry import Window
from minigrad.kernels.threads import evenly, parallel, workers

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"

_compiled = njit(cache=True, nogil=True, error_model="numpy")
_ROWS, _PAIR = micro.ROWS, micro.PAIR
_CHUNK_BYTES = 32_768  # of the rows of g that ``correlate`` reads again and again: they stay in the L1 cache
_SMALL = 4  # columns of a picture below which the grid is turned round
_local = threading.local()


def suits(x: np.ndarray, w: np.ndarray, window: Window) -> bool:
    """Whether these kernels are for such a convolution: enough channels and positions to fill the registers."""
    rows, columns = window.output_size(*x.shape[-2:])
    step = micro.VECTORS * micro.lanes(x.dtype.itemsize)
    enough = x.shape[0] * rows * columns >= 2 * step and w.shape[0] >= _ROWS
    return x.dtype in (np.float32, np.float64) and x.dtype == w.dtype and enough


class Grid(NamedTuple):
    """How N pictures of ``height`` rows of ``width`` elements, gaps included, lie in a row of memory."""

    pictures: int
    height: int
    width: int
    margin: int  # zeros before the first element and after the last
    turned: bool  # whether the pictures' elements at one place lie side by side, rather than picture after picture

    @property
    def positions(self) -> int:
        """Elements from the first to the last."""
        return self.pictures * self.height * self.width

    @property
    def length(self) -> int:
        """Elements of a row with its margins, an odd number of cache lines, which spreads rows over the cache."""
        lines = -(-(self.positions + 2 * self.margin) // 16)
        return 16 * (lines | 1)

    @property
    def across(self) -> int:
        """How far apart neighbours in a row of a picture are."""
        return self.pictures if self.turned else 1


def _buffer(name: str, size: int, dtype: Any) -> np.ndarray:
    """Memory of this thread's that is kept from call to call: fresh memory costs page faults."""
    buffers = _local.__dict__.setdefault("buffers", {})
    held = buffers.get((name, dtype))
    if held is None or held.size < size:
        held = buffers[name, dtype] = np.empty(size, dtype)
    return held[:size]


@_compiled
def _lay_out(
    x: Any, first: int, last: int, rows: Any, margin: int, grid_height: int, grid_width: int, turned: bool
) -> None:
    """Pictures first … last−1 of (channels, N, H, W) on the grid, a row a channel, zeros everywhere else."""
    channels, _, height, width = x.shape
    n = last - first
    rows[channels:] = 0
    for c in range(channels):
        row = rows[c]
        row[:margin] = 0
        at = margin
        if turned:
            for h in range(height):
                for w in range(width):
                    for p in range(n):
                        row[at + p] = x[c, first + p, h, w]
                    at += n
                gap = (grid_width - width) * n
                row[at : at + gap] = 0
                at += gap
        else:
            for p in range(first, last):
                for h in range(height):
                    for i in range(width):
                        row[at + i] = x[c, p, h, i]
                    for i in range(width, grid_width):
                        row[at + i] = 0
                    at += grid_width
                gap = (grid_height - height) * grid_width
                row[at : at + gap] = 0
                at += gap
        row[at:] = 0


@_compiled
def _pack(w: Any, first: int, last: int, packed: Any) -> None:
    """Outputs first … last−1 of w (outputs, inputs, taps) as ``accumulate`` reads them.

    That is in stretches of ROWS outputs, in each of which the weights of all outputs of one k stand together.
    """
    _, inputs, taps = w.shape
    count = inputs * taps
    for tile in range((last - first + _ROWS - 1) // _ROWS):
        for row in range(_ROWS):
            at = tile * count * _ROWS + row
            o = first + tile * _ROWS + row
            for c in range(inputs):
                for t in range(taps):
                    packed[at] = w[o, c, t] if o < last else 0
                    at += _ROWS


def _starts(grid: Grid, rows: int, columns: int, dtype: Any) -> np.ndarray:
    """Where the steps of ``accumulate`` begin."""
    step = micro.VECTORS * micro.lanes(dtype.itemsize)
    if grid.turned:
        return _starts_of_rows(grid, rows, columns, step)
    return np.arange(0, grid.positions, step)


def _starts_of_rows(grid: Grid, rows: int, columns: int, step: int) -> np.ndarray:
    """Where the steps begin that cover the wanted positions: row by row without the gaps, or all, if that is less."""
    row = columns * grid.pictures
    line = grid.width * grid.pictures
    each = -(-row // step)
    if each * rows * step >= rows * line:
        return np.arange(0, (rows - 1) * line + row, step)
    return (np.arange(rows)[:, None] * line + np.minimum(np.arange(each) * step, max(row - step, 0))).reshape(-1)


@_compiled
def _find_runs(
    start: int,
    step: int,
    pictures: int,
    rows: int,
    columns: int,
    grid_height: int,
    grid_width: int,
    turned: bool,
    runs: Any,
) -> int:
    """How many runs of wanted positions a step has; ``runs`` gets where each is in the step, where in y, how long."""
    found = 0
    p = start
    while p < start + step:
        if turned:
            place, n = p // pictures, p % pictures
            r, q = place // grid_width, place % grid_width
            if r >= rows:
                break
            length = min(pictures - n, start + step - p)
            following = p + length
        else:
            line, q = p // grid_width, p % grid_width
            n, r = line // grid_height, line % grid_height
            if n >= pictures:
                break
            length = min(columns - q, start + step - p)
            following = (line + 1) * grid_width
        if r < rows and q < columns:
            runs[found, 0] = p - start
            runs[found, 1] = (n * rows + r) * columns + q
            runs[found, 2] = length
            found += 1
        p = following
    return found


@_compiled
def _convolve_steps(
    flat: Any,
    offsets: Any,
    packed: Any,
    y: Any,
    output_0: int,
    outputs: int,
    picture_0: int,
    pictures: int,
    grid_height: int,
    grid_width: int,
    turned: bool,
    starts: Any,
) -> None:
    """Some outputs and pictures of y, counted from output_0 and picture_0 on.

    In steps of a few vectors of positions: all outputs of one step, while what they read is in the L1 cache.
    """
    _, everything, rows, columns = y.shape
    count = offsets.size
    step = micro.VECTORS * (micro.VECTOR_BYTES // flat.itemsize)
    scratch = np.empty(_ROWS * step, flat.dtype)
    runs = np.empty((step, 3), np.int64)
    picture = rows * columns
    flat_y = y.reshape(-1)
    stride = picture if turned else 1
    for start in starts:
        found = _find_runs(start, step, pictures, rows, columns, grid_height, grid_width, turned, runs)
        if found == 0:
            continue
        for tile in range((outputs + _ROWS - 1) // _ROWS):
            micro.accumulate(
                micro.address(flat, start),
                micro.address(offsets, 0),
                micro.address(packed, tile * count * _ROWS),
                count,
                micro.address(scratch, 0),
                step,
            )
            for o in range(min(_ROWS, outputs - tile * _ROWS)):
                base = (output_0 + tile * _ROWS + o) * everything * picture
                for i in range(found):
                    source, target = o * step + runs[i, 0], base + picture_0 * picture + runs[i, 1]
                    if stride == 1:
                        for q in range(runs[i, 2]):
                            flat_y[target + q] = scratch[source + q]
                    else:
                        for q in range(runs[i, 2]):
                            flat_y[target + q * stride] = scratch[source + q]


def _stretches(grid: Grid, rows: int, columns: int, dtype: Any) -> np.ndarray:
    """The positions as ``_correlate_tiles`` takes them, in stretches whose rows of g stay in the cache."""
    wide = micro.lanes(dtype.itemsize)
    chunk = _CHUNK_BYTES // (_PAIR[0] * dtype.itemsize * wide)
    row = columns * grid.pictures
    if grid.turned and row % wide == 0:  # row by row, without the gaps
        stride, steps = grid.width * grid.pictures, row // wide
        together = max(1, chunk // steps)
        found = [(r * stride, min(together, rows - r), stride, steps) for r in range(0, rows, together)]
    else:  # all, where g is 0 in the gaps
        vectors = -(-grid.positions // wide)
        found = [(v * wide, 1, 0, min(chunk, vectors - v)) for v in range(0, vectors, chunk)]
    return np.array(found, np.int64)


@_compiled
def _correlate_tiles(
    g: Any,
    g_stride: int,
    g_start: int,
    flat: Any,
    offsets: Any,
    sums: Any,
    stretches: Any,
    output_0: int,
    outputs: int,
) -> None:
    """Each stretch of positions is (where it begins, lines, how far apart they are, vectors of a line)."""
    stride = sums.shape[1]
    for i in range(stretches.shape[0]):
        start = stretches[i, 0]
        for tile in range(output_0 // _PAIR[0], (output_0 + outputs + _PAIR[0] - 1) // _PAIR[0]):
            for k in range(0, stride, _PAIR[1]):
                micro.correlate(
                    micro.address(g, tile * _PAIR[0] * g_stride + g_start + start),
                    g_stride,
                    micro.address(flat, start),
                    micro.address(offsets, k),
                    stretches[i, 1],
                    stretches[i, 2],
                    stretches[i, 3],
                    micro.address(sums, tile * _PAIR[0] * stride + k),
                    stride,
                )


# --- Stride 1 ---


def _grid_for(n: int, size: tuple[int, int], window: Window, result: tuple[int, int]) -> Grid:
    """A grid on which pictures of ``size`` can be read by the window, and ``result`` positions be counted."""
    gaps = [max(0, *pads) for pads in window.padding]
    height, width = (max(n_ + gap, r) for n_, gap, r in zip(size, gaps, result, strict=True))
    step = micro.VECTORS * micro.VECTOR_BYTES // 4
    turned = n >= 8 and result[1] <= _SMALL
    across = n if turned else 1
    reach = max(abs(offset) for offset in _tap_offsets(window, width, across))
    return Grid(n, height, width, reach + step + width * across, turned)


def _tap_offsets(window: Window, width: int, across: int) -> list[int]:
    """What each tap, in scan order, adds to a position."""
    (top, _), (left, _) = window.padding
    return [
        ((i * window.dilation[0] - top) * width + (j * window.dilation[1] - left)) * across
        for i in range(window.kernel[0])
        for j in range(window.kernel[1])
    ]


def _offsets(channels: int, grid: Grid, taps: list[int]) -> np.ndarray:
    """The offsets of all channels' taps, from the first picture's first element on."""
    starts = np.arange(channels, dtype=np.int64)[:, None] * grid.length + grid.margin
    return (starts + np.array(taps, np.int64)).reshape(-1)


class _Plan(NamedTuple):
    """All that depends on shapes alone, worked out once for each."""

    grid: Grid
    there: np.ndarray  # offsets of what the taps read, the last repeated to a whole number of blocks for correlate
    back: np.ndarray  # offsets of what reads an element
    starts: np.ndarray
    starts_back: np.ndarray
    stretches: np.ndarray


@lru_cache(maxsize=512)
def _plan(n: int, channels: int, shape: tuple[int, int], out: int, window: Window, dtype: Any) -> _Plan:
    size = window.output_size(*shape)
    grid = _grid_for(n, shape, window, size)
    taps = _tap_offsets(window, grid.width, grid.across)
    there = _offsets(channels, grid, taps)
    there = np.concatenate([there, np.full(-there.size % _PAIR[1], there[-1])])
    # y at position p read x at p + tap: x at p is read by y at p − tap
    back = _offsets(out, grid, [-tap for tap in taps])
    starts, starts_back = _starts(grid, *size, dtype), _starts(grid, *shape, dtype)
    return _Plan(grid, there, back, starts, starts_back, _stretches(grid, *size, dtype))


class _Share(NamedTuple):
    """What one thread takes: some pictures, all of whose results it computes, or some outputs (or inputs) of all."""

    pictures: slice
    outputs: slice
    inputs: slice


def _shares(x: np.ndarray, w: np.ndarray, size: tuple[int, int]) -> list[_Share]:
    """By pictures where those are larger, by channels where the weights are: what is shared is prepared by each."""
    n, (out, channels) = x.shape[1], w.shape[:2]
    whole = slice(0, n), slice(0, out), slice(0, channels)
    if n >= workers() and w.size < (channels + out) * n * size[0] * size[1]:
        return [_Share(part, *whole[1:]) for part in evenly(n, workers())]
    parts = [[_in_blocks(part, total) for part in evenly(-(-total // _ROWS), workers())] for total in (out, channels)]
    return [_Share(whole[0], o, c) for o, c in zip(*parts, strict=True)]


def _in_blocks(part: slice, total: int) -> slice:
    return slice(min(part.start * _ROWS, total), min(part.stop * _ROWS, total))


def conv2d(x: np.ndarray, w: np.ndarray, window: Window) -> np.ndarray:
    """y as (O, N, H', W'), of x as (C, N, H, W); stride 1, one group."""
    channels, n, height, width = x.shape
    out = w.shape[0]
    size = window.output_size(height, width)
    y = np.empty((out, n, *size), x.dtype)
    weights = w.reshape(out, channels, -1)
    count = channels * weights.shape[2]

    def run(shares: list[_Share]) -> None:
        for share in shares:
            plan = _plan(share.pictures.stop - share.pictures.start, channels, (height, width), out, window, x.dtype)
            grid = plan.grid
            flat = _buffer("x", channels * grid.length, x.dtype).reshape(channels, grid.length)
            packed = _buffer("weights", (share.outputs.stop - share.outputs.start + _ROWS) * count, x.dtype)
            _forward(
                x, weights, share.pictures.start, share.pictures.stop, share.outputs.start, share.outputs.stop,
                flat, *grid[1:], plan.there[:count], packed, plan.starts, y,
            )  # fmt: skip

    parallel(run, _shares(x, w, size))
    return y


@_compiled
def _forward(
    x: Any,
    w: Any,
    first: int,
    last: int,
    output_0: int,
    output_1: int,
    flat: Any,
    grid_height: int,
    grid_width: int,
    margin: int,
    turned: bool,
    offsets: Any,
    packed: Any,
    starts: Any,
    y: Any,
) -> None:
    _lay_out(x, first, last, flat, margin, grid_height, grid_width, turned)
    _pack(w, output_0, output_1, packed)
    outputs = output_1 - output_0
    _convolve_steps(
        flat.reshape(-1), offsets, packed, y, output_0, outputs, first, last - first, grid_height, grid_width, turned,
        starts,
    )  # fmt: skip


def conv2d_backward(
    x: np.ndarray, w: np.ndarray, g: np.ndarray, window: Window, need_x: bool, need_w: bool
) -> tuple[Any, Any]:
    """(dx as (C, N, H, W), dw) of x as (C, N, H, W) and g as (O, N, H', W'); stride 1, one group."""
    channels, n, height, width = x.shape
    out, size = g.shape[0], (g.shape[2], g.shape[3])
    out_rows = _PAIR[0] * -(-out // _PAIR[0])  # correlate reads whole blocks of outputs
    weights = w.reshape(out, channels, -1)
    taps_count = weights.shape[2]
    count = channels * taps_count
    padded = _PAIR[1] * -(-count // _PAIR[1])
    dx = np.empty((channels, n, height, width) if need_x else (0, 0, 0, 0), g.dtype)
    nothing = np.empty((0, 0, 0, 0), g.dtype)
    shares = _shares(x, w, size)
    by_pictures = len(shares) > 1 and shares[0].pictures != shares[1].pictures
    whole = None if by_pictures or not need_w else np.zeros((out_rows, padded), g.dtype)

    def run(mine: list[_Share]) -> np.ndarray:
        if not need_w:
            total = np.zeros((0, 0), g.dtype)
        else:
            total = np.zeros((out_rows, padded), g.dtype) if whole is None else whole
        for share in mine:
            plan = _plan(share.pictures.stop - share.pictures.start, channels, (height, width), out, window, g.dtype)
            grid = plan.grid
            g_flat = _buffer("g", out_rows * grid.length, g.dtype).reshape(out_rows, grid.length)
            x_flat = _buffer("x", channels * grid.length, g.dtype).reshape(channels, grid.length)
            room = (share.inputs.stop - share.inputs.start + _ROWS) * out * taps_count if need_x else 0
            _backward(
                x if need_w else nothing, weights.transpose(1, 0, 2), g, share.pictures.start, share.pictures.stop,
                share.outputs.start, share.outputs.stop, share.inputs.start, share.inputs.stop, g_flat, x_flat,
                *grid[1:], plan.back, _buffer("weights", room, g.dtype), plan.starts_back, dx, plan.there,
                plan.stretches, total,
            )  # fmt: skip
        return total

    totals = parallel(run, shares)
    dw = None
    if need_w:
        dw = totals[0] if whole is None else whole
        for other in totals[1:] if whole is None else []:
            dw += other
        dw = dw[:out, :count].reshape(w.shape)
    return dx if need_x else None, dw


@_compiled
def _backward(
    x: Any,
    turned_w: Any,
    g: Any,
    first: int,
    last: int,
    output_0: int,
    output_1: int,
    input_0: int,
    input_1: int,
    g_flat: Any,
    x_flat: Any,
    grid_height: int,
    grid_width: int,
    margin: int,
    turned: bool,
    back: Any,
    packed: Any,
    starts: Any,
    dx: Any,
    there: Any,
    stretches: Any,
    total: Any,
) -> None:
    _lay_out(g, first, last, g_flat, margin, grid_height, grid_width, turned)
    if dx.size:
        _pack(turned_w, input_0, input_1, packed)
        inputs = input_1 - input_0
        _convolve_steps(
            g_flat.reshape(-1), back, packed, dx, input_0, inputs, first, last - first, grid_height, grid_width,
            turned, starts,
        )  # fmt: skip
    if total.size:
        _lay_out(x, first, last, x_flat, margin, grid_height, grid_width, turned)
        outputs = output_1 - output_0
        _correlate_tiles(
            g_flat.reshape(-1), g_flat.shape[1], margin, x_flat.reshape(-1), there, total, stretches, output_0, outputs
        )
