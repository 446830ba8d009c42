"""The gradient of w: outer products of g with what each tap has seen, summed over positions.

    dw[o, t, c] = Σ over positions p   g[p, o] · x[at[p, t] + c]

Positions are taken a stretch of blocks at a time. First g is packed, in tiles of ROWS outputs, and then each part
computes the share of the stretch in some outputs and channels of one tap. Every element of dw is computed in
one part, in the same order whatever the number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minigrad.kernels.compiled import vectors
from minigrad.kernels.compiled.conv.outer import narrow_outer, outer
from minigrad.kernels.compiled.conv.packing import IN_ORDER, copy_narrow, copy_tile, copy_wide, put_corner
from minigrad.kernels.compiled.conv.tile import ROWS, VECTORS
from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Team
from minigrad.kernels.compiled.pointers import element, moved, pointer
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.kernels.conv_table import Lists
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg,var-annotated"

_BYTES = vectors.BITS // 8
_AT_ONCE = 16  # positions whose outputs are packed together: they share cache lines
_PACKED = 8  # parts, at least, into which the packing of a stretch is shared out


class Sums(NamedTuple):
    """The operands. Addresses are numbers; sizes are those of one group."""

    groups: int
    x: int  #: address
    x_pixel: int  #: elements from one pixel to the next
    x_size: int  #: elements that may be read
    channels: int
    g: int  #: address
    g_pixel: int
    outputs: int
    taps: int
    stretch: int  #: blocks of a stretch
    most: int  #: positions of a stretch, at most
    ranges: int  #: parts into which the outputs are shared out


@compiled
def _pack(part: int, first_block: int, pieces: int, lists: Lists, sums: Sums, packed: Array) -> None:
    """Pack a piece of g of one block and group: (tile of outputs, position of the stretch, output)."""
    rest, piece = divmod(part, pieces)
    group, number = divmod(rest, min(sums.stretch, len(lists.blocks) - first_block))
    kind, _, position = lists.blocks[first_block + number]
    start = position - lists.blocks[first_block, 2]
    g = moved(pointer(sums.g, packed), position * sums.g_pixel + group * sums.outputs)
    tiles = -(-sums.outputs // ROWS)
    for first in range(piece * _AT_ONCE, lists.sizes[kind], pieces * _AT_ONCE):
        last = min(first + _AT_ONCE, lists.sizes[kind])
        for t in range(tiles):
            rows = min(ROWS, sums.outputs - t * ROWS)
            to = element(packed, ((group * tiles + t) * sums.most + start) * ROWS)
            for p in range(first, last):
                source, target = moved(g, p * sums.g_pixel + t * ROWS), moved(to, p * ROWS)
                if rows == ROWS:
                    copy_tile(source, target)
                else:
                    for m in range(ROWS):
                        target[m] = source[m] if m < rows else 0


@compiled
def _see(sums: Sums, at: Array, length: int, first: int, count: int, width: int, seen: Array) -> None:
    """Copy what a tap sees in a block: ``width`` channels, from element ``first`` of each pixel on.

    A last panel has only ``count`` of them, and reads on into the next pixel, whose products are dropped. But after the
    very last pixel there may be no memory.
    """
    x, lanes = pointer(sums.x, seen), _BYTES // seen.itemsize
    safe = length
    while safe > 0 and first + at[safe - 1] * sums.x_pixel + width > sums.x_size:
        safe -= 1
    for k in range(safe):
        source, target = moved(x, first + at[k] * sums.x_pixel), element(seen, k * width)
        if width > lanes:
            copy_wide(source, target)
        else:
            copy_narrow(source, target)
    for k in range(safe, length):
        for i in range(width):
            seen[k * width + i] = x[first + at[k] * sums.x_pixel + i] if i < count else 0


@compiled
def _sum(part: int, first_block: int, lists: Lists, sums: Sums, packed: Array, dw: Array) -> None:
    """Compute what a stretch of blocks adds to some outputs of one group, one tap and one panel of channels."""
    lanes = _BYTES // packed.itemsize
    wide = VECTORS * lanes
    panels, tiles = -(-sums.channels // wide), -(-sums.outputs // ROWS)
    rest, part_of_outputs = divmod(part, sums.ranges)
    rest, panel = divmod(rest, panels)
    group, tap = divmod(rest, sums.taps)
    count = min(wide, sums.channels - panel * wide)
    width = wide if count > lanes else lanes
    row = sums.taps * sums.channels
    first_channel = group * sums.channels + panel * wide
    seen = np.empty(sums.most // sums.stretch * width, packed.dtype)
    corner = np.empty(ROWS * wide, packed.dtype)
    for number in range(first_block, min(first_block + sums.stretch, len(lists.blocks))):
        kind, pixel, position = lists.blocks[number]
        entry = lists.first_entry[kind * sums.taps + tap]
        length = lists.first_entry[kind * sums.taps + tap + 1] - entry
        add = number > 0
        if length == 0 and add:
            continue
        _see(sums, element(lists.at, entry), length, pixel * sums.x_pixel + first_channel, count, width, seen)
        start = position - lists.blocks[first_block, 2]
        for t in range(tiles * part_of_outputs // sums.ranges, tiles * (part_of_outputs + 1) // sums.ranges):
            g = element(packed, ((group * tiles + t) * sums.most + start) * ROWS)
            rows = min(ROWS, sums.outputs - t * ROWS)
            place = ((group * sums.outputs + t * ROWS) * sums.taps + tap) * sums.channels + panel * wide
            whole = rows == ROWS and count == width
            to, to_row = element(dw, place), row
            if not whole:
                to, to_row = element(corner, 0), wide
            if width == wide:
                outer(g, element(lists.places, entry), element(seen, 0), length, to, to_row, add and whole)
            else:
                narrow_outer(g, element(lists.places, entry), element(seen, 0), length, to, to_row, add and whole)
            if not whole:
                put_corner(corner, wide, rows, count, element(dw, place), row, element(IN_ORDER, 0), add)


@compiled
def weight_gradient(team: Team, lists: Lists, sums: Sums, packed: Array, dw: Array) -> None:
    """Compute dw, which lies as O kh kw C."""
    panels = -(-sums.channels // (VECTORS * (_BYTES // packed.itemsize)))
    for first in range(0, len(lists.blocks), sums.stretch):
        blocks = min(sums.stretch, len(lists.blocks) - first)
        pieces = -(-_PACKED // (sums.groups * blocks))
        share_out(team, sums.groups * blocks * pieces, as_job(_pack, (first, pieces, lists, sums, packed)))
        parts = sums.groups * sums.taps * panels * sums.ranges
        share_out(team, parts, as_job(_sum, (first, lists, sums, packed, dw)))
