"""Batch normalisation in compiled loops, over images as a matrix: a row is a pixel, a column is a channel.

The matrix is cut into parts of a few rows and columns. Each adds up its own rows; then the parts' sums are added up in
float64, in the order of the parts, so that no result depends on the threads. Where there are few channels and no gaps,
several rows are taken as one long row, since the loops run along rows and short loops are slow.

A part keeps what it needs by column (a mean, a sum, …) in the lines of one small table of ``_WIDE`` columns. (The
compiler uses vectors only if it can tell that few arrays overlap; lines of a known length cost it nothing.)
"""

from __future__ import annotations

import numpy as np

from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Team
from minigrad.kernels.compiled.pointers import keep, place, stretch
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"

_WIDE = 512  # columns that a part has at most
_LONG = 256  # columns that folded rows have at most
_CHAIN = 64  # rows that are added up in the arrays' own precision
_PART = 32_768  # elements that a part has at least
_BANDS = 64  # parts that the rows are cut into at most
_LARGE = 1e18  # a number whose distance from others might overflow


@compiled
def _cut(rows: int, channels: int, dense: bool) -> tuple[int, int, int, int, int]:
    """Return how a matrix is cut: (fold, blocks, width, bands, height).

    ``fold`` rows are taken as one, which has ``fold · channels`` columns. These are cut into blocks of ``width``
    columns, and the folded rows into bands of ``height``. What is left of the rows belongs to the last band.
    """
    fold = max(1, min(rows, _LONG // channels)) if dense else 1
    columns, count = fold * channels, rows // fold
    blocks = (columns + _WIDE - 1) // _WIDE
    width = columns if blocks == 1 else ((columns + blocks - 1) // blocks + 15) // 16 * 16
    height = max(_PART // width, (count + _BANDS - 1) // _BANDS)
    height = (height + _CHAIN - 1) // _CHAIN * _CHAIN
    return fold, blocks, width, (count + height - 1) // height, height


@compiled
def _bounds(part: int, rows: int, channels: int, dense: bool) -> tuple[int, int, int, int, int, int]:
    """Return what a part takes: (fold, first column, columns, first row, last row + 1, columns of what is left)."""
    fold, blocks, width, bands, height = _cut(rows, channels, dense)
    band, column = part // blocks, part % blocks * width
    rest = rows % fold * channels if band + 1 == bands else 0
    return (
        fold,
        column,
        min(width, fold * channels - column),
        band * height,
        min((band + 1) * height, rows // fold),
        rest,
    )


@compiled
def _spread(values: int, channels: int, first: int, count: int, table: Array, line: int, like: Array) -> None:
    """Fill a line of the table with the values of its columns' channels, of which the first is ``first``."""
    by_channel, channel = stretch(values, 0, channels, like), first % channels
    for c in range(count):
        table[line + c] = by_channel[channel]
        channel = channel + 1 if channel + 1 < channels else 0


@compiled
def _by_channel(sums: Array, line: int, rows: int, channels: int, dense: bool) -> Array:
    """Return the sums of all parts by channel, from line 0 or 1 of each part's."""
    fold, blocks, width, bands, _ = _cut(rows, channels, dense)
    total = np.empty(channels, np.float64)
    for channel in range(channels):
        total[channel] = 0
    for part in range(bands * blocks):
        first = part % blocks * width
        channel = first % channels
        for c in range(min(width, fold * channels - first)):
            total[channel] += sums[part, line * _WIDE + c]
            channel = channel + 1 if channel + 1 < channels else 0
    return total


# --- Statistics ---
#
# Sums and squares are taken in one pass, as distances from one row of each chain. A row of n cannot be further from
# their mean than √n of their standard deviations. So whatever the numbers are, no more than log₂ n bits of a chain's
# variance cancel. The row is that in the middle: the first pixel of an image is often unlike the others. Chains are
# joined in float64, as distances from the first row of all.


@compiled
def _add_moments(x: int, step: int, first: int, rows: int, count: int, like: Array, table: Array, sums: Array) -> None:
    """Add Σ (x − s) and Σ (x − s)² of a chain of rows, for the s in line 0 of the table."""
    a, b, d = _WIDE, 2 * _WIDE, 3 * _WIDE
    middle = stretch(x, first + rows // 2 * step, count, like)
    for c in range(count):
        table[a + c] = middle[c] if abs(middle[c]) < _LARGE else 0
        table[b + c] = 0
        table[d + c] = 0
    for r in range(0, rows - 3, 4):
        x0, x1 = stretch(x, first + r * step, count, like), stretch(x, first + (r + 1) * step, count, like)
        x2, x3 = stretch(x, first + (r + 2) * step, count, like), stretch(x, first + (r + 3) * step, count, like)
        for c in range(count):
            near = table[a + c]
            d0, d1, d2, d3 = x0[c] - near, x1[c] - near, x2[c] - near, x3[c] - near
            table[b + c] += (d0 + d1) + (d2 + d3)
            table[d + c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)
    for r in range(rows // 4 * 4, rows):
        x0 = stretch(x, first + r * step, count, like)
        for c in range(count):
            distance = x0[c] - table[a + c]
            table[b + c] += distance
            table[d + c] += distance * distance
    for c in range(count):
        distance, total = np.float64(table[a + c]) - table[c], np.float64(table[b + c])
        sums[c] += total + rows * distance
        sums[_WIDE + c] += table[d + c] + distance * (2 * total + rows * distance)


@compiled
def _moments_part(part: int, x: int, step: int, rows: int, channels: int, like: Array, start: int, sums: Array) -> None:
    fold, column, count, first, last, rest = _bounds(part, rows, channels, step == channels)
    table = np.empty(4 * _WIDE, like.dtype)
    _spread(start, channels, column, count, table, 0, like)
    mine = sums[part]
    for c in range(2 * _WIDE):
        mine[c] = 0
    chain = first
    while chain < last + (1 if rest else 0):
        taken = min(_CHAIN, last - chain)
        if chain == last:
            taken, count = min(rest, 1), rest
        _add_moments(x, fold * step, chain * fold * step + column, taken, count, like, table, mine)
        chain += taken


# --- Forward ---


@compiled
def _scale_part(
    part: int, x: int, step: int, rows: int, channels: int, like: Array,
    centre: int, factor: int, offset: int, relu: bool, y: int,
) -> None:  # fmt: skip
    _, blocks, _, bands, _ = _cut(rows, channels, step == channels)
    part = bands * blocks - 1 - part  # backwards: the cache has what was read last
    fold, column, count, first, last, rest = _bounds(part, rows, channels, step == channels)
    a, b = _WIDE, 2 * _WIDE
    table = np.empty(3 * _WIDE, like.dtype)
    _spread(centre, channels, column, count, table, 0, like)
    _spread(factor, channels, column, count, table, a, like)
    _spread(offset, channels, column, count, table, b, like)
    lowest = like.dtype.type(0 if relu else -np.inf)
    for r in range(first, last + (1 if rest else 0)):
        if r == last:
            count = rest
        xs = stretch(x, r * fold * step + column, count, like)
        ys = stretch(y, r * fold * channels + column, count, like)
        for c in range(count):
            value = (xs[c] - table[c]) * table[a + c] + table[b + c]
            ys[c] = lowest if value < lowest else value


@compiled
def normalize(
    team: Team, x: int, step: int, rows: int, channels: int, weight: int, bias: int, mean: int, var: int, eps: float,
    relu: bool, y: int, like: Array,
) -> None:  # fmt: skip
    """Compute y of ``Reference.normalize_channels``; x is ``rows`` pixels, ``step`` elements apart."""
    weights, offsets = stretch(weight, 0, channels, like), stretch(bias, 0, channels, like)
    means, variances = stretch(mean, 0, channels, like), stretch(var, 0, channels, like)
    numbers = np.empty((3, channels), like.dtype)  # centre, factor and offset
    for c in range(channels):
        factor = weights[c] / np.sqrt(np.float64(variances[c]) + eps)
        numbers[0, c], numbers[1, c], numbers[2, c] = 0, factor, offsets[c] - means[c] * factor
    centre = place(numbers)
    factor_at, offset_at = centre + channels * like.itemsize, centre + 2 * channels * like.itemsize
    _, blocks, _, bands, _ = _cut(rows, channels, step == channels)
    arguments = x, step, rows, channels, like, centre, factor_at, offset_at, relu, y
    share_out(team, bands * blocks, as_job(_scale_part, arguments))
    keep(numbers)


@compiled
def batch_norm(
    team: Team, x: int, step: int, rows: int, channels: int, weight: int, bias: int, eps: float, relu: bool,
    y: int, mean: int, var: int, like: Array,
) -> None:  # fmt: skip
    """Compute y, mean and var of ``Reference.batch_norm``; x is ``rows`` pixels, ``step`` elements apart."""
    dense = step == channels
    _, blocks, _, bands, _ = _cut(rows, channels, dense)
    pixel, start, factors = (
        stretch(x, 0, channels, like),
        np.empty(channels, like.dtype),
        np.empty(channels, like.dtype),
    )
    for c in range(channels):
        start[c] = pixel[c] if abs(pixel[c]) < _LARGE else 0
    sums = np.empty((bands * blocks, 2 * _WIDE), np.float64)
    arguments = x, step, rows, channels, like, place(start), sums
    share_out(team, bands * blocks, as_job(_moments_part, arguments))
    total, squares = _by_channel(sums, 0, rows, channels, dense), _by_channel(sums, 1, rows, channels, dense)
    means, variances = stretch(mean, 0, channels, like), stretch(var, 0, channels, like)
    weights = stretch(weight, 0, channels, like)
    for c in range(channels):
        distance = total[c] / rows
        square = squares[c] / rows - distance * distance
        square = 0.0 if square < 0 else square
        means[c], variances[c] = start[c] + distance, square
        factors[c] = weights[c] / np.sqrt(np.float64(variances[c]) + eps)  # as it is backward
    scaling = x, step, rows, channels, like, mean, place(factors), bias, relu, y
    share_out(team, bands * blocks, as_job(_scale_part, scaling))
    keep((start, sums, factors))


# --- Backward ---
#
# Where a ReLU followed, g passes where y = (x − mean) · factor + offset is positive (or NaN), so y is computed again.
# Where none did, the offset is ∞, and every g passes.


@compiled
def _products_part(
    part: int, g: int, g_step: int, x: int, x_step: int, rows: int, channels: int, dense: bool, like: Array,
    mean: int, factor: int, offset: int, sums: Array,
) -> None:  # fmt: skip
    """Compute Σ g and Σ g · (x − mean) of those g that pass."""
    fold, column, count, first, last, rest = _bounds(part, rows, channels, dense)
    a, b, d, e = _WIDE, 2 * _WIDE, 3 * _WIDE, 4 * _WIDE
    table = np.empty(5 * _WIDE, like.dtype)
    _spread(mean, channels, column, count, table, 0, like)
    _spread(factor, channels, column, count, table, d, like)
    _spread(offset, channels, column, count, table, e, like)
    mine = sums[part]
    for c in range(2 * _WIDE):
        mine[c] = 0
    zero = like.dtype.type(0)
    last += 1 if rest else 0
    for start in range(first, last, _CHAIN):
        for c in range(count):
            table[a + c] = 0
            table[b + c] = 0
        for r in range(start, min(start + _CHAIN, last)):
            wide = rest if rest and r + 1 == last else count
            gs = stretch(g, r * fold * g_step + column, wide, like)
            xs = stretch(x, r * fold * x_step + column, wide, like)
            for c in range(wide):
                deviation = xs[c] - table[c]
                passed = zero if deviation * table[d + c] + table[e + c] <= zero else gs[c]
                table[a + c] += passed
                table[b + c] += passed * deviation
        for c in range(count):
            mine[c] += table[a + c]
            mine[_WIDE + c] += table[b + c]


@compiled
def _backward_part(
    part: int, g: int, g_step: int, x: int, x_step: int, rows: int, channels: int, dense: bool, like: Array,
    mean: int, factor: int, offset: int, centre: int, slope: int, dx: int,
) -> None:  # fmt: skip
    """Compute dx = factor · (g − centre − (x − mean) · slope), where g is 0 unless it passes."""
    _, blocks, _, bands, _ = _cut(rows, channels, dense)
    part = bands * blocks - 1 - part  # backwards: the cache has what was read last
    fold, column, count, first, last, rest = _bounds(part, rows, channels, dense)
    a, b, d, e = _WIDE, 2 * _WIDE, 3 * _WIDE, 4 * _WIDE
    table = np.empty(5 * _WIDE, like.dtype)
    _spread(mean, channels, column, count, table, 0, like)
    _spread(factor, channels, column, count, table, a, like)
    _spread(offset, channels, column, count, table, e, like)
    _spread(centre, channels, column, count, table, b, like)
    _spread(slope, channels, column, count, table, d, like)
    zero = like.dtype.type(0)
    for r in range(first, last + (1 if rest else 0)):
        if r == last:
            count = rest
        gs = stretch(g, r * fold * g_step + column, count, like)
        xs = stretch(x, r * fold * x_step + column, count, like)
        ds = stretch(dx, r * fold * channels + column, count, like)
        for c in range(count):
            deviation = xs[c] - table[c]
            passed = zero if deviation * table[a + c] + table[e + c] <= zero else gs[c]
            ds[c] = table[a + c] * (passed - table[b + c] - deviation * table[d + c])


@compiled
def batch_norm_backward(
    team: Team, g: int, g_step: int, x: int, x_step: int, rows: int, channels: int, weight: int, offset: int,
    mean: int, var: int, eps: float, dx: int, grad_weight: int, grad_bias: int, like: Array,
) -> None:  # fmt: skip
    """Compute the results of ``Reference.batch_norm_backward``; offset is the bias, or ∞ where no ReLU followed.

    g and x are ``rows`` pixels, their steps apart.
    """
    dense = g_step == channels and x_step == channels
    weights, variances = stretch(weight, 0, channels, like), stretch(var, 0, channels, like)
    numbers = np.empty((3, channels), like.dtype)
    for c in range(channels):
        numbers[0, c] = weights[c] / np.sqrt(np.float64(variances[c]) + eps)
    factor = place(numbers)
    centre, slope = factor + channels * like.itemsize, factor + 2 * channels * like.itemsize
    _, blocks, _, bands, _ = _cut(rows, channels, dense)
    sums = np.empty((bands * blocks, 2 * _WIDE), np.float64)
    pixels = g, g_step, x, x_step, rows, channels, dense, like, mean, factor, offset
    share_out(team, bands * blocks, as_job(_products_part, (*pixels, sums)))
    total, products = _by_channel(sums, 0, rows, channels, dense), _by_channel(sums, 1, rows, channels, dense)
    dw, db = stretch(grad_weight, 0, channels, like), stretch(grad_bias, 0, channels, like)
    for c in range(channels):
        rstd = 1.0 / np.sqrt(np.float64(variances[c]) + eps)
        db[c], dw[c] = total[c], products[c] * rstd
        numbers[1, c], numbers[2, c] = total[c] / rows, products[c] * rstd * rstd / rows
    share_out(team, bands * blocks, as_job(_backward_part, (*pixels, centre, slope, dx)))
    keep((sums, numbers))
