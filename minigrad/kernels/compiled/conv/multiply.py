"""y, and the gradient of x: what each tile of positions sees times the weights, panel by panel.

Both are the same, with another table and the weights packed otherwise (conv_table.py):

    y [p, o] = Σ over taps t, channels c   x[at[p, t] + c] · w[o, t, c]
    dx[p, c] = Σ over taps t, outputs  o   g[back[p, t] + o] · w[o, t, c]

Below, "channels" are those of the source and "results" those of the target, of one group. A panel is a few vectors of
results. Its weights lie as (tap, channel, result), so that the kernel reads them in order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minigrad.kernels.compiled import vectors
from minigrad.kernels.compiled.conv.packing import IN_ORDER, copy_narrow, copy_wide, put_corner, turn
from minigrad.kernels.compiled.conv.tile import ROWS, VECTORS, narrow_tile, tile
from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Team
from minigrad.kernels.compiled.pointers import element, moved, pointer
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.kernels.conv_table import Tiles
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg,var-annotated"

_BYTES = vectors.BITS // 8
_TERMS = 512  # of a pass over the tiles of a block: the weights of a pass stay in the L1 cache


class Product(NamedTuple):
    """The operands. Addresses are numbers; sizes are those of one group."""

    groups: int
    source: int  #: address
    source_pixel: int  #: elements from one pixel to the next
    channels: int
    weights: int  #: address; they lie as O kh kw C
    backward: bool  #: whether the results are the channels of the weights, rather than their outputs
    taps: int
    target: int  #: address
    target_pixel: int
    results: int
    ranges: int  #: parts into which the panels of a block are shared out
    chain: int  #: products added one after another, at most


@compiled
def _panel(number: int, results: int, wide: int) -> tuple[int, int]:
    """Return how many results a panel has, and how many it has room for: VECTORS vectors, or one."""
    count = min(wide, results - number * wide)
    return count, wide if count > wide // VECTORS else wide // VECTORS


@compiled
def _pack_rows(group: int, panel: int, tiles: Tiles, product: Product, like: Array, to: Array) -> None:
    """Pack a panel of weights for y: the results are outputs, whose weights lie apart from each other."""
    lanes = _BYTES // like.itemsize
    wide, channels, taps, live = VECTORS * lanes, product.channels, product.taps, tiles.live
    count, width = _panel(panel, product.results, wide)
    for j in range(live.size):
        target = moved(to, j * channels * width)
        for first in range(0, width, lanes):
            output = group * product.results + panel * wide + first
            row = moved(pointer(product.weights, like), (output * taps + live[j]) * channels)
            whole = channels // lanes * lanes if first + lanes <= count else 0
            for c in range(0, whole, lanes):
                turn(moved(row, c), taps * channels, moved(target, c * width + first), width)
            for lane in range(lanes):
                exists = first + lane < count
                for c in range(whole, channels):
                    target[c * width + first + lane] = row[lane * taps * channels + c] if exists else 0


@compiled
def _pack_columns(group: int, panel: int, tiles: Tiles, product: Product, like: Array, to: Array) -> None:
    """Pack a panel of weights for the gradient of x: the results are channels, whose weights lie side by side."""
    wide, outputs, taps, live = VECTORS * (_BYTES // like.itemsize), product.channels, product.taps, tiles.live
    count, width = _panel(panel, product.results, wide)
    for j in range(live.size):
        for o in range(outputs):
            at = ((group * outputs + o) * taps + live[j]) * product.results + panel * wide
            row, target = moved(pointer(product.weights, like), at), moved(to, (j * outputs + o) * width)
            if count == wide:
                copy_wide(row, target)
            elif count == width:
                copy_narrow(row, target)
            else:
                for i in range(width):
                    target[i] = row[i] if i < count else 0


@compiled
def _pack(part: int, place: int, tiles: Tiles, product: Product, packed: Array) -> None:
    """Pack panel ``part`` of all groups' into place ``place``."""
    wide = VECTORS * (_BYTES // packed.itemsize)
    group, panel = divmod(part, -(-product.results // wide))
    to = element(packed, place * wide * tiles.live.size * product.channels)
    if product.backward:
        _pack_columns(group, panel, tiles, product, packed, to)
    else:
        _pack_rows(group, panel, tiles, product, packed, to)


@compiled
def _pack_for_all(part: int, tiles: Tiles, product: Product, packed: Array) -> None:
    """Pack a panel of one group, for all blocks."""
    _pack(part, part, tiles, product, packed)


@compiled
def _multiply(part: int, tiles: Tiles, product: Product, packed: Array, nothing: Array) -> None:
    """Compute some panels of one block of one group."""
    wide, channels, results = VECTORS * (_BYTES // packed.itemsize), product.channels, product.results
    panels = -(-results // wide)
    rest, part_of_panels = divmod(part, product.ranges)
    group, number = divmod(rest, len(tiles.blocks))
    first_panel, last_panel = [panels * (part_of_panels + i) // product.ranges for i in range(2)]
    kind, pixel, position = tiles.blocks[number]
    first_tile, last_tile = tiles.first_tile[kind], tiles.first_tile[kind + 1]
    x = moved(pointer(product.source, packed), pixel * product.source_pixel + group * channels)
    y = moved(pointer(product.target, packed), position * product.target_pixel + group * results)
    first_entry, places = element(tiles.first_entry, 0), element(tiles.places, 0)
    taps, at, zeros = element(tiles.taps, 0), element(tiles.at, 0), element(nothing, 0)
    corner = np.empty(ROWS * wide, packed.dtype)
    taps_of_pass, passes = max(1, _TERMS // channels), -(-channels // _TERMS)
    channels_of_pass = -(-channels // passes)
    chains, length, together = _chains(channels_of_pass, product.chain)
    for panel in range(first_panel, last_panel):
        count, width = _panel(panel, results, wide)
        target, place = moved(y, panel * wide), group * panels + panel
        if len(tiles.blocks) == 1:  # no other part uses this panel: pack it where the last one is still in the cache
            place = part
            _pack(group * panels + panel, place, tiles, product, packed)
        weights = element(packed, place * wide * tiles.live.size * channels)
        for first_tap in range(0, max(1, tiles.live.size), taps_of_pass):
            for c in range(0, channels, channels_of_pass):
                add = first_tap > 0 or c > 0
                for t in range(first_tile, last_tile):
                    entry = first_entry[t] + first_tap
                    entries = min(first_entry[t + 1] - entry, taps_of_pass)
                    if entries <= 0 and add:
                        continue
                    to, to_pixel, to_places = target, product.target_pixel, moved(places, t * ROWS)
                    if count < width:
                        to, to_pixel, to_places = element(corner, 0), wide, element(IN_ORDER, 0)
                    arguments = (
                        moved(x, c), product.source_pixel, zeros, moved(taps, entry), moved(at, entry * ROWS), entries,
                        min(channels_of_pass, channels - c), chains, length, together,
                        moved(weights, c * width), channels * width,
                        to, to_pixel, to_places, add and count == width,
                    )  # fmt: skip
                    if width == wide:
                        tile(*arguments)
                    else:
                        narrow_tile(*arguments)
                    if count < width:
                        here = moved(places, t * ROWS)
                        put_corner(corner, wide, _distinct(here), count, target, product.target_pixel, here, add)


@compiled
def _chains(channels: int, longest: int) -> tuple[int, int, int]:
    """Return how many chains of additions a tap needs, their length, and how many taps fit into one."""
    chains = -(-channels // longest)
    length = -(-channels // chains)
    return chains, length, max(1, longest // length)


@compiled
def _distinct(places: Array) -> int:
    """Return how many positions a tile has: the last one is repeated to fill it up."""
    rows = ROWS
    while rows > 1 and places[rows - 1] == places[rows - 2]:
        rows -= 1
    return rows


@compiled
def multiply(team: Team, tiles: Tiles, product: Product, packed: Array, nothing: Array) -> None:
    """Compute y, or the gradient of x."""
    panels = -(-product.results // (VECTORS * (_BYTES // packed.itemsize)))
    if len(tiles.blocks) > 1:
        share_out(team, product.groups * panels, as_job(_pack_for_all, (tiles, product, packed)))
    parts = product.groups * len(tiles.blocks) * product.ranges
    share_out(team, parts, as_job(_multiply, (tiles, product, packed, nothing)))
