"""Tables of an indirect convolution: which pixel of the source each position of the result meets with each tap.

Channels last, a convolution is a sum of matrix products, in which the rows of x are found through a table:

    y [p, o] = Σ over taps t, channels c   x[at[p, t], c] · w[o, t, c]
    dx[p, c] = Σ over taps t, outputs  o   g[back[p, t], o] · w[o, t, c]
    dw[o, t, c] = Σ over positions p       g[p, o] · x[at[p, t], c]

``at`` is −1 where the tap meets padding, ``back`` where no position of y has met this pixel with this tap. Kernel size,
stride, padding and dilation are entries of the table, and nothing else depends on them. A row of 4 pixels, and a kernel
of 3 taps with padding 1, which is moved 2 pixels at a time (stride 2):

    at:   y[0]  -1  0  1          back:  dx[0]  -1  0 -1
          y[1]   1  2  3                 dx[1]   1 -1  0
                                         dx[2]  -1  1 -1
                                         dx[3]  -1 -1  1

The positions are cut into blocks, whose part of the source stays in the cache: several images where they are small, or
some rows of one image, or a part of a row. The entries of a block are relative to its first pixel. So most blocks of an
image have the same entries: the *kind* of a block. Each kind is kept once, and a table stays small however large the
images are. Source of the idea: Dukhan, "The Indirect Convolution Algorithm", 2019.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from minigrad.kernels.geometry import Pair, Window
from minigrad.kernels.plan_cache import remembered
from minigrad.typing import Array

_MOST_AT_ONCE = 512  # positions of a batch that is small enough to be one block


class Table(NamedTuple):
    """The blocks of a convolution."""

    #: (kind, first pixel of the source, first position of the result) of each block. Its positions follow each other.
    blocks: Array
    #: Of each kind (positions, taps): pixel of the source, counted from the block's first; −1 for none.
    kinds: tuple[Array, ...]


@remembered
def forward_table(images: int, size: Pair, window: Window, block: int, tile: int = 1) -> Table:
    """Return ``at``: the result is y, the source x, of ``images`` images of ``size``.

    A block has about ``block`` products a tap and, if possible, a number of positions that ``tile`` divides.
    """
    result = window.output_size(*size)
    axes = [_meets(size[i], result[i], window, i) for i in (0, 1)]
    return _table(images, axes, size, result, block, tile)


@remembered
def backward_table(images: int, size: Pair, window: Window, block: int, tile: int = 1) -> Table:
    """Return ``back``: the result is dx, of ``images`` images of ``size``, and the source g."""
    source = window.output_size(*size)
    axes = [_is_met(size[i], source[i], window, i) for i in (0, 1)]
    return _table(images, axes, source, size, block, tile)


def live_share(size: Pair, window: Window) -> float:
    """Return which share of the products of y is with pixels, not with padding."""
    positions = window.output_size(*size)
    return _live(*(_meets(size[i], positions[i], window, i) for i in (0, 1)))


def _live(rows: Array, columns: Array) -> float:
    """Return which share of the pairs of an entry for rows and one for columns has a pixel."""
    return float(np.mean(rows >= 0) * np.mean(columns >= 0))


def _meets(size: int, positions: int, window: Window, axis: int) -> Array:
    """Return along one axis (position, tap): the pixel that the tap meets, or −1."""
    stride, dilation, before = window.stride[axis], window.dilation[axis], window.padding[axis][0]
    at = np.arange(positions)[:, None] * stride + np.arange(window.kernel[axis]) * dilation - before
    return np.where((at >= 0) & (at < size), at, -1)


def _is_met(size: int, positions: int, window: Window, axis: int) -> Array:
    """Return along one axis (pixel, tap): the position at which the tap meets the pixel, or −1."""
    stride, dilation, before = window.stride[axis], window.dilation[axis], window.padding[axis][0]
    from_first = np.arange(size)[:, None] + before - np.arange(window.kernel[axis]) * dilation
    at = from_first // stride
    return np.where((from_first % stride == 0) & (at >= 0) & (at < positions), at, -1)


# --- Blocks ---


def _table(images: int, axes: list[Array], source: Pair, result: Pair, block: int, tile: int) -> Table:
    """Return the table of all pairs of a row and a column of the result."""
    rows, columns = axes
    block = int(
        block / max(_live(rows, columns), 0.25)
    )  # as many products, though with a stride few taps meet anything
    counts = _shape_of_a_block((images, *result), block, tile)
    down, across = _cut(rows, counts[1]), _cut(columns, counts[2])
    kinds, sizes = [], _stretches(images, counts[0])
    for count in dict.fromkeys(sizes):  # the last group of images may be smaller
        for row in down.kinds:
            for column in across.kinds:
                kinds.append(_kind(count, row, column, source))
    group = np.array([list(dict.fromkeys(sizes)).index(size) for size in sizes])[:, None, None]
    first = (np.arange(len(sizes)) * counts[0])[:, None, None]
    kind = (group * len(down.kinds) + down.kind[:, None]) * len(across.kinds) + across.kind
    reads = (first * source[0] + down.source[:, None]) * source[1] + across.source
    writes = (first * result[0] + down.result[:, None]) * result[1] + across.result
    blocks = np.stack([kind, reads, writes], axis=-1).reshape(-1, 3).astype(np.int64)
    return Table(blocks, tuple(kinds))


def _kind(images: int, row: Array, column: Array, source: Pair) -> Array:
    """Return the entries of a block: rows (positions, taps) and columns (positions, taps) of a number of images."""
    row, column = row[None, :, None, :, None], column[None, None, :, None, :]
    image = np.arange(images)[:, None, None, None, None] * (source[0] * source[1])
    at = np.where((row >= 0) & (column >= 0), image + row * source[1] + column, -1)
    return at.reshape(math.prod(at.shape[:3]), -1).astype(np.int32)


class _Cut(NamedTuple):
    """An axis of the result, cut into stretches."""

    kinds: list[Array]  # (positions, taps), relative to the stretch's first pixel
    kind: Array  # of each stretch
    source: Array  # first pixel of each stretch
    result: Array  # first position of each stretch


def _cut(at: Array, length: int) -> _Cut:
    positions, taps = at.shape
    starts = np.arange(0, positions, length)
    whole = np.full((len(starts) * length, taps), -2)  # −2: the last stretch may be shorter
    whole[:positions] = at
    stretches = whole.reshape(len(starts), length * taps)
    live = stretches >= 0
    first = np.min(stretches, axis=1, where=live, initial=np.iinfo(np.int64).max)
    first[~live.any(axis=1)] = 0
    relative = np.where(live, stretches - first[:, None], stretches)
    distinct: dict[bytes, int] = {}
    kind = np.array([distinct.setdefault(one.tobytes(), len(distinct)) for one in relative])
    kinds = [np.frombuffer(one, relative.dtype).reshape(length, taps) for one in distinct]
    return _Cut([one[one[:, 0] > -2] for one in kinds], kind, first, starts)


def _shape_of_a_block(counts: tuple[int, int, int], block: int, tile: int) -> tuple[int, int, int]:
    """Return the images, rows and columns of a block of a result with ``counts`` of them."""
    images, rows, columns = counts
    if images * rows * columns <= _MOST_AT_ONCE:
        return counts
    if rows * columns <= block:
        return _length(images, rows * columns, block, tile), rows, columns
    if columns <= block:
        return 1, _length(rows, columns, block, tile), columns
    return 1, 1, _length(columns, 1, block, tile)


def _length(count: int, size: int, block: int, tile: int) -> int:
    """Return how many of ``count`` units of ``size`` positions make a block of about ``block``, in the fewest tiles."""

    def cost(length: int) -> tuple[int, float]:
        whole, rest = divmod(count, length)
        return whole * -(-length * size // tile) + -(-rest * size // tile), abs(length * size - block)

    least, most = max(1, block * 3 // 4 // size), max(1, block * 3 // 2 // size)
    return min(range(least, most + 1), key=cost)


def _stretches(count: int, length: int) -> list[int]:
    """Return the lengths of stretches of ``count``: the last may be shorter."""
    return [min(length, count - start) for start in range(0, count, length)]


# --- What the kernels read ---


class Tiles(NamedTuple):
    """The positions of each kind of block in tiles, which are computed together.

    The positions of a block are sorted by the taps that they have, and a tile lists only the taps that one of its
    positions has. So most of the products with padding are left out: at the border of images, and with a stride also
    in the gradient of x, where each pixel has met a part of the taps only.
    """

    blocks: Array  #: as in the table
    first_tile: Array  #: of each kind, and the end of the last
    first_entry: Array  #: of each tile, and the end of the last
    places: Array  #: (tiles, positions): the position of the result; the last position is repeated to fill up a tile
    taps: Array  #: of each entry: which of ``live``
    at: Array  #: (entries, positions): the pixel of the source, or −1
    live: Array  #: the taps that any position has


def tiles(table: Table, height: int) -> Tiles:
    """Return the tiles of ``height`` positions of a table."""
    live = np.flatnonzero(np.any([np.any(kind >= 0, axis=0) for kind in table.kinds], axis=0))
    first_tile, lengths, places, taps, at = [0], [], [], [], []
    for kind in table.kinds:
        kind = kind[:, live]
        order = np.lexsort((kind >= 0).T) if live.size else np.arange(len(kind))
        count = -(-len(order) // height)
        filled = np.concatenate([order, np.repeat(order[-1:], count * height - len(order))])
        tiled = kind[filled].reshape(count, height, -1)
        tile, tap = np.nonzero(np.any(tiled >= 0, axis=1))
        first_tile.append(first_tile[-1] + count)
        lengths.append(np.bincount(tile, minlength=count))
        places.append(filled.reshape(count, height))
        taps.append(tap)
        at.append(tiled[tile, :, tap])
    first_entry = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    arrays = (np.array(first_tile), first_entry, *(np.concatenate(a) for a in (places, taps, at)), live)
    return Tiles(table.blocks, *(a.astype(np.int32) for a in arrays))


class Lists(NamedTuple):
    """The positions that each tap has, in each kind of block."""

    blocks: Array  #: as in the table
    sizes: Array  #: positions of each kind
    first_entry: Array  #: (kind, tap) and one more: of each tap of each kind, and the end of the last
    places: Array  #: of each entry: the position of the result
    at: Array  #: of each entry: the pixel of the source


def lists(table: Table) -> Lists:
    """Return the positions that each tap has, in order."""
    counts, places, at = [], [], []
    for kind in table.kinds:
        tap, position = np.nonzero(kind.T >= 0)
        counts.append(np.count_nonzero(kind >= 0, axis=0))
        places.append(position)
        at.append(kind[position, tap])
    sizes = np.array([len(kind) for kind in table.kinds])
    first_entry = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    arrays = (sizes, first_entry, np.concatenate(places), np.concatenate(at))
    return Lists(table.blocks, *(a.astype(np.int32) for a in arrays))
