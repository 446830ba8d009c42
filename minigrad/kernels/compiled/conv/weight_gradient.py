"""The gradient of w: a product of two factors, summed over positions.

    dw[o, t, c]   = Σ over positions p   g[p, o] · x[at[p, t] + c]         left: g, right: what each tap has seen

Where x has few channels, they would fill vectors in part only. So there all taps are joined: what they see at a
position is a *patch* of terms (t, c), and the factors change places:

    dw[(t, c), o] = Σ over positions p   patch[p, (t, c)] · g[p, o]        left: patches, right: g

Positions are taken a stretch of blocks at a time. First the left factor is packed, in tiles of ROWS rows, and then each
part computes the share of the stretch in some rows, and some columns of one tap. Every element of dw is computed in one
part, in the same order whatever the number of threads.
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


class Left(NamedTuple):
    """The left factor."""

    start: int  #: address
    pixel: int  #: elements from one pixel to the next
    size: int  #: elements that may be read
    rows: int  #: of dw, of one group
    runs: int  #: of a patch; 0 if the rows are a pixel's channels
    length: int  #: elements of a run
    step: int  #: elements from one run to the next


class Sums(NamedTuple):
    """The right factor, and how the work is divided. Addresses are numbers; sizes are those of one group."""

    groups: int
    right: int  #: address
    right_pixel: int
    right_size: int
    columns: int
    taps: int
    stretch: int  #: blocks of a stretch
    most: int  #: positions of a stretch, at most
    ranges: int  #: parts into which the rows are shared out


@compiled
def _pack(part: int, first_block: int, pieces: int, lists: Lists, left: Left, sums: Sums, packed: Array) -> None:
    """Pack a piece of one block and group: (tile of rows, position of the stretch, row)."""
    rest, piece = divmod(part, pieces)
    group, number = divmod(rest, min(sums.stretch, len(lists.blocks) - first_block))
    kind, pixel, position = lists.blocks[first_block + number]
    start = position - lists.blocks[first_block, 2]
    tiles = -(-left.rows // ROWS)
    apart = (tiles + 1) * ROWS + VECTORS * (_BYTES // packed.itemsize)  # of patches: room for whole tiles and vectors
    patches = np.zeros(_AT_ONCE * apart if left.runs > 0 else 1, packed.dtype)
    for first in range(piece * _AT_ONCE, lists.sizes[kind], pieces * _AT_ONCE):
        count = min(_AT_ONCE, lists.sizes[kind] - first)
        if left.runs > 0:
            at = element(lists.at, lists.first_entry[kind] + first)
            _join(left, pixel, at, count, apart, patches)
            source, source_pixel = element(patches, 0), apart
        else:
            place = (position + first) * left.pixel + group * left.rows
            source, source_pixel = moved(pointer(left.start, packed), place), left.pixel
        for t in range(tiles):
            rows = min(ROWS, left.rows - t * ROWS)
            to = element(packed, ((group * tiles + t) * sums.most + start + first) * ROWS)
            for p in range(count):
                row, target = moved(source, p * source_pixel + t * ROWS), moved(to, p * ROWS)
                if rows == ROWS:
                    copy_tile(row, target)
                else:
                    for m in range(ROWS):
                        target[m] = row[m] if m < rows else 0


@compiled
def _join(left: Left, pixel: int, at: Array, count: int, apart: int, patches: Array) -> None:
    """Copy the runs of patches, the elements of each patch side by side.

    Whole vectors are copied, and what is beyond the end of a run is overwritten by the next one. But beyond the end of
    the very last one there may be no memory.
    """
    wide = VECTORS * (_BYTES // patches.itemsize)
    x, panels = pointer(left.start, patches), -(-left.length // wide)
    last = (left.runs - 1) * left.step + panels * wide
    for p in range(count):
        first, target = (pixel + at[p]) * left.pixel, element(patches, p * apart)
        for run in range(left.runs):
            source, to = moved(x, first + run * left.step), moved(target, run * left.length)
            if first + last <= left.size:
                for panel in range(panels):
                    copy_wide(moved(source, panel * wide), moved(to, panel * wide))
            else:
                for i in range(left.length):
                    to[i] = source[i]


@compiled
def _see(sums: Sums, at: Array, length: int, first: int, count: int, width: int, seen: Array) -> None:
    """Copy what a tap sees in a block: ``width`` columns, from element ``first`` of each pixel on.

    A last panel has only ``count`` of them, and reads on into the next pixel, whose products are dropped. But after the
    very last pixel there may be no memory.
    """
    right, lanes = pointer(sums.right, seen), _BYTES // seen.itemsize
    safe = length
    while safe > 0 and first + at[safe - 1] * sums.right_pixel + width > sums.right_size:
        safe -= 1
    for k in range(safe):
        source, target = moved(right, first + at[k] * sums.right_pixel), element(seen, k * width)
        if width > lanes:
            copy_wide(source, target)
        else:
            copy_narrow(source, target)
    for k in range(safe, length):
        for i in range(width):
            seen[k * width + i] = right[first + at[k] * sums.right_pixel + i] if i < count else 0


@compiled
def _sum(part: int, first_block: int, lists: Lists, left: Left, sums: Sums, packed: Array, dw: Array) -> None:
    """Compute what a stretch of blocks adds to some rows of one group, one tap and one panel of columns."""
    lanes = _BYTES // packed.itemsize
    wide = VECTORS * lanes
    panels, tiles = -(-sums.columns // wide), -(-left.rows // ROWS)
    rest, part_of_rows = divmod(part, sums.ranges)
    rest, panel = divmod(rest, panels)
    group, tap = divmod(rest, sums.taps)
    count = min(wide, sums.columns - panel * wide)
    width = wide if count > lanes else lanes
    row_length = sums.taps * sums.columns
    first_column = group * sums.columns + panel * wide
    seen = np.empty(sums.most // sums.stretch * width, packed.dtype)
    corner = np.empty(ROWS * wide, packed.dtype)
    for number in range(first_block, min(first_block + sums.stretch, len(lists.blocks))):
        kind, pixel, position = lists.blocks[number]
        entry = lists.first_entry[kind * sums.taps + tap]
        length = lists.first_entry[kind * sums.taps + tap + 1] - entry
        add = number > 0
        if length == 0 and add:
            continue
        places, at = element(lists.places, entry), element(lists.at, entry)
        if left.runs > 0:  # the table is that of the patches; g is read in order
            at, pixel = places, position
        first = pixel * sums.right_pixel + first_column
        columns, apart = element(seen, 0), width
        if left.runs > 0 and count == width:  # and where it lies, unless there may be no memory after its last columns
            columns, apart = moved(pointer(sums.right, packed), first), sums.right_pixel
        else:
            _see(sums, at, length, first, count, width, seen)
        start = position - lists.blocks[first_block, 2]
        for t in range(tiles * part_of_rows // sums.ranges, tiles * (part_of_rows + 1) // sums.ranges):
            tile = element(packed, ((group * tiles + t) * sums.most + start) * ROWS)
            rows = min(ROWS, left.rows - t * ROWS)
            to = element(dw, ((group * left.rows + t * ROWS) * sums.taps + tap) * sums.columns + panel * wide)
            whole = rows == ROWS and count == width
            target, target_row = to, row_length
            if not whole:
                target, target_row = element(corner, 0), wide
            if width == wide:
                outer(tile, places, columns, apart, length, target, target_row, add and whole)
            else:
                narrow_outer(tile, places, columns, apart, length, target, target_row, add and whole)
            if not whole:
                put_corner(corner, wide, rows, count, to, row_length, element(IN_ORDER, 0), add)


@compiled
def weight_gradient(team: Team, lists: Lists, left: Left, sums: Sums, packed: Array, dw: Array) -> None:
    """Compute dw: (rows of all groups, taps, columns)."""
    panels = -(-sums.columns // (VECTORS * (_BYTES // packed.itemsize)))
    for first in range(0, len(lists.blocks), sums.stretch):
        blocks = min(sums.stretch, len(lists.blocks) - first)
        pieces = -(-_PACKED // (sums.groups * blocks))
        share_out(team, sums.groups * blocks * pieces, as_job(_pack, (first, pieces, lists, left, sums, packed)))
        parts = sums.groups * sums.taps * panels * sums.ranges
        share_out(team, parts, as_job(_sum, (first, lists, left, sums, packed, dw)))
