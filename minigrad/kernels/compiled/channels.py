"""Images as a matrix in compiled loops: a row is a pixel, a column is a channel.

The matrix is cut into parts of a few rows and columns. Each adds up its own rows; then the parts' sums are added up in
float64, in the order of the parts, so that no result depends on the threads. Where there are few channels and no gaps,
several rows are taken as one long row, since the loops run along rows and short loops are slow.

A part keeps what it needs by column (a mean, a sum, …) in the lines of one small table of ``WIDE`` columns. (The
compiler uses vectors only if it can tell that few arrays overlap; lines of a known length cost it nothing.)
"""

from __future__ import annotations

import numpy as np

from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Team
from minigrad.kernels.compiled.pointers import keep, stretch
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"

WIDE = 512  # columns that a part has at most
CHAIN = 64  # rows that are added up in the arrays' own precision
_LONG = 256  # columns that folded rows have at most
_PART = 32_768  # elements that a part has at least
_BANDS = 64  # parts that the rows are cut into at most


@compiled
def cut(rows: int, channels: int, dense: bool) -> tuple[int, int, int, int, int]:
    """Return how a matrix is cut: (fold, blocks, width, bands, height).

    ``fold`` rows are taken as one, which has ``fold · channels`` columns. These are cut into blocks of ``width``
    columns, and the folded rows into bands of ``height``. What is left of the rows belongs to the last band.
    """
    fold = max(1, min(rows, _LONG // channels)) if dense else 1
    columns, count = fold * channels, rows // fold
    blocks = (columns + WIDE - 1) // WIDE
    width = columns if blocks == 1 else ((columns + blocks - 1) // blocks + 15) // 16 * 16
    height = max(_PART // width, (count + _BANDS - 1) // _BANDS)
    height = (height + CHAIN - 1) // CHAIN * CHAIN
    return fold, blocks, width, (count + height - 1) // height, height


@compiled
def bounds(part: int, rows: int, channels: int, dense: bool) -> tuple[int, int, int, int, int, int]:
    """Return what a part takes: (fold, first column, columns, first row, last row + 1, columns of what is left)."""
    fold, blocks, width, bands, height = cut(rows, channels, dense)
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
def spread(values: int, channels: int, first: int, count: int, table: Array, line: int, like: Array) -> None:
    """Fill a line of the table with the values of its columns' channels, of which the first is ``first``."""
    by_channel, channel = stretch(values, 0, channels, like), first % channels
    for c in range(count):
        table[line + c] = by_channel[channel]
        channel = channel + 1 if channel + 1 < channels else 0


@compiled
def by_channel(sums: Array, line: int, rows: int, channels: int, dense: bool) -> Array:
    """Return the sums of all parts by channel, from line 0 or 1 of each part's."""
    fold, blocks, width, bands, _ = cut(rows, channels, dense)
    total = np.empty(channels, np.float64)
    for channel in range(channels):
        total[channel] = 0
    for part in range(bands * blocks):
        first = part % blocks * width
        channel = first % channels
        for c in range(min(width, fold * channels - first)):
            total[channel] += sums[part, line * WIDE + c]
            channel = channel + 1 if channel + 1 < channels else 0
    return total


# --- Factors and offsets ---


@compiled
def scale_part(
    part: int, x: int, step: int, rows: int, channels: int, like: Array,
    centre: int, factor: int, offset: int, relu: bool, y: int,
) -> None:  # fmt: skip
    """Compute y = (x − centre) · factor + offset, or its ReLU."""
    _, blocks, _, bands, _ = cut(rows, channels, step == channels)
    part = bands * blocks - 1 - part  # backwards: the cache has what was read last
    fold, column, count, first, last, rest = bounds(part, rows, channels, step == channels)
    a, b = WIDE, 2 * WIDE
    table = np.empty(3 * WIDE, like.dtype)
    spread(centre, channels, column, count, table, 0, like)
    spread(factor, channels, column, count, table, a, like)
    spread(offset, channels, column, count, table, b, like)
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
def _add_part(part: int, y: int, rows: int, channels: int, like: Array, bias: int) -> None:
    fold, column, count, first, last, rest = bounds(part, rows, channels, True)
    table = np.empty(WIDE, like.dtype)
    spread(bias, channels, column, count, table, 0, like)
    for r in range(first, last + (1 if rest else 0)):
        if r == last:
            count = rest
        ys = stretch(y, r * fold * channels + column, count, like)
        for c in range(count):
            ys[c] += table[c]


@compiled
def add(team: Team, y: int, rows: int, channels: int, bias: int, like: Array) -> None:
    """Compute y ← y + bias; y is ``rows`` pixels without gaps."""
    _, blocks, _, bands, _ = cut(rows, channels, True)
    share_out(team, bands * blocks, as_job(_add_part, (y, rows, channels, like, bias)))


# --- Sums ---


@compiled
def _sums_part(part: int, g: int, step: int, rows: int, channels: int, like: Array, sums: Array) -> None:
    fold, column, count, first, last, rest = bounds(part, rows, channels, step == channels)
    table = np.empty(WIDE, like.dtype)
    mine = sums[part]
    for c in range(WIDE):
        mine[c] = 0
    last += 1 if rest else 0
    for start in range(first, last, CHAIN):
        for c in range(count):
            table[c] = 0
        for r in range(start, min(start + CHAIN, last)):
            wide = rest if rest and r + 1 == last else count
            gs = stretch(g, r * fold * step + column, wide, like)
            for c in range(wide):
                table[c] += gs[c]
        for c in range(count):
            mine[c] += table[c]


@compiled
def sums(team: Team, g: int, step: int, rows: int, channels: int, total: int, like: Array) -> None:
    """Compute ``Reference.channel_sums`` of g, which is ``rows`` pixels, ``step`` elements apart."""
    dense = step == channels
    _, blocks, _, bands, _ = cut(rows, channels, dense)
    found = np.empty((bands * blocks, WIDE), np.float64)
    share_out(team, bands * blocks, as_job(_sums_part, (g, step, rows, channels, like, found)))
    totals, added = stretch(total, 0, channels, like), by_channel(found, 0, rows, channels, dense)
    for c in range(channels):
        totals[c] = added[c]
    keep(found)
