"""Convolution without columns: the taps of a window read the input where it lies (needs Numba).

The textbook way copies what every tap sees into the columns of a matrix. But the columns are only the input again,
read from other offsets. With C H W N in memory (conv_plan.py) all three products of a convolution read their
operands in place:

        y  = Σ_c Σ_t w[o, c, t] · x[c, start + offset_t + lane]          accumulate, over steps of y
        dx = Σ_o Σ_t w[o, c, t] · g[o, start + offset_t + lane]          accumulate, over steps of x
        dw[o, c, t] = Σ_p g[o, p] · x[c, p + offset_t]                   correlate

Only where rows are padded and hold few images, the input is first laid on a grid with gaps.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minigrad.kernels.compiled import conv_plan, team
from minigrad.kernels.compiled import microkernel as micro
from minigrad.kernels.compiled.conv_plan import Columns, Grid, Lines, Plan, Problem, Steps
from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Team
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.kernels.geometry import Window
from minigrad.kernels.layout import empty
from minigrad.kernels.threads import evenly, get_num_threads
from minigrad.typing import Array, DType, Shape

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg,var-annotated"

_ROWS, _PAIR = micro.ROWS, micro.PAIR
_CHAIN = 64  # products added one after another, before their sum is added to other such sums
_LONGEST = 48  # vectors of a round of lines, at most _CHAIN: two rounds of PAIR[0] rows of g stay in the L1 cache
_WEIGHT_BYTES = 600_000  # of the weights that a part reads for each of its steps: they stay in the L2 cache
_COLUMN_BYTES = 600_000  # of x that ``correlate`` reads for each block of outputs: they stay in the L2 cache
_PARTIAL_SUMS = 6  # of the gradient of the weights, over different positions, at most
_ROUNDS_A_SUM = 8  # at least
_WORTH_PACKING = 8  # steps
_FEW_POSITIONS = 512  # up to which the gradient of the weights sums over positions one by one
_PARTS_A_THREAD = 6  # so that no thread waits long for the last part
_local = threading.local()


def step_of(dtype: DType) -> int:
    """Return how many elements are computed together."""
    return micro.VECTORS * micro.lanes(dtype.itemsize)


def suits(shape: Shape, dtype: DType, window: Window) -> bool:
    """Return whether images of this shape (N, C, H, W) have enough positions for the registers."""
    n, _, height, width = shape
    return _problem(n, height, width, window, dtype).suits


def _problem(n: int, height: int, width: int, window: Window, dtype: DType) -> Problem:
    step = step_of(dtype)
    return conv_plan.problem(n, height, width, window, step, step // micro.VECTORS)


def _plain(w: Array) -> Array:
    """Return w, contiguous and writeable: for any other kind Numba would compile everything once more."""
    return w if w.flags.c_contiguous and w.flags.writeable else w.copy()


def _buffer(name: str, size: int, dtype: DType) -> Array:
    """Return memory of this thread that is kept from call to call: fresh memory costs page faults."""
    buffers = _local.__dict__.setdefault("buffers", {})
    held = buffers.get((name, dtype))
    if held is None or held.size < size:
        held = buffers[name, dtype] = empty((size,), dtype)
    return held[:size]


# --- Laying out ---


@compiled
def _lay_out(c: int, x: Array, grid: _Layout, target: Array) -> None:
    """Lay out channel c of x (C, H, W, N) on the grid, with zeros everywhere else."""
    _, height, width, n = x.shape
    columns, phases, left, margin = grid.columns, grid.phases, grid.left, grid.margin
    row = columns * phases * n
    t = target[c]
    if phases == 1:
        t[:margin] = 0
        for h in range(height):
            at = margin + h * row + left * n
            t[at - left * n : at] = 0
            flat = x[c, h].reshape(-1)
            for i in range(flat.size):
                t[at + i] = flat[i]
            t[at + flat.size : margin + (h + 1) * row] = 0
        t[margin + height * row :] = 0
    else:
        t[:] = 0
        for h in range(height):
            for w in range(width):
                at = margin + h * row + ((w + left) % phases * columns + (w + left) // phases) * n
                for i in range(n):
                    t[at + i] = x[c, h, w, i]


class _Layout(NamedTuple):
    """The numbers of a Grid that ``_lay_out`` needs."""

    columns: int
    phases: int
    left: int
    margin: int


def _layout(grid: Grid) -> _Layout:
    return _Layout(grid.columns, grid.phases, grid.left, grid.margin)


def _on_grid(name: str, x: Array, grid: Grid) -> Array:
    """Return the rows of memory for channels of x on the grid: x itself, or a buffer to be filled."""
    if not grid.copied:
        return x.reshape(x.shape[0], -1)
    return _buffer(name, x.shape[0] * grid.length, x.dtype).reshape(x.shape[0], grid.length)


# --- The output, and the gradient of the input ---


class _Weights(NamedTuple):
    """Strides of the weights, and whether those of ROWS outputs lie together."""

    packed: bool
    tile: int  # from the first output of a tile to that of the next
    row: int
    channel: int


@compiled
def _pack(
    tile: int, w: Array, strides: tuple[int, int, int], outputs: int, channels: int, live: Array, packed: Array
) -> None:
    """Pack the weights of ROWS outputs in the order in which ``accumulate`` reads them: channel, tap, output.

    ``strides`` are those of outputs, channels and taps in w.
    """
    to_output, to_channel, to_tap = strides
    first = tile * _ROWS
    at = first * channels * live.size
    rows = min(_ROWS, outputs - first)
    for c in range(channels):
        for tap in live:
            source = first * to_output + c * to_channel + tap * to_tap
            for row in range(rows):
                packed[at + row] = w[source + row * to_output]
            for row in range(rows, _ROWS):
                packed[at + row] = 0
            at += _ROWS


@compiled
def _do_steps(
    part: int, parts: Array, source: Array, w: Array, layout: _Weights, w_taps: Array, steps: Steps, y: Array
) -> None:
    """Compute some tiles of outputs at some steps of positions.

    ``parts`` holds (first tile, last + 1, first step, last + 1).

    A block of channels at a time, whose elements stay in the L1 cache for all tiles. The blocks also keep rounding
    down: the error of a long sum grows with the number of additions that follow on one another.
    """
    tile_0, tile_1, step_0, step_1 = parts[part, 0], parts[part, 1], parts[part, 2], parts[part, 3]
    outputs, positions = y.shape
    channels, length = source.shape
    size = micro.VECTORS * (micro.VECTOR_BYTES // source.itemsize)
    scratch = np.empty((tile_1 - tile_0) * _ROWS * size, source.dtype)
    flat, flat_y = source.reshape(-1), y.reshape(-1)
    for s in range(step_0, step_1):
        first = steps.first_tap[steps.classes[s]]
        taps = steps.first_tap[steps.classes[s] + 1] - first
        run_0, run_1 = steps.first_run[s], steps.first_run[s + 1]
        whole = taps > 0 and run_1 - run_0 == 1 and steps.runs[run_0, 2] == size
        if taps == 0:
            scratch[:] = 0
        block = max(1, _CHAIN // max(1, taps))
        for number in range(-(-channels // block) * -(-taps // _CHAIN)):
            c, t = number // -(-taps // _CHAIN) * block, number % -(-taps // _CHAIN) * _CHAIN
            for tile in range(tile_0, tile_1):
                if whole and (tile + 1) * _ROWS <= outputs:
                    target = micro.address(flat_y, tile * _ROWS * positions + steps.runs[run_0, 1])
                    stride = positions
                else:
                    target, stride = micro.address(scratch, (tile - tile_0) * _ROWS * size), size
                weights = micro.address(w, tile * layout.tile + c * layout.channel)
                if layout.packed:
                    micro.accumulate(
                        micro.address(flat, steps.starts[s] + c * length), length, min(block, channels - c),
                        weights, layout.channel, layout.row, micro.address(steps.offsets, first + t),
                        micro.address(w_taps, first + t), min(_CHAIN, taps - t), target, stride, number > 0,
                    )  # fmt: skip
                else:
                    micro.accumulate_strided(
                        micro.address(flat, steps.starts[s] + c * length), length, min(block, channels - c),
                        weights, layout.channel, layout.row, micro.address(steps.offsets, first + t),
                        micro.address(w_taps, first + t), min(_CHAIN, taps - t), target, stride, number > 0,
                    )  # fmt: skip
        for tile in range(tile_0, tile_1):
            if not (whole and (tile + 1) * _ROWS <= outputs):
                for o in range(min(_ROWS, outputs - tile * _ROWS)):
                    for run in range(run_0, run_1):
                        to = (tile * _ROWS + o) * positions + steps.runs[run, 1]
                        at = ((tile - tile_0) * _ROWS + o) * size + steps.runs[run, 0]
                        for i in range(steps.runs[run, 2]):
                            flat_y[to + i] = scratch[at + i]


@lru_cache(maxsize=512)
def _step_parts(outputs: int, weight_bytes: int, steps: int, threads: int) -> Array:
    """Return tiles in groups whose weights fit in the cache, each with a few stretches of steps."""
    tiles = -(-outputs // _ROWS)
    wanted = _PARTS_A_THREAD * threads if threads > 1 else 1
    groups = min(tiles, max(1, -(-weight_bytes // _WEIGHT_BYTES)))
    stretches = max(1, min(steps, -(-wanted // groups)))
    groups = min(tiles, max(groups, -(-wanted // stretches)))
    parts = [
        (group.start, group.stop, stretch.start, stretch.stop)
        for group in evenly(tiles, groups)
        for stretch in evenly(steps, stretches)
    ]
    return np.array(parts, np.int64)


class _Products(NamedTuple):
    """The arguments of ``_do_steps`` and of the preparations for it, but for y."""

    x: Array
    copied: bool
    grid: _Layout
    source: Array
    w: Array
    strides: tuple[int, int, int]
    used: Array  # w itself, or packed
    layout: _Weights
    w_taps: Array
    steps: Steps
    parts: Array


def _products(name: str, x: Array, w: Array, strides: tuple[int, int, int], planned: Plan, outputs: int) -> _Products:
    """Collect what ``_do_steps`` needs for a source x (C, H, W, N) and weights w.

    ``strides`` are those of outputs, channels and taps in w. Packing the weights pays off only if several steps read
    them.
    """
    grid, steps = planned
    channels, live = x.shape[0], steps.live.size
    flat = w.reshape(-1)
    if steps.starts.size >= _WORTH_PACKING or outputs % _ROWS:
        tiles = -(-outputs // _ROWS)
        used = _buffer("weights", tiles * _ROWS * channels * live, x.dtype)
        layout = _Weights(True, _ROWS * channels * live, 1, live * _ROWS)
        w_taps = steps.indices * _ROWS
    else:
        used, layout = flat, _Weights(False, _ROWS * strides[0], strides[0], strides[1])
        w_taps = steps.live[steps.indices] * strides[2]
    parts = _step_parts(outputs, outputs * channels * live * x.dtype.itemsize, steps.starts.size, get_num_threads())
    source = _on_grid(name, x, grid)
    return _Products(x, grid.copied, _layout(grid), source, flat, strides, used, layout, w_taps, steps, parts)


@compiled
def _prepare(part: int, products: _Products, outputs: int) -> None:
    """Lay out a channel, or else pack a tile of the weights."""
    p = products
    channels = p.x.shape[0]
    if p.copied and part < channels:
        _lay_out(part, p.x, p.grid, p.source)
    else:
        tile = part - channels if p.copied else part
        _pack(tile, p.w, p.strides, outputs, channels, p.steps.live, p.used)


@compiled
def _preparations(products: _Products, outputs: int) -> int:
    """Return how many parts ``_prepare`` has."""
    tiles = (outputs + _ROWS - 1) // _ROWS if products.layout.packed else 0
    return tiles + (products.x.shape[0] if products.copied else 0)


@compiled
def _run(team: Team, products: _Products, y: Array) -> None:
    p = products
    share_out(team, _preparations(p, y.shape[0]), as_job(_prepare, (p, y.shape[0])))
    share_out(team, p.parts.shape[0], as_job(_do_steps, (p.parts, p.source, p.used, p.layout, p.w_taps, p.steps, y)))


def conv2d(x: Array, w: Array, window: Window) -> Array:
    """Return y as (O, H', W', N), of x as (C, H, W, N), contiguous; one group."""
    channels, height, width, n = x.shape
    out, taps = w.shape[0], w.shape[2] * w.shape[3]
    plan = conv_plan.forward(_problem(n, height, width, window, x.dtype))
    y = empty((out, *window.output_size(height, width), n), x.dtype)
    products = _products("x", x, _plain(w), (channels * taps, taps, 1), plan, out)
    team.call(_run, products, y.reshape(out, -1))
    return y


# --- The gradient of the weights ---


@compiled
def _do_weights(
    part: int, parts: Array, g: Array, source: Array, lines: Lines, columns: Columns, partial: Array
) -> None:
    """Compute some rounds for some blocks of outputs.

    ``parts`` holds (first round, last + 1, first block, last + 1, number).

    Two rounds at a time, so that what is read stays in the cache for all columns. The blocks' sums go to ``partial``.
    """
    round_0, round_1, o_0, o_1, number = parts[part, 0], parts[part, 1], parts[part, 2], parts[part, 3], parts[part, 4]
    _, o_blocks, blocks, size = partial.shape
    mine = number * o_blocks * blocks * size
    sums = micro.stretch(partial, mine + o_0 * blocks * size, (o_1 - o_0) * blocks * size)
    sums[:] = 0
    for number in range(round_0, round_1, 2):
        for group in range(lines.rounds.shape[1]):
            first, last = lines.rounds[number, group, 0], lines.rounds[number, group, 1]
            end = max(last, lines.rounds[number + 1, group, 1]) if number + 1 < round_1 else last
            if last > first:
                places = first, last, end
                _correlate_blocks(g, source, lines.whole, places, False, columns, group, o_0, o_1, sums)
    if round_0 == 0:
        for group in range(lines.rounds.shape[1]):
            last = lines.first_tail[group + 1]
            for first in range(lines.first_tail[group], last, 2 * _CHAIN):
                places = first, min(first + _CHAIN, last), min(first + 2 * _CHAIN, last)
                _correlate_blocks(g, source, lines.tails, places, True, columns, group, o_0, o_1, sums)


@compiled
def _correlate_blocks(
    g: Array,
    source: Array,
    table: Array,
    places: tuple[int, int, int],
    ends: bool,
    columns: Columns,
    group: int,
    o_0: int,
    o_1: int,
    sums: Array,
) -> None:
    """Add the sums over some lines, for some blocks of outputs and all columns of a class, to ``sums``.

    ``places`` are the first line, the first line of their second half, and the last line + 1.
    """
    outputs, length = g.shape
    blocks = columns.offsets.shape[0]
    size = sums.size // ((o_1 - o_0) * blocks)
    first, last = columns.first_block[group], columns.first_block[group + 1]
    together = max(1, _COLUMN_BYTES // (_PAIR[1] * 2 * _LONGEST * micro.VECTOR_BYTES))
    x, lines = micro.address(source, 0), micro.address(table, 3 * places[0])
    count, more = places[1] - places[0], places[2] - places[1]
    for start in range(first, last, together):
        for o in range(o_0, o_1):
            row = micro.address(g, min(o * _PAIR[0], outputs - _PAIR[0]) * length)  # the last block is moved back
            for k in range(start, min(start + together, last)):
                offsets = micro.address(columns.offsets, k * _PAIR[1])
                total = micro.address(sums, ((o - o_0) * blocks + k) * size)
                if ends:
                    micro.correlate_ends(row, length, x, offsets, lines, count, more, total)
                else:
                    micro.correlate(row, length, x, offsets, lines, count, more, total)


@compiled
def _gather_weights(o: int, partial: Array, columns: Columns, dw: Array) -> None:
    """Compute the gradient of one output's weights: the sum of all partial sums."""
    block = min(o // _PAIR[0], partial.shape[1] - 1)
    row = o - min(block * _PAIR[0], dw.shape[0] - _PAIR[0])
    for k in range(columns.targets.shape[0]):
        for j in range(_PAIR[1]):
            target = columns.targets[k, j]
            if target >= 0:
                total = partial[0, block, k, row * _PAIR[1] + j]
                for q in range(1, partial.shape[0]):
                    total += partial[q, block, k, row * _PAIR[1] + j]
                dw[o, target] = total


@lru_cache(maxsize=512)
def _weight_parts(rounds: int, outputs: int, threads: int) -> Array:
    """Return stretches of rounds, each with sums of its own, and groups of outputs so that there are enough parts.

    The number of partial sums does not depend on the number of threads, and so neither does the result.
    """
    o_blocks = -(-outputs // _PAIR[0])
    sums = max(1, min(_PARTIAL_SUMS, rounds // _ROUNDS_A_SUM))
    groups = min(o_blocks, -(-_PARTS_A_THREAD * threads // sums)) if threads > 1 else 1
    parts = [
        (stretch.start, stretch.stop, o.start, o.stop, number)
        for number, stretch in enumerate(evenly(rounds, sums))
        for o in evenly(o_blocks, groups)
    ]
    return np.array(parts, np.int64).reshape(-1, 5)


# --- The same for few positions: vectors of channels, and sums over positions one by one ---


@compiled
def _turn(tile: int, x: Array, turned: Array) -> None:
    """Turn a tile of x (C, positions) into (positions, channels of the tile)."""
    channels, positions = x.shape
    size = turned.shape[2]
    first = min(tile * size, channels - size)
    for start in range(0, positions, 16):
        for c in range(size):
            for p in range(start, min(start + 16, positions)):
                turned[tile, p, c] = x[first + c, p]


@compiled
def _do_weights_turned(part: int, parts: Array, g: Array, turned: Array, lines: Lines, dw: Array) -> None:
    """Compute some outputs and tiles of channels for one tap.

    ``parts`` holds (class, tap, first output, last + 1, first tile, last + 1).
    """
    group, tap = parts[part, 0], parts[part, 1]
    o_0, o_1, tile_0, tile_1 = parts[part, 2], parts[part, 3], parts[part, 4], parts[part, 5]
    outputs, channels, _ = dw.shape
    lanes = micro.VECTOR_BYTES // g.itemsize
    size = turned.shape[2]
    together = max(1, _CHAIN // lanes)
    scratch = np.empty(_ROWS * size, g.dtype)
    vectors = 0
    for number in range(lines.rounds.shape[0]):
        for line in range(lines.rounds[number, group, 0], lines.rounds[number, group, 1]):
            vectors += lines.whole[line, 2]
    g_at, x_at = np.empty(vectors, np.int64), np.empty(vectors, np.int64)
    vectors = 0
    for number in range(lines.rounds.shape[0]):
        for line in range(lines.rounds[number, group, 0], lines.rounds[number, group, 1]):
            for v in range(lines.whole[line, 2]):
                g_at[vectors] = lines.whole[line, 0] + v * lanes
                x_at[vectors] = (lines.whole[line, 1] + lines.offsets[tap] + v * lanes) * size
                vectors += 1
    flat_g = g.reshape(-1)
    live = lines.taps[tap]
    for tile in range(tile_0, tile_1):
        flat_x = turned[tile].reshape(-1)
        c_at = min(tile * size, channels - size)
        for o in range(o_0, o_1, _ROWS):
            # a tile that would go beyond the last output is moved back; outputs computed twice are the same twice
            o_at = min(o, outputs - _ROWS)
            for v in range(0, vectors, together):
                micro.accumulate_strided(
                    micro.address(flat_x, 0), size, lanes, micro.address(flat_g, o_at * g.shape[1]), 1, g.shape[1],
                    micro.address(x_at, v), micro.address(g_at, v), min(together, vectors - v),
                    micro.address(scratch, 0), size, v > 0,
                )  # fmt: skip
            for i in range(_ROWS):
                for j in range(size):
                    dw[o_at + i, c_at + j, live] = scratch[i * size + j]


@lru_cache(maxsize=512)
def _turned_parts(first_tap: tuple[int, ...], outputs: int, tiles: int, threads: int) -> Array:
    """Return, for each tap, groups of outputs and tiles; ``first_tap`` is that of each class."""
    taps, o_blocks = first_tap[-1], -(-outputs // _ROWS)
    wanted = _PARTS_A_THREAD * threads if threads > 1 else 1
    t_groups = min(tiles, max(1, -(-wanted // max(1, taps))))
    o_groups = min(o_blocks, max(1, -(-wanted // max(1, taps * t_groups))))
    parts = [
        (group, tap, o.start * _ROWS, min(o.stop * _ROWS, outputs), tile.start, tile.stop)
        for group in range(len(first_tap) - 1)
        for tap in range(first_tap[group], first_tap[group + 1])
        for tile in evenly(tiles, t_groups)
        for o in evenly(o_blocks, o_groups)
    ]
    return np.array(parts, np.int64).reshape(-1, 6)


# --- Both gradients ---

_NONE, _NO_TABLE, _NO_GRID = np.zeros(0, np.int64), np.zeros((0, 3), np.int64), Grid(0, 0, 0)
#: Empty plans for a gradient that is not wanted: compiled code takes the plans of both.
_NO_PLAN = Plan(_NO_GRID, Steps(_NONE, _NONE, _NO_TABLE, _NONE, _NONE, _NONE, _NONE, _NONE))
_NO_LINES = Lines(_NO_GRID, _NO_TABLE, np.zeros((0, 0, 2), np.int64), _NO_TABLE, *[_NONE] * 4)
_NO_COLUMNS = Columns(*[np.zeros((0, _PAIR[1]), np.int64)] * 2, _NONE)


class _Sums(NamedTuple):
    """The arguments of the gradient of the weights, but for dw."""

    g: Array
    x: Array
    copied: bool
    grid: _Layout
    source: Array
    turned: Array  # x as (tiles of channels, positions, channels of the tile), or empty
    lines: Lines
    columns: Columns
    partial: Array  # sums over some positions: (sums, blocks of outputs, blocks of columns, elements)
    parts: Array


def _sums(g: Array, x: Array, lines: Lines, columns: Columns) -> _Sums:
    """Collect what the gradient of the weights needs; the number of positions decides which algorithm is used."""
    positions, out, channels = g[0].size, len(g), len(x)
    step = step_of(x.dtype)
    lanes = step // micro.VECTORS
    few = positions <= _FEW_POSITIONS and positions % lanes == 0 and not lines.grid.copied and not lines.tails.size
    if few and channels >= step and out >= _ROWS and x.size:
        tiles = -(-channels // step)
        turned = _buffer("turned", tiles * step * x[0].size, x.dtype).reshape(tiles, -1, step)
        partial = np.empty((0, 0, 0, 0), x.dtype)
        parts = _turned_parts(tuple(lines.first_tap.tolist()), out, tiles, get_num_threads())
    else:
        turned = np.empty((0, 0, 0), x.dtype)
        parts = _weight_parts(lines.rounds.shape[0], out, get_num_threads())
        shape = parts[-1, 4] + 1, -(-out // _PAIR[0]), len(columns.offsets), -(-_PAIR[0] * _PAIR[1] // lanes) * lanes
        partial = _buffer("sums", int(np.prod(shape)), x.dtype).reshape(shape)
    source = _on_grid("x", x, lines.grid) if x.size else np.empty((0, 0), x.dtype)
    grid = _layout(lines.grid)
    return _Sums(g.reshape(out, -1), x, lines.grid.copied, grid, source, turned, lines, columns, partial, parts)


@compiled
def _prepare_both(part: int, first: int, products: _Products, inputs: int, sums: _Sums) -> None:
    """Do a part of the ``first`` preparations for dx, or else of those for dw."""
    if part < first:
        _prepare(part, products, inputs)
    elif sums.turned.size:
        _turn(part - first, sums.source, sums.turned)
    else:
        _lay_out(part - first, sums.x, sums.grid, sums.source)


@compiled
def _do_gradients(part: int, products: _Products, dx: Array, sums: _Sums, dw: Array) -> None:
    """Compute a part of dx, or else of dw."""
    p = products
    steps = p.parts.shape[0] if dx.size else 0
    if part < steps:
        _do_steps(part, p.parts, p.source, p.used, p.layout, p.w_taps, p.steps, dx)
    elif sums.turned.size:
        _do_weights_turned(part - steps, sums.parts, sums.g, sums.turned, sums.lines, dw)
    else:
        _do_weights(part - steps, sums.parts, sums.g, sums.source, sums.lines, sums.columns, sums.partial)


@compiled
def _run_backward(team: Team, products: _Products, dx: Array, sums: _Sums, dw: Array) -> None:
    inputs = dx.shape[0]
    preparations = _preparations(products, inputs) if dx.size else 0
    if dw.size and sums.turned.size:
        more = sums.turned.shape[0]
    else:
        more = sums.x.shape[0] if dw.size and sums.copied else 0
    share_out(team, preparations + more, as_job(_prepare_both, (preparations, products, inputs, sums)))
    parts = (products.parts.shape[0] if dx.size else 0) + (sums.parts.shape[0] if dw.size else 0)
    share_out(team, parts, as_job(_do_gradients, (products, dx, sums, dw)))
    if dw.size and sums.partial.size:
        share_out(team, dw.shape[0], as_job(_gather_weights, (sums.partial, sums.columns, dw.reshape(dw.shape[0], -1))))


def input_gradient(g: Array, w: Array, shape: Shape, window: Window) -> Array:
    """Return dx of this shape (C, H, W, N), of g as (O, H', W', N), contiguous; one group."""
    return _gradients(g, shape, w.shape, window, w=w)[0]


def weight_gradient(x: Array, g: Array, weight_shape: Shape, window: Window) -> Array:
    """Return dw, of x as (C, H, W, N) and g as (O, H', W', N), contiguous; one group."""
    return _gradients(g, x.shape, weight_shape, window, x=x)[1]


def both_gradients(x: Array, w: Array, g: Array, window: Window) -> tuple[Array, Array]:
    """Return (dx as (C, H, W, N), dw), of x as (C, H, W, N) and g as (O, H', W', N), contiguous; one group."""
    return _gradients(g, x.shape, w.shape, window, x=x, w=w)


def _gradients(
    g: Array, shape: Shape, weight_shape: Shape, window: Window, x: Array | None = None, w: Array | None = None
) -> tuple[Array, Array]:
    """Return dx if w is given, and dw if x is given; else empty arrays."""
    channels, height, width, n = shape
    out, taps = g.shape[0], weight_shape[2] * weight_shape[3]
    problem = _problem(n, height, width, window, g.dtype)
    need_x, need_w = w is not None, x is not None
    dx = empty((channels, height * width * n) if need_x else (0, 0), g.dtype)
    weights = np.empty(0, g.dtype) if w is None else _plain(w)
    plan = conv_plan.backward(problem) if need_x else _NO_PLAN
    products = _products("g", g, weights, (taps, channels * taps, 1), plan, channels)
    images = np.empty((channels, 0, 0, 0), g.dtype) if x is None else x
    whole_g = _at_least(_PAIR[0], g) if need_w else g
    lines, columns = _NO_LINES, _NO_COLUMNS
    if need_w:
        lines = conv_plan.lines(problem, _LONGEST)
        columns = conv_plan.columns(problem, _LONGEST, channels, _PAIR[1])
    all_live = lines.taps.size == taps
    dw = (np.empty if all_live else np.zeros)((len(whole_g), channels, taps) if need_w else (0, 0, 0), g.dtype)
    sums = _sums(whole_g, images, lines, columns)
    team.call(_run_backward, products, dx, sums, dw)
    return dx.reshape(shape) if need_x else dx, dw[:out].reshape(weight_shape) if need_w else dw


def _at_least(channels: int, x: Array) -> Array:
    """Return x with channels of zeros after its own, so that ``correlate`` can read that many at once."""
    if len(x) >= channels:
        return x
    return np.concatenate([x, np.zeros((channels - len(x), *x.shape[1:]), x.dtype)])
