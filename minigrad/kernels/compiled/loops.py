"""Loops over elements and over pixels, compiled by Numba and shared out among a team of threads (see team.py).

Arrays are passed as addresses (pointers.py). Elementwise loops take flat memory. The others take images as pixels: the
elements of a pixel's channels lie next to each other, and ``step`` elements lie from one pixel to the next.
Which thread does what never changes a result.
"""

from __future__ import annotations

from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Team
from minigrad.kernels.compiled.pointers import stretch
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"

_BLOCK = 16_384  # elements that a part takes
_TILE = 16  # pixels that are reordered together, so that the lines of memory they share stay in the cache


# --- Elementwise. In place a loop has one array only: of two the compiler must assume that one element may be another,
# and then uses no vectors ---


@compiled
def _add_part(part: int, x: int, y: int, z: int, size: int, like: Array) -> None:
    first, count = part * _BLOCK, min(_BLOCK, size - part * _BLOCK)
    xs, ys, zs = stretch(x, first, count, like), stretch(y, first, count, like), stretch(z, first, count, like)
    if x == z:
        for i in range(count):
            zs[i] += ys[i]
    else:
        for i in range(count):
            zs[i] = xs[i] + ys[i]


@compiled
def add(team: Team, x: int, y: int, z: int, size: int, like: Array) -> None:
    """Compute z = x + y, of flat arrays."""
    share_out(team, (size + _BLOCK - 1) // _BLOCK, as_job(_add_part, (x, y, z, size, like)))


@compiled
def _pass_part(part: int, g: int, y: int, z: int, size: int, like: Array) -> None:
    first, count = part * _BLOCK, min(_BLOCK, size - part * _BLOCK)
    zero = like.dtype.type(0)
    gs, ys, zs = stretch(g, first, count, like), stretch(y, first, count, like), stretch(z, first, count, like)
    for i in range(count):
        zs[i] = zero if ys[i] <= zero else gs[i]


@compiled
def pass_where_positive(team: Team, g: int, y: int, z: int, size: int, like: Array) -> None:
    """Compute z = g where y > 0, else 0, of flat arrays."""
    share_out(team, (size + _BLOCK - 1) // _BLOCK, as_job(_pass_part, (g, y, z, size, like)))


@compiled
def _clamp_part(part: int, x: int, y: int, size: int, low: float, high: float, like: Array) -> None:
    first, count = part * _BLOCK, min(_BLOCK, size - part * _BLOCK)
    least, most = like.dtype.type(low), like.dtype.type(high)
    xs, ys = stretch(x, first, count, like), stretch(y, first, count, like)
    if x == y:
        for i in range(count):
            raised = least if ys[i] < least else ys[i]
            ys[i] = most if raised > most else raised
    else:
        for i in range(count):
            raised = least if xs[i] < least else xs[i]
            ys[i] = most if raised > most else raised


@compiled
def clamp(team: Team, x: int, y: int, size: int, low: float, high: float, like: Array) -> None:
    """Compute y = min(max(x, low), high), of flat arrays."""
    share_out(team, (size + _BLOCK - 1) // _BLOCK, as_job(_clamp_part, (x, y, size, low, high, like)))


@compiled
def _pass_between_part(part: int, g: int, y: int, z: int, size: int, low: float, high: float, like: Array) -> None:
    first, count = part * _BLOCK, min(_BLOCK, size - part * _BLOCK)
    zero, least, most = like.dtype.type(0), like.dtype.type(low), like.dtype.type(high)
    gs, ys, zs = stretch(g, first, count, like), stretch(y, first, count, like), stretch(z, first, count, like)
    for i in range(count):
        zs[i] = zero if (ys[i] <= least) | (ys[i] >= most) else gs[i]


@compiled
def pass_where_between(team: Team, g: int, y: int, z: int, size: int, low: float, high: float, like: Array) -> None:
    """Compute z = g where low < y < high, else 0, of flat arrays."""
    share_out(team, (size + _BLOCK - 1) // _BLOCK, as_job(_pass_between_part, (g, y, z, size, low, high, like)))


@compiled
def _clamp_in_place_part(
    part: int, x: int, between: int, size: int, low: float, high: float, like: Array, flag_like: Array
) -> None:
    first, count = part * _BLOCK, min(_BLOCK, size - part * _BLOCK)
    least, most = like.dtype.type(low), like.dtype.type(high)
    xs, flags = stretch(x, first, count, like), stretch(between, first, count, flag_like)
    for i in range(count):
        value = xs[i]
        flags[i] = not ((value <= least) | (value >= most))
        raised = least if value < least else value
        xs[i] = most if raised > most else raised


@compiled
def clamp_in_place(
    team: Team, x: int, between: int, size: int, low: float, high: float, flag_like: Array, like: Array
) -> None:
    """Compute x ← min(max(x, low), high) and where low < x < high, of flat arrays."""
    arguments = (x, between, size, low, high, like, flag_like)
    share_out(team, (size + _BLOCK - 1) // _BLOCK, as_job(_clamp_in_place_part, arguments))


@compiled
def _pass_where_part(part: int, g: int, where: int, z: int, size: int, like: Array, flag_like: Array) -> None:
    first, count = part * _BLOCK, min(_BLOCK, size - part * _BLOCK)
    zero = like.dtype.type(0)
    gs, flags, zs = (
        stretch(g, first, count, like),
        stretch(where, first, count, flag_like),
        stretch(z, first, count, like),
    )
    for i in range(count):
        zs[i] = gs[i] if flags[i] else zero


@compiled
def pass_where(team: Team, g: int, where: int, z: int, size: int, flag_like: Array, like: Array) -> None:
    """Compute z = g where a flag is set, else 0, of flat arrays."""
    share_out(team, (size + _BLOCK - 1) // _BLOCK, as_job(_pass_where_part, (g, where, z, size, like, flag_like)))


# --- Joining: a part is a block of pixels ---


@compiled
def _join_part(part: int, sources: Array, y: int, pixels: int, channels: int, height: int, like: Array) -> None:
    for pixel in range(part * height, min((part + 1) * height, pixels)):
        at = pixel * channels
        for s in range(len(sources)):
            count = sources[s, 2]
            xs, ys = stretch(sources[s, 0], pixel * sources[s, 1], count, like), stretch(y, at, count, like)
            for c in range(count):
                ys[c] = xs[c]
            at += count


@compiled
def join(team: Team, sources: Array, y: int, pixels: int, channels: int, like: Array) -> None:
    """Fill each pixel of y with the channels of all sources; a row of ``sources`` is (address, step, channels)."""
    height = max(1, _BLOCK // channels)
    parts = (pixels + height - 1) // height
    share_out(team, parts, as_job(_join_part, (sources, y, pixels, channels, height, like)))


# --- Memory order: a part is a row of an image ---


@compiled
def _reorder_part(
    part: int, x: int, y: int, channels: int, height: int, width: int,
    image_step: int, channel_step: int, row_step: int, column_step: int, like: Array,
) -> None:  # fmt: skip
    source = part // height * image_step + part % height * row_step
    for first in range(0, width, _TILE):
        count = min(_TILE, width - first)
        target = stretch(y, (part * width + first) * channels, count * channels, like)
        for c in range(channels):
            for w in range(count):
                at = source + c * channel_step + (first + w) * column_step
                target[w * channels + c] = stretch(x, at, 1, like)[0]


@compiled
def reorder(
    team: Team, x: int, y: int, images: int, channels: int, height: int, width: int,
    image_step: int, channel_step: int, row_step: int, column_step: int, like: Array,
) -> None:  # fmt: skip
    """Copy x, of any strides (in elements), to y, whose pixels follow each other without gaps."""
    arguments = (x, y, channels, height, width, image_step, channel_step, row_step, column_step, like)
    share_out(team, images * height, as_job(_reorder_part, arguments))
