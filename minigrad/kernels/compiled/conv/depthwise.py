"""Depthwise convolutions: each channel has taps of its own, so that vectors run along the channels.

    y [p, c] = Σ over taps t         x[at[p, t] + c] · w[t, c]
    dx[p, c] = Σ over taps t         g[back[p, t] + c] · w[t, c]
    dw[t, c] = Σ over positions p    g[p, c] · x[at[p, t] + c]

There are at least as many channels as a vector has elements. If a whole number of vectors does not fit, the last one
begins earlier: a few channels are computed twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minigrad.kernels.compiled import vectors
from minigrad.kernels.compiled.conv.emit import Block, Emitter, number
from minigrad.kernels.compiled.conv.tile import CHAIN, ROWS
from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import (
    Context,
    Intrinsic,
    NumbaType,
    Signature,
    Team,
    TypingContext,
    Value,
)
from minigrad.kernels.compiled.pointers import element, moved, pointer
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.kernels.conv_table import Lists, Tiles
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg,var-annotated"

_BYTES = vectors.BITS // 8


class Channels(NamedTuple):
    """Where source and target are: addresses, elements from one pixel to the next, and how many channels."""

    source: int
    source_pixel: int
    target: int
    target_pixel: int
    channels: int
    taps: int


@intrinsic
def _tile(
    typing_context: TypingContext,
    x: NumbaType,
    x_pixel: NumbaType,
    nothing: NumbaType,
    taps: NumbaType,
    at: NumbaType,
    entries: NumbaType,
    w: NumbaType,
    w_tap: NumbaType,
    y: NumbaType,
    y_pixel: NumbaType,
    places: NumbaType,
) -> Intrinsic:
    """Set y[place[m], lanes] = Σ over entries e of x[at[e, m], lanes] · w[tap[e], lanes]."""
    i = types.int64
    signature = types.void(x, i, nothing, taps, at, i, w, i, y, i, places)

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        x, x_pixel, nothing, taps, at, entries, w, w_tap, y, y_pixel, places = arguments
        emit = Emitter(context, builder, signature.args[0])

        def entry(e: Value, sums: Block) -> Block:
            factor = emit.load(emit.at(w, builder.mul(emit.integer(taps, e), w_tap)))
            found = []
            for m, row in enumerate(sums):
                pixel = emit.integer(at, builder.add(builder.mul(e, number(ROWS)), number(m)))
                source = emit.at(x, builder.mul(pixel, x_pixel))
                source = builder.select(builder.icmp_signed("<", pixel, number(0)), nothing, source)
                found.append([emit.fma(emit.load(source), factor, row[0])])
            return found

        for m, row in enumerate(emit.loop(entries, emit.zeros(ROWS, 1), entry)):
            emit.put(row, emit.at(y, builder.mul(emit.integer(places, number(m)), y_pixel)))
        return context.get_dummy_value()

    return signature, generate


def _add_products(width: int) -> Callable[..., Intrinsic]:
    def add_products(
        typing_context: TypingContext,
        g: NumbaType,
        g_pixel: NumbaType,
        places: NumbaType,
        x: NumbaType,
        x_pixel: NumbaType,
        at: NumbaType,
        count: NumbaType,
        dw: NumbaType,
    ) -> Intrinsic:
        i = types.int64
        signature = types.void(g, i, places, x, i, at, i, dw)

        def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
            g, g_pixel, places, x, x_pixel, at, count, dw = arguments
            emit = Emitter(context, builder, signature.args[0])

            def position(k: Value, sums: Block) -> Block:
                given = emit.row(emit.at(g, builder.mul(emit.integer(places, k), g_pixel)), width)
                seen = emit.row(emit.at(x, builder.mul(emit.integer(at, k), x_pixel)), width)
                return [[emit.fma(a, b, old) for a, b, old in zip(given, seen, sums[0], strict=True)]]

            sums = emit.loop(count, emit.zeros(1, width), position)
            emit.put(emit.plus(sums, [emit.row(dw, width)])[0], dw)
            return context.get_dummy_value()

        return signature, generate

    return add_products


#: dw[lanes] += Σ over entries k of g[place[k], lanes] · x[at[k], lanes], for several vectors of lanes, or for one.
_WIDE = 4
_add_wide = intrinsic(_add_products(_WIDE))
_add_narrow = intrinsic(_add_products(1))


def width(channels: int, itemsize: int) -> int:
    """Return how many channels of dw are computed together."""
    lanes = _BYTES // itemsize
    return _WIDE * lanes if channels >= _WIDE * lanes else lanes


@compiled
def _multiply(part: int, tiles: Tiles, operands: Channels, w: Array, nothing: Array) -> None:
    """Compute one block of y or dx."""
    lanes, channels = _BYTES // w.itemsize, operands.channels
    kind, pixel, position = tiles.blocks[part]
    source = moved(pointer(operands.source, w), pixel * operands.source_pixel)
    target = moved(pointer(operands.target, w), position * operands.target_pixel)
    for t in range(tiles.first_tile[kind], tiles.first_tile[kind + 1]):
        entry = tiles.first_entry[t]
        for panel in range(-(-channels // lanes)):
            c = min(panel * lanes, channels - lanes)
            _tile(
                moved(source, c), operands.source_pixel, element(nothing, 0),
                element(tiles.taps, entry), element(tiles.at, entry * ROWS), tiles.first_entry[t + 1] - entry,
                element(w, c), channels, moved(target, c), operands.target_pixel, element(tiles.places, t * ROWS),
            )  # fmt: skip


@compiled
def multiply(team: Team, tiles: Tiles, operands: Channels, w: Array, nothing: Array) -> None:
    """Compute y or dx; ``w`` is (live tap, channel)."""
    share_out(team, len(tiles.blocks), as_job(_multiply, (tiles, operands, w, nothing)))


@compiled
def _sum(part: int, lists: Lists, operands: Channels, dw: Array) -> None:
    """Compute what a stretch of blocks adds to dw: (stretch, tap, channels of all vectors)."""
    lanes, channels, taps = _BYTES // dw.itemsize, operands.channels, operands.taps
    wide = _WIDE * lanes if channels >= _WIDE * lanes else lanes
    panels, blocks = -(-channels // wide), len(lists.blocks)
    mine = dw[part]
    mine[:] = 0
    for block in range(blocks * part // len(dw), blocks * (part + 1) // len(dw)):
        kind, pixel, position = lists.blocks[block]
        for panel in range(panels):
            c = min(panel * wide, channels - wide)
            x = moved(pointer(operands.source, dw), pixel * operands.source_pixel + c)
            g = moved(pointer(operands.target, dw), position * operands.target_pixel + c)
            for tap in range(taps):
                last = lists.first_entry[kind * taps + tap + 1]
                for entry in range(lists.first_entry[kind * taps + tap], last, CHAIN):
                    arguments = (
                        g, operands.target_pixel, element(lists.places, entry),
                        x, operands.source_pixel, element(lists.at, entry), min(CHAIN, last - entry),
                        element(mine, (tap * panels + panel) * wide),
                    )  # fmt: skip
                    if wide > lanes:
                        _add_wide(*arguments)
                    else:
                        _add_narrow(*arguments)


@compiled
def weight_gradient(team: Team, lists: Lists, operands: Channels, dw: Array) -> None:
    """Compute dw in stretches of positions."""
    share_out(team, len(dw), as_job(_sum, (lists, operands, dw)))
