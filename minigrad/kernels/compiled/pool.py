"""Pooling in compiled loops, over images as pixels (loops.py).

Stride, padding, dilation and overhang are entries of two small tables, one for rows and one for columns: which element
each tap sees from each position, −1 for padding; or, backwards, which position sees an element through each tap.
Windows next to each other that see pixels next to each other are taken together where memory has no gaps, as they are
with stride 1, since loops run along channels and short loops are slow. With another stride and few channels, the pixels
of a row are sorted by their remainder to the stride, so that windows next to each other see such pixels again.
"""

from __future__ import annotations

import numpy as np

from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Team
from minigrad.kernels.compiled.pointers import keep, place, stretch
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.kernels.geometry import Pair
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"

_PART = 16_384  # elements of the result that a part computes
_TILE = 1_024  # elements that go through all taps together
_FEW = 12  # channels, up to which it pays to sort a row's pixels


@compiled
def _seen(positions: int, kernel: int, stride: int, dilation: int, before: int, size: int) -> Array:
    """Return which of ``size`` elements each position sees through each tap; −1 for padding."""
    table = np.empty((positions, kernel), np.int64)
    for position in range(positions):
        for tap in range(kernel):
            at = position * stride + tap * dilation - before
            table[position, tap] = at if 0 <= at < size else -1
    return table


@compiled
def _seeing(size: int, kernel: int, stride: int, dilation: int, before: int, positions: int) -> Array:
    """Return which position sees each of ``size`` elements through each tap; −1 for none."""
    table = np.empty((size, kernel), np.int64)
    for element in range(size):
        for tap in range(kernel):
            at = element + before - tap * dilation
            sees = at >= 0 and at % stride == 0 and at // stride < positions
            table[element, tap] = at // stride if sees else -1
    return table


@compiled
def _run_lengths(table: Array) -> Array:
    """Return for how many positions from each on, all taps move on by one element each or see nothing."""
    runs = np.ones(len(table), np.int64)
    for p in range(len(table) - 2, -1, -1):
        together = True
        for tap in range(table.shape[1]):
            now, then = table[p, tap], table[p + 1, tap]
            together &= then == (now + 1 if now >= 0 else -1)
        if together:
            runs[p] = runs[p + 1] + 1
    return runs


@compiled
def _sorted_pixels(width: int, stride: int, channels: int) -> Array:
    """Return the pixels of a row by their remainder to the stride; none where they need not be sorted."""
    needed = stride > 1 and channels <= _FEW
    order, at = np.empty(width if needed else 0, np.int64), 0
    for remainder in range(stride if needed else 0):
        for pixel in range(remainder, width, stride):
            order[at] = pixel
            at += 1
    return order


@compiled
def _sort_row(x: int, step: int, channels: int, order: Array, y: int, like: Array) -> None:
    """Copy the pixels of a row in this order."""
    xs, ys = stretch(x, 0, order.size * step, like), stretch(y, 0, order.size * channels, like)
    for c in range(channels):
        for k in range(order.size):
            ys[k * channels + c] = xs[order[k] * step + c]


@compiled
def _sort_back(x: int, channels: int, order: Array, y: int, like: Array) -> None:
    """Copy sorted pixels to where they were before."""
    xs, ys = stretch(x, 0, order.size * channels, like), stretch(y, 0, order.size * channels, like)
    for c in range(channels):
        for k in range(order.size):
            ys[order[k] * channels + c] = xs[k * channels + c]


@compiled
def _see_sorted(table: Array, order: Array) -> None:
    """Let a table of what is seen name the places of sorted pixels."""
    places = np.empty(order.size, np.int64)
    for k in range(order.size):
        places[order[k]] = k
    for position in range(len(table) if order.size else 0):
        for tap in range(table.shape[1]):
            if table[position, tap] >= 0:
                table[position, tap] = places[table[position, tap]]


@compiled
def _sort_positions(table: Array, order: Array) -> Array:
    """Return the rows of a table in this order."""
    y = np.empty(table.shape, np.int64)
    for position in range(len(table)):
        for tap in range(table.shape[1]):
            y[position, tap] = table[order[position] if order.size else position, tap]
    return y


