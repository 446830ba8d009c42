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
from numba import carray

from minigrad.kernels.compiled import vectors
from minigrad.kernels.compiled.conv.packing import turn
from minigrad.kernels.compiled.conv.tile import CHAIN, ROWS, VECTORS, narrow_tile, tile
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
_IN_ORDER = np.arange(ROWS, dtype=np.int32)


class Product(NamedTuple):
    """What is multiplied. Addresses are numbers; sizes are those of one group."""

    groups: int
    source: int  #: address
    source_pixel: int  #: elements from one pixel to the next
    channels: int
    weights: int  #: address; they lie as O kh kw C
    taps: int
    target: int  #: address
    target_pixel: int
    results: int
    ranges: int  #: parts into which the panels of a block are shared out


@compiled
def _panel(number: int, results: int, wide: int) -> tuple[int, int]:
    """Return how many results a panel has, and how many it has room for: VECTORS vectors, or one."""
    count = min(wide, results - number * wide)
    return count, wide if count > wide // VECTORS else wide // VECTORS


@compiled
def _packed_results(results: int, wide: int) -> int:
    """Return for how many results all panels have room."""
    last = (results - 1) // wide
    return last * wide + _panel(last, results, wide)[1]


@compiled
def _pack_rows(part: int, tiles: Tiles, product: Product, packed: Array) -> None:
    """Pack a panel of weights for y: the results are outputs, whose weights lie apart from each other."""
    lanes = _BYTES // packed.itemsize
    wide, channels, taps, live = VECTORS * lanes, product.channels, product.taps, tiles.live
    group, panel = divmod(part, -(-product.results // wide))
    count, width = _panel(panel, product.results, wide)
    room = _packed_results(product.results, wide)
    weights = pointer(product.weights, packed)
    for j in range(live.size):
        to = (group * room + panel * wide) * live.size * channels + j * channels * width
        for first in range(0, width, lanes):
            output = group * product.results + panel * wide + first
            row = moved(weights, (output * taps + live[j]) * channels)
            whole = channels // lanes * lanes if first + lanes <= count else 0
            for c in range(0, whole, lanes):
                turn(moved(row, c), taps * channels, element(packed, to + c * width + first), width)
            for lane in range(lanes):
                exists = first + lane < count
                for c in range(whole, channels):
                    packed[to + c * width + first + lane] = row[lane * taps * channels + c] if exists else 0


@compiled
def _pack_columns(part: int, tiles: Tiles, product: Product, packed: Array) -> None:
    """Pack a panel of weights for the gradient of x: the results are channels, whose weights lie side by side."""
    wide, outputs, taps, live = VECTORS * (_BYTES // packed.itemsize), product.channels, product.taps, tiles.live
    group, panel = divmod(part, -(-product.results // wide))
    count, width = _panel(panel, product.results, wide)
    room = _packed_results(product.results, wide)
    for j in range(live.size):
        to = (group * room + panel * wide) * live.size * outputs + j * outputs * width
        for o in range(outputs):
            at = ((group * outputs + o) * taps + live[j]) * product.results + panel * wide
            row = carray(moved(pointer(product.weights, packed), at), (count,))
            target = carray(element(packed, to + o * width), (width,))
            for i in range(count):
                target[i] = row[i]
            for i in range(count, width):
                target[i] = 0


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
    weights = moved(element(packed, 0), group * _packed_results(results, wide) * tiles.live.size * channels)
    first_entry, places = element(tiles.first_entry, 0), element(tiles.places, 0)
    taps, at, zeros = element(tiles.taps, 0), element(tiles.at, 0), element(nothing, 0)
    corner = np.empty(ROWS * wide, packed.dtype)
    taps_of_pass, passes = max(1, _TERMS // channels), -(-channels // _TERMS)
    channels_of_pass = -(-channels // passes)
    chains, length, together = _chains(channels_of_pass)
    for panel in range(first_panel, last_panel):
        count, width = _panel(panel, results, wide)
        target, panel_weights = moved(y, panel * wide), moved(weights, panel * wide * tiles.live.size * channels)
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
                        to, to_pixel, to_places = element(corner, 0), wide, element(_IN_ORDER, 0)
                    arguments = (
                        moved(x, c), product.source_pixel, zeros, moved(taps, entry), moved(at, entry * ROWS), entries,
                        min(channels_of_pass, channels - c), chains, length, together,
                        moved(panel_weights, c * width), channels * width,
                        to, to_pixel, to_places, add and count == width,
                    )  # fmt: skip
                    if width == wide:
                        tile(*arguments)
                    else:
                        narrow_tile(*arguments)
                    if count < width:
                        _put_corner(corner, wide, count, target, product.target_pixel, tiles.places[t], add)


@compiled
def _chains(channels: int) -> tuple[int, int, int]:
    """Return how many chains of additions a tap needs, their length, and how many taps fit into one."""
    chains = -(-channels // CHAIN)
    length = -(-channels // chains)
    return chains, length, max(1, CHAIN // length)


@compiled
def _put_corner(corner: Array, wide: int, count: int, y: Array, y_pixel: int, places: Array, add: bool) -> None:
    """Write the results of a panel that has more room than results; add to what is there if ``add``."""
    for m in range(ROWS):
        if m > 0 and places[m] == places[m - 1]:
            break  # the last position, repeated
        for i in range(count):
            at = places[m] * y_pixel + i
            y[at] = corner[m * wide + i] + (y[at] if add else 0)


@compiled
def forward(team: Team, tiles: Tiles, product: Product, packed: Array, nothing: Array) -> None:
    """Compute y."""
    panels = -(-product.results // (VECTORS * (_BYTES // packed.itemsize)))
    share_out(team, product.groups * panels, as_job(_pack_rows, (tiles, product, packed)))
    parts = product.groups * len(tiles.blocks) * product.ranges
    share_out(team, parts, as_job(_multiply, (tiles, product, packed, nothing)))


@compiled
def backward(team: Team, tiles: Tiles, product: Product, packed: Array, nothing: Array) -> None:
    """Compute the gradient of x."""
    panels = -(-product.results // (VECTORS * (_BYTES // packed.itemsize)))
    share_out(team, product.groups * panels, as_job(_pack_columns, (tiles, product, packed)))
    parts = product.groups * len(tiles.blocks) * product.ranges
    share_out(team, parts, as_job(_multiply, (tiles, product, packed, nothing)))