@compiled
def _rows_of_a_part(columns: int, channels: int) -> int:
    return max(1, _PART // max(1, columns * channels))


# --- Maxima ---


@compiled
def _largest(sources: Array, taps: Array, count: int, like: Array, table: Array) -> None:
    """Compute the largest of what some taps see, and the number of that tap: lines 0 and 1 of the table.

    Four taps at a time; the last is repeated, which changes nothing. Tap numbers are exact in floating point.
    """
    first = stretch(sources[0], 0, count, like)
    for c in range(count):
        table[c] = first[c]
        table[_TILE + c] = taps[0]
    last = len(sources) - 1
    for k in range(1, last + 1, 4):
        i0, i1, i2, i3 = k, min(k + 1, last), min(k + 2, last), min(k + 3, last)
        x0, x1 = stretch(sources[i0], 0, count, like), stretch(sources[i1], 0, count, like)
        x2, x3 = stretch(sources[i2], 0, count, like), stretch(sources[i3], 0, count, like)
        t0, t1, t2, t3 = taps[i0], taps[i1], taps[i2], taps[i3]
        for c in range(count):
            largest, tap = table[c], table[_TILE + c]
            value = x0[c]
            better = (value > largest) | (value != value)
            largest, tap = value if better else largest, t0 if better else tap
            value = x1[c]
            better = (value > largest) | (value != value)
            largest, tap = value if better else largest, t1 if better else tap
            value = x2[c]
            better = (value > largest) | (value != value)
            largest, tap = value if better else largest, t2 if better else tap
            value = x3[c]
            better = (value > largest) | (value != value)
            table[c], table[_TILE + c] = value if better else largest, t3 if better else tap


@compiled
def _max_pool_part(
    part: int, x: int, step: int, size: Pair, channels: int, down: Array, across: Array, runs: Array, order: Array,
    y: int, taps: int, lines: int, height: int, like: Array, tap_like: Array,
) -> None:  # fmt: skip
    rows, columns, kernel = len(down), len(across), (down.shape[1], across.shape[1])
    sorts = order.size > 0
    tile = max(1, _TILE // channels) if step == channels or sorts else 1
    pixel = (channels if sorts else step) * like.itemsize
    row = size[1] * channels * like.itemsize
    room = np.empty(kernel[0] * size[1] * channels if sorts else 0, like.dtype)
    bases = np.empty(kernel[0], np.int64)
    table = np.empty(2 * _TILE, like.dtype)
    sources, numbers = np.empty(kernel[0] * kernel[1], np.int64), np.empty(kernel[0] * kernel[1], like.dtype)
    for line in range(part * height, min((part + 1) * height, lines)):
        image, r = line // rows * size[0], line % rows
        for i in range(kernel[0]):
            bases[i] = x + (image + down[r, i]) * size[1] * step * like.itemsize
            if sorts and down[r, i] >= 0:
                _sort_row(bases[i], step, channels, order, place(room) + i * row, like)
                bases[i] = place(room) + i * row
        q = 0
        while q < columns:
            positions = min(runs[q], tile)
            for channel in range(0, channels, _TILE):
                count = min(_TILE, channels - channel) if positions == 1 else positions * channels
                seen = 0
                for i in range(kernel[0]):
                    for j in range(kernel[1]):
                        if down[r, i] >= 0 and across[q, j] >= 0:
                            sources[seen] = bases[i] + across[q, j] * pixel + channel * like.itemsize
                            numbers[seen] = i * kernel[1] + j
                            seen += 1
                if seen:
                    _largest(sources[:seen], numbers[:seen], count, like, table)
                else:
                    for c in range(count):
                        table[c], table[_TILE + c] = -np.inf, 0
                at = (line * columns + q) * channels + channel
                best, chosen = stretch(y, at, count, like), stretch(taps, at, count, tap_like)
                for c in range(count):
                    best[c] = table[c]
                    chosen[c] = tap_like.dtype.type(table[_TILE + c])
            q += positions
    keep(room)


@compiled
def max_pool2d(
    team: Team, x: int, step: int, images: int, size: Pair, channels: int, positions: Pair,
    kernel: Pair, stride: Pair, dilation: Pair, before: Pair, y: int, taps: int, like: Array, tap_like: Array,
) -> None:  # fmt: skip
    """Compute y and taps of ``Reference.max_pool2d``; ``before`` is the padding on top and on the left."""
    down = _seen(positions[0], kernel[0], stride[0], dilation[0], before[0], size[0])
    across = _seen(positions[1], kernel[1], stride[1], dilation[1], before[1], size[1])
    order = _sorted_pixels(size[1], stride[1], channels)
    _see_sorted(across, order)
    lines, height = images * positions[0], _rows_of_a_part(positions[1], channels)
    arguments = (
        x,
        step,
        size,
        channels,
        down,
        across,
        _run_lengths(across),
        order,
        y,
        taps,
        lines,
        height,
        like,
        tap_like,
    )
    share_out(team, (lines + height - 1) // height, as_job(_max_pool_part, arguments))
    keep(arguments)


@compiled
def _scatter_part(
    part: int, g: int, g_step: int, taps: int, tap_step: int, positions: Pair, channels: int,
    down: Array, across: Array, runs: Array, order: Array, dx: int, lines: int, height: int,
    like: Array, tap_like: Array,
) -> None:  # fmt: skip
    """Collect the gradients of every pixel of dx, so that it is written once."""
    rows, columns = len(down), len(across)
    tile = max(1, _TILE // channels) if g_step == channels and tap_step == channels else 1
    zero = like.dtype.type(0)
    room = np.empty(order.size * channels, like.dtype)
    for line in range(part * height, min((part + 1) * height, lines)):
        image, h = line // rows * positions[0], line % rows
        row = dx + line * columns * channels * like.itemsize
        to = place(room) if order.size else row
        w = 0
        while w < columns:
            pixels = min(runs[w], tile)
            count = pixels * channels
            target = stretch(to, w * channels, count, like)
            for c in range(count):
                target[c] = 0
            for i in range(down.shape[1]):
                for j in range(across.shape[1]):
                    r, q = down[h, i], across[w, j]
                    if r < 0 or q < 0:
                        continue
                    number, at = tap_like.dtype.type(i * across.shape[1] + j), (image + r) * positions[1] + q
                    sent, chosen = stretch(g, at * g_step, count, like), stretch(taps, at * tap_step, count, tap_like)
                    for c in range(count):
                        target[c] += sent[c] if chosen[c] == number else zero
            w += pixels
        if order.size:
            _sort_back(to, channels, order, row, like)
    keep(room)


@compiled
def max_pool2d_scatter(
    team: Team, g: int, g_step: int, taps: int, tap_step: int, images: int, size: Pair, channels: int, positions: Pair,
    kernel: Pair, stride: Pair, dilation: Pair, before: Pair, dx: int, like: Array, tap_like: Array,
) -> None:  # fmt: skip
    """Compute dx of ``Reference.max_pool2d_scatter``."""
    down = _seeing(size[0], kernel[0], stride[0], dilation[0], before[0], positions[0])
    order = _sorted_pixels(size[1], stride[1], channels)
    across = _sort_positions(_seeing(size[1], kernel[1], stride[1], dilation[1], before[1], positions[1]), order)
    lines, height = images * size[0], _rows_of_a_part(size[1], channels)
    runs = _run_lengths(across)
    arguments = (
        g, g_step, taps, tap_step, positions, channels, down, across, runs, order, dx, lines, height, like, tap_like
    )  # fmt: skip
    share_out(team, (lines + height - 1) // height, as_job(_scatter_part, arguments))
    keep(arguments)


# --- Sums: along the height first, for a whole row of pixels, then along the width ---


@compiled
def _gather(table: Array, position: int, first: int, step: int, sources: Array) -> int:
    """Fill ``sources`` with the addresses of what the taps of a position see, and return how many see anything."""
    found = 0
    for tap in range(table.shape[1]):
        if table[position, tap] >= 0:
            sources[found] = first + table[position, tap] * step
            found += 1
    return found


@compiled
def _add_up(sources: Array, terms: int, zeros: int, y: Array, like: Array) -> None:
    """Compute y = Σ of stretches of memory, by their addresses, four at a time."""
    while terms % 4 or terms == 0:
        sources[terms] = zeros
        terms += 1
    for k in range(0, terms, 4):
        a, b = stretch(sources[k], 0, y.size, like), stretch(sources[k + 1], 0, y.size, like)
        c, d = stretch(sources[k + 2], 0, y.size, like), stretch(sources[k + 3], 0, y.size, like)
        if k == 0:
            for i in range(y.size):
                y[i] = (a[i] + b[i]) + (c[i] + d[i])
        else:
            for i in range(y.size):
                y[i] += (a[i] + b[i]) + (c[i] + d[i])


@compiled
def _sums_part(
    part: int, x: int, step: int, size: Pair, channels: int, down: Array, across: Array, runs: Array, order: Array,
    backward: bool, factors: Array, y: int, lines: int, height: int, like: Array,
) -> None:  # fmt: skip
    rows, columns = len(down), len(across)
    room = max(size[1], columns) * channels
    sums, zeros = np.empty(room, like.dtype), np.empty(room, like.dtype)
    for c in range(room):
        zeros[c] = 0
    other = np.empty(room if order.size else 0, like.dtype)
    sources = np.empty(max(down.shape[1], across.shape[1]) + 4, np.int64)
    sums_at, zeros_at = place(sums), place(zeros)
    pixels = size[1] if step == channels else 1  # that are added up together along the height
    pixel = step * like.itemsize
    for line in range(part * height, min((part + 1) * height, lines)):
        image, r = line // rows * size[0], line % rows
        for w in range(0, size[1], pixels):
            terms = _gather(down, r, x + (image * size[1] + w) * pixel, size[1] * pixel, sources)
            _add_up(sources, terms, zeros_at, stretch(sums_at, w * channels, pixels * channels, like), like)
        seen, row = sums_at, y + line * columns * channels * like.itemsize
        to = row
        if order.size and backward:
            to = place(other)
        elif order.size:
            seen = place(other)
            _sort_row(sums_at, channels, channels, order, seen, like)
        q = 0
        while q < columns:
            factor, positions = factors[r * columns + q], 1
            while positions < runs[q] and factors[r * columns + q + positions] == factor:
                positions += 1
            terms = _gather(across, q, seen, channels * like.itemsize, sources)
            target = stretch(to, q * channels, positions * channels, like)
            _add_up(sources, terms, zeros_at, target, like)
            for c in range(target.size):
                target[c] *= factor
            q += positions
        if order.size and backward:
            _sort_back(to, channels, order, row, like)
    keep((sums, zeros, other))


@compiled
def window_sums(
    team: Team, x: int, step: int, images: int, size: Pair, channels: int, positions: Pair,
    kernel: Pair, stride: Pair, dilation: Pair, before: Pair, backward: bool, factors: int, y: int, like: Array,
) -> None:  # fmt: skip
    """Compute y = factors · Σ of what each window sees of x; or backward, of the positions that see each pixel of y.

    ``size`` is (H, W) of x, ``positions`` of y; ``factors`` has as many elements as an image of y has pixels, backward
    all alike.
    """
    order = _sorted_pixels(positions[1] if backward else size[1], stride[1], channels)
    if backward:
        down = _seeing(positions[0], kernel[0], stride[0], dilation[0], before[0], size[0])
        across = _seeing(positions[1], kernel[1], stride[1], dilation[1], before[1], size[1])
        across = _sort_positions(across, order)
    else:
        down = _seen(positions[0], kernel[0], stride[0], dilation[0], before[0], size[0])
        across = _seen(positions[1], kernel[1], stride[1], dilation[1], before[1], size[1])
        _see_sorted(across, order)
    runs, factor = _run_lengths(across), stretch(factors, 0, positions[0] * positions[1], like)
    lines, height = images * positions[0], _rows_of_a_part(positions[1], channels)
    arguments = x, step, size, channels, down, across, runs, order, backward, factor, y, lines, height, like
    share_out(team, (lines + height - 1) // height, as_job(_sums_part, arguments))
    keep(arguments)
