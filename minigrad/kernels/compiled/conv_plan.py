"""Plan a convolution without columns: which positions are computed together, and from which taps.

Memory is C H W N here: the elements of all images at one pixel lie side by side. So the distance in memory between two
pixels is the same *number* for all images, and a vector of the processor holds the same pixel of several images, or
neighbouring pixels. A *step* is what the inner loop computes at once: a few vectors of positions of the result.

        y[o, p] = Σ over channels c and taps t of  w[o, c, t] · x[c, start + offset_t + lane]

For a step whose positions are all one pixel, or lie in one row, taps that meet only padding are left out: its *class*
lists the remaining taps. Where rows are shorter than a step, steps run on over the ends of rows, on a *grid* on which
gaps of zeros follow each row; the results for the gaps are dropped.

All of this depends on shapes alone. A large map has hundreds of thousands of steps, so they are computed with array
operations when they are first needed, and the plans used last are kept (plan_cache.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from minigrad.kernels.geometry import Window
from minigrad.kernels.plan_cache import remembered
from minigrad.typing import Array

Size = tuple[int, int]
_EDGES_WORTH_IT = 8  # steps of a row for each pixel near its ends, from which on those are computed one by one


class Axis(NamedTuple):
    """One dimension of a sliding window, forwards or backwards: result position p meets source position

        (p · stride + tap · dilation − before) / divisor

    for each tap for which that is a whole number inside the source. Forwards the divisor is 1; backwards (from the
    gradient of the result to that of the source) the stride is 1, the dilation negative and the divisor the stride.
    """

    source: int
    result: int
    taps: int
    stride: int
    dilation: int
    before: int
    divisor: int = 1

    def reached(self, positions: Array) -> tuple[Array, Array]:
        """Return the source position of each tap at result ``positions``, and whether it is a whole number.

        Both are (positions, taps) arrays. Source positions may lie beside the source.
        """
        numerator = positions[:, None] * self.stride + np.arange(self.taps) * self.dilation - self.before
        return numerator // self.divisor, numerator % self.divisor == 0

    def met(self) -> tuple[Array, Array]:
        """Return the source position of each tap at each result position, and whether it is one of the source's."""
        at, whole = self.reached(np.arange(self.result))
        return at, whole & (at >= 0) & (at < self.source)

    def backwards(self) -> Axis:
        """Return the axis from results to sources: s is met at the positions (s + before − tap · dilation) / stride."""
        return Axis(self.result, self.source, self.taps, 1, -self.dilation, -self.before, self.stride)


def axes(window: Window, size: Size) -> tuple[Axis, Axis]:
    """Return the height and width axes of a window on images of this size."""
    result = window.output_size(*size)
    return (
        Axis(size[0], result[0], window.kernel[0], window.stride[0], window.dilation[0], window.padding[0][0]),
        Axis(size[1], result[1], window.kernel[1], window.stride[1], window.dilation[1], window.padding[1][0]),
    )


class Grid(NamedTuple):
    """The layout of a channel of H rows of W pixels of N images: as it is, or with gaps of zeros, or sorted.

    ``phases`` > 1 sorts the pixels of a row by their remainder, so that the pixels that a tap sees at neighbouring
    positions of a window with this stride are neighbours in memory.
    """

    height: int
    width: int
    images: int
    gap: int = 0  # pixels of zeros after each row
    phases: int = 1
    left: int = 0  # pixels of zeros before each row
    margin: int = 0  # zeros before the first row and after the last
    copied: bool = False

    @property
    def columns(self) -> int:
        """The pixels of a phase of a row."""
        return -(-(self.left + self.width + self.gap) // self.phases)

    @property
    def row(self) -> int:
        """The elements of a row."""
        return self.columns * self.phases * self.images

    @property
    def length(self) -> int:
        """The elements of a channel; of a copy an odd number of cache lines, which spreads channels over the cache."""
        if not self.copied:
            return self.height * self.row
        lines = -(-(self.height * self.row + 2 * self.margin) // 16)
        return 16 * (lines | 1)

    def across(self, w: Array) -> Array:
        """Return how far the first image's element at column ``w`` is from the beginning of its row.

        ``w`` may reach into the zeros beside the row.
        """
        w = w + self.left
        return ((w % self.phases) * self.columns + w // self.phases) * self.images


class Steps(NamedTuple):
    """For each step its start, its class, and the runs that say where its positions go in the result."""

    starts: Array
    classes: Array
    runs: Array  # (first element of the step, where it goes in a channel of the result, how many)
    first_run: Array  # of each step, and of the one after the last
    offsets: Array  # of all classes' taps: what each adds to the start
    indices: Array  # … and which tap it is, counted among the live ones
    first_tap: Array  # of each class, and of the one after the last
    live: Array  # the taps that meet the source anywhere


class Plan(NamedTuple):
    """A grid for the source, and the steps on it."""

    grid: Grid
    steps: Steps


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """The numbers of a convolution on which its plans depend; the number of channels is not one of them.

    There is one object for each such convolution, because an object is found faster among the plans than its numbers.
    """

    window: Window
    height: Axis
    width: Axis
    images: int
    step: int
    lanes: int
    suits: bool  # whether the output and both gradients have enough positions to fill the vectors


@lru_cache(maxsize=4096)
def problem(images: int, rows: int, columns: int, window: Window, step: int, lanes: int) -> Problem:
    """Return the convolution of images of this size, in steps of ``step`` elements and vectors of ``lanes``."""
    if window.is_pointwise:  # then it makes no difference to which image a position belongs
        images, rows, columns = images * rows * columns, 1, 1
    height, width = axes(window, (rows, columns))
    exists = min(height.source, width.source, height.result, width.result) > 0
    pixels = min(height.result * width.result, height.source * width.source)
    suits = exists and pixels * images >= step
    suits = suits and (_lies_ready(width, images, lanes) or width.result * images >= lanes)
    return Problem(window, height, width, images, step, lanes, suits)


@remembered
def forward(problem: Problem) -> Plan:
    """Return the steps that compute a convolution's output."""
    return _plan(problem.height, problem.width, problem.images, problem.step)


@remembered
def backward(problem: Problem) -> Plan:
    """Return the steps that compute the gradient of a convolution's input."""
    return _plan(problem.height.backwards(), problem.width.backwards(), problem.images, problem.step)


def _plan(height: Axis, width: Axis, images: int, step: int) -> Plan:
    if images % step == 0:
        return _by_pixels(height, width, images, step)
    simple = height.stride == width.stride == height.divisor == width.divisor == 1
    steps_by_rows = height.result * -(-width.result * images // step)
    if simple and -(-height.result * (width.source + _flat_gap(width, images, step)) * images // step) < steps_by_rows:
        return _flat(height, width, images, step)
    edges = width.result - np.count_nonzero(width.met()[1].all(axis=1))
    if simple and 0 < edges < width.result and edges * _EDGES_WORTH_IT <= width.result * images // step:
        return _by_long_rows(height, width, images, step)
    return _by_rows(height, width, images, step)


class _Kinds(NamedTuple):
    """The positions of one dimension, sorted by the taps that they meet: the same taps, the same kind."""

    of: Array  # the kind of each position
    first: Array  # of each position, where its first tap reads
    taps: list[Array]  # of each kind
    offsets: list[Array]  # of each kind: how far each tap reads from the first


def _kinds(met: Array, where: Array) -> _Kinds:
    """Sort positions by the taps that they meet.

    Both are (positions, taps): ``met`` as from Axis.met, and ``where`` is the offset in memory that each tap reads.
    Positions that meet the same taps read them equally far apart.
    """
    patterns, examples, of = np.unique(met, axis=0, return_index=True, return_inverse=True)
    first = np.where(met.any(axis=1), np.take_along_axis(where, met.argmax(axis=1)[:, None], axis=1)[:, 0], 0)
    taps = [np.flatnonzero(pattern) for pattern in patterns]
    offsets = [where[example, t] - first[example] for example, t in zip(examples, taps, strict=True)]
    return _Kinds(of.reshape(-1), first, taps, offsets)


class _Row(NamedTuple):
    """The steps of one row of the result, which are the same for all rows but for the taps that rows meet."""

    starts: Array  # from the beginning of a row of the source on
    kinds: Array  # of each step: its kind of column
    columns: _Kinds
    runs: Array  # as those of Steps, in a row of the result
    first_run: Array  # of each step


def _all_rows(height: Axis, width: Axis, grid: Grid, row: _Row) -> Plan:
    """Return the plan that takes the steps of ``row`` in every row of the result."""
    at, met = height.met()
    rows = _kinds(met, at * grid.row)
    starts = grid.margin + rows.first[:, None] + row.starts
    classes = rows.of[:, None] * len(row.columns.taps) + row.kinds
    runs = np.tile(row.runs, (height.result, 1, 1))
    runs[:, :, 1] += np.arange(height.result)[:, None] * (width.result * grid.images)
    first_run = np.arange(height.result)[:, None] * len(row.runs) + row.first_run
    offsets, taps = [], []
    for row_taps, row_offsets in zip(rows.taps, rows.offsets, strict=True):
        for column_taps, column_offsets in zip(row.columns.taps, row.columns.offsets, strict=True):
            taps.append((row_taps[:, None] * width.taps + column_taps).reshape(-1))
            offsets.append((row_offsets[:, None] + column_offsets).reshape(-1))
    return Plan(grid, _steps(starts, classes, runs, first_run, taps, offsets))


def _steps(
    starts: Array,
    classes: Array,
    runs: Array,
    first_run: Array,
    taps: list[Array],
    offsets: list[Array],
) -> Steps:
    """Return steps in the form in which compiled code reads them; ``taps`` and ``offsets`` are those of each class."""
    runs = np.ascontiguousarray(runs.reshape(-1, 3), np.int64)
    live, indices = np.unique(np.concatenate(taps), return_inverse=True)
    return Steps(
        np.ascontiguousarray(starts.reshape(-1), np.int64),
        np.ascontiguousarray(classes.reshape(-1), np.int64),
        runs,
        np.append(first_run.reshape(-1), len(runs)).astype(np.int64),
        np.concatenate(offsets).astype(np.int64),
        indices.reshape(-1).astype(np.int64),
        np.cumsum([0, *map(len, taps)]).astype(np.int64),
        live.astype(np.int64),
    )


def _by_pixels(height: Axis, width: Axis, images: int, step: int) -> Plan:
    """Return steps of one pixel each, for batches that fill a step: the source is read where it lies."""
    grid = Grid(height.source, width.source, images)
    at, met = width.met()
    columns = _kinds(met, grid.across(at))
    lanes = np.arange(0, images, step)
    starts = (columns.first[:, None] + lanes).reshape(-1)
    targets = (np.arange(width.result)[:, None] * images + lanes).reshape(-1)
    runs = np.stack([np.zeros_like(targets), targets, np.full_like(targets, step)], axis=1)
    kinds = np.repeat(columns.of, lanes.size)
    return _all_rows(height, width, grid, _Row(starts, kinds, columns, runs, np.arange(targets.size)))


def _by_rows(height: Axis, width: Axis, images: int, step: int) -> Plan:
    """Return steps along rows of the result: taps beside the source read the zeros there.

    Backwards with a stride, each remainder of the columns is a row of its own, with taps of its own.
    """
    grid = _grid(width, height.source, images, step)
    phases = np.arange(min(width.divisor, width.result))
    at, whole = width.reached(phases)
    columns = _kinds(whole, grid.across(at))
    starts, kinds, runs, first_run = [], [], [], []
    known = 0  # runs
    for phase in phases.tolist():
        total = -(-(width.result - phase) // width.divisor) * images
        done = np.arange(0, total, step)
        lane = np.maximum(
            0, np.minimum(done, total - step)
        )  # the last step is moved back to end with the row, if it can be
        starts.append(columns.first[phase] + lane)
        kinds.append(np.full(done.size, columns.of[phase]))
        # pixels of the same remainder lie apart in the result: a step has a run for each
        cuts = done if width.divisor == 1 else np.union1d(done, np.arange(0, total, images))
        pixel, within = np.divmod(cuts, images)
        target = (pixel * width.divisor + phase) * images + within
        of_step = cuts // step
        runs.append(np.stack([cuts - lane[of_step], target, np.diff(cuts, append=total)], axis=1))
        first_run.append(known + np.searchsorted(of_step, np.arange(done.size)))
        known += cuts.size
    row = _Row(np.concatenate(starts), np.concatenate(kinds), columns, np.concatenate(runs), np.concatenate(first_run))
    return _all_rows(height, width, grid, row)


def _by_long_rows(height: Axis, width: Axis, images: int, step: int) -> Plan:
    """Return steps along rows so long that computing the pixels near their ends one by one costs less than a copy.

    A step for a pixel at an end computes its neighbours too, without all their taps, and drops them.
    """
    grid = Grid(height.source, width.source, images)
    at, met = width.met()
    columns = _kinds(met, grid.across(at))
    inner = np.flatnonzero(met.all(axis=1))
    before, after = np.arange(inner[0]), np.arange(inner[-1] + 1, width.result)
    done = np.arange(0, images, step)
    last = np.minimum(done + step, images)
    # a step of a pixel is moved back, so that it does not read beyond the source
    back = np.maximum(0, last - step), last - step
    starts, kinds, runs = [], [], []
    for pixels, lane in zip((before, after), back, strict=True):
        starts.append((columns.first[pixels][:, None] + lane).reshape(-1))
        kinds.append(np.repeat(columns.of[pixels], done.size))
        first, target, length = np.broadcast_arrays(done - lane, pixels[:, None] * images + done, last - done)
        runs.append(np.stack([first, target, length], axis=-1).reshape(-1, 3))
    begin, end = int(inner[0]) * images, int(inner[-1] + 1) * images
    done = np.arange(begin, end, step)
    lane = np.minimum(done, end - step)
    starts.append(columns.first[inner[0]] + lane - begin)
    kinds.append(np.full(done.size, columns.of[inner[0]]))
    runs.append(np.stack([done - lane, done, np.minimum(step, end - done)], axis=1))
    every = np.concatenate(starts)
    row = _Row(every, np.concatenate(kinds), columns, np.concatenate(runs), np.arange(every.size))
    return _all_rows(height, width, grid, row)


def _overhang(axis: Axis) -> tuple[int, int]:
    """Return how far taps reach before the source's first position, and beyond its last."""
    ends = min(axis.divisor, axis.result)
    at, whole = axis.reached(np.concatenate([np.arange(ends), np.arange(axis.result - ends, axis.result)]))
    reached = at[whole]
    return max(0, -reached.min(initial=0)), max(0, reached.max(initial=0) - axis.source + 1)


def _gap(width: Axis) -> int:
    """Return the number of zero pixels between two rows, which serve the end of one and the beginning of the next.

    Wide enough that an output row fits even if it is longer than an input row.
    """
    return max(*_overhang(width), width.result - width.source)


def _flat_gap(width: Axis, images: int, step: int) -> int:
    """Return ``_gap``, or a little more if then each row begins with a vector, which is faster to read."""
    gap = _gap(width)
    for more in range(1 + (width.source + gap) // 12):
        if (width.source + gap + more) * images % (step // 2) == 0:
            return gap + more
    return gap


def _grid(width: Axis, source_height: int, images: int, step: int) -> Grid:
    """Return a grid with zeros on both sides as far as the taps reach; the source as it lies if they reach none."""
    left, right = _overhang(width)
    shortest = width.result // width.divisor * images
    if left == right == 0 and width.stride == 1 and shortest >= step:
        return Grid(source_height, width.source, images)
    if width.stride == 1:
        gap = max(left, right)
        return Grid(source_height, width.source, images, gap, 1, 0, gap * images + step, True)
    return Grid(source_height, width.source, images, right, width.stride, left, step, True)


def _flat(height: Axis, width: Axis, images: int, step: int) -> Plan:
    """Return steps over the ends of rows, all with all taps; stride 1 only. Above and below there are zeros too."""
    grid = Grid(height.source, width.source, images, _flat_gap(width, images, step), copied=True)
    grid = grid._replace(margin=(max(_overhang(height)) + 1) * grid.row + step)
    origin = np.zeros(1, np.int64)
    rows, columns = height.reached(origin)[0][0] * grid.row, grid.across(width.reached(origin)[0][0])
    offsets = (rows[:, None] + columns).reshape(-1)
    wanted = width.result * images
    total = (height.result - 1) * grid.row + wanted
    # results are cut at the end of each step, of each row, and of each gap, which is dropped
    row_starts = np.arange(height.result) * grid.row
    cuts = np.unique(np.concatenate([np.arange(0, total, step), row_starts, row_starts[:-1] + wanted]))
    r, within = np.divmod(cuts, grid.row)
    kept = within < wanted
    lengths = np.diff(cuts, append=total)[kept]
    r, within, cuts = r[kept], within[kept], cuts[kept]
    numbers, first_run = np.unique(cuts // step, return_index=True)
    runs = np.stack([cuts % step, r * wanted + within, lengths], axis=1)
    starts = grid.margin + numbers * step
    taps = np.arange(offsets.size)
    return Plan(grid, _steps(starts, np.zeros_like(starts), runs, first_run, [taps], [offsets]))


class Lines(NamedTuple):
    """The stretches of positions of g and x, joined by taps, that the gradient of the weights sums over.

    Taps that join the same positions of g, read a constant offset apart in x, are a *class*. Its ``whole`` lines are
    (where in a channel of g, where in x for the first of its taps, how many vectors); its ``tails`` are single vectors
    at the ends of rows, (where in g, where in x, first element that counts): those before are counted already.
    Lines are grouped in *rounds* so small that their rows of g stay in the cache.
    """

    grid: Grid
    whole: Array
    rounds: Array  # of (round, class): first line, last + 1
    tails: Array
    first_tail: Array  # of each class, and of the one after the last
    taps: Array  # of all classes
    offsets: Array  # how far each tap reads from the first of its class
    first_tap: Array  # of each class, and of the one after the last


_Stretches = tuple[Array, Array, Array]  # (where in g, where in x, how many elements) of each


@remembered
def lines(problem: Problem, longest: int) -> Lines:
    """Return the stretches that the weights' gradient sums over, ``longest`` vectors a round."""
    height, width, images, lanes = problem.height, problem.width, problem.images, problem.lanes
    ready = _lies_ready(width, images, lanes)
    grid = Grid(height.source, width.source, images) if ready else _grid(width, height.source, images, 0)
    classes: dict[tuple[bytes, bytes], tuple[_Stretches, list[tuple[int, int]]]] = {}
    for i in range(height.taps):
        for j in range(width.taps):
            found = _stretches(height, width, i, j, grid, ready)
            g_at, x_at, counts = found
            if counts.size:
                _, members = classes.setdefault((g_at.tobytes(), counts.tobytes()), (found, []))
                members.append((i * width.taps + j, int(x_at[0])))
    whole, bounds, tails = [], [], []
    known = 0  # lines
    for (g_at, x_at, counts), _ in classes.values():
        of_class, in_rounds = _in_rounds(g_at, x_at, counts, lanes, longest)
        whole.append(of_class)
        bounds.append(in_rounds + known)
        known += len(of_class)
        short = counts % lanes > 0
        back = counts[short] - lanes
        tails.append(np.stack([g_at[short] + back, x_at[short] + back, lanes - counts[short] % lanes], axis=1))
    rounds = np.zeros((max(map(len, bounds), default=0), len(bounds), 2), np.int64)
    for number, of_class in enumerate(bounds):
        rounds[: len(of_class), number] = of_class
    members = [(tap, at - group[0][1]) for _, group in classes.values() for tap, at in group]
    taps, offsets = np.array(members, np.int64).reshape(-1, 2).T
    nothing = np.zeros((0, 3), np.int64)
    return Lines(
        grid,
        np.concatenate([nothing, *whole]),
        rounds,
        np.concatenate([nothing, *tails]),
        np.cumsum([0, *map(len, tails)]).astype(np.int64),
        np.ascontiguousarray(taps),
        np.ascontiguousarray(offsets),
        np.cumsum([0, *(len(group) for _, group in classes.values())]).astype(np.int64),
    )


def _lies_ready(width: Axis, images: int, lanes: int) -> bool:
    """Return whether the weights' gradient can read x where it lies: a tap joins enough of a row to fill a vector."""
    if images % lanes == 0:
        return True
    joined = np.count_nonzero(width.met()[1], axis=0)  # by each tap, in a row
    return bool(width.stride == 1 and joined.any() and joined[joined > 0].min() * images >= lanes)


def _in_rounds(g_at: Array, x_at: Array, counts: Array, lanes: int, longest: int) -> tuple[Array, Array]:
    """Return the whole vectors of some stretches as lines, and where each round of them begins and ends."""
    vectors = counts // lanes
    ends = np.cumsum(vectors)
    total = int(ends[-1])
    if total == 0:
        return np.zeros((0, 3), np.int64), np.zeros((0, 2), np.int64)
    longest = -(-total // -(-total // longest))  # rounds of about the same length
    begins = ends - vectors
    cuts = np.union1d(begins[vectors > 0], np.arange(0, total, longest))
    stretch = np.searchsorted(ends, cuts, side="right")
    done = (cuts - begins[stretch]) * lanes
    of_round = cuts // longest
    numbers = np.arange(of_round[-1] + 1)
    bounds = [np.searchsorted(of_round, numbers, side) for side in ("left", "right")]
    table = np.stack([g_at[stretch] + done, x_at[stretch] + done, np.diff(cuts, append=total)], axis=1)
    return table, np.stack(bounds, axis=1)


class Columns(NamedTuple):
    """The columns of the weights' gradient, channels of taps, in blocks; each block is of one class of ``Lines``."""

    offsets: Array  # of (block, column): its offset in x
    targets: Array  # … and its position among an output's weights; −1 for a column that only fills a block up
    first_block: Array  # of each class, and of the one after the last


@remembered
def columns(problem: Problem, longest: int, channels: int, block: int) -> Columns:
    """Return the columns for the ``lines`` of a problem and this number of channels."""
    joined = lines(problem, longest)
    taps = problem.height.taps * problem.width.taps
    channel = np.arange(channels)[:, None]
    offsets, targets = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for first, last in pairwise(joined.first_tap.tolist()):
        offset = (channel * joined.grid.length + joined.offsets[first:last]).reshape(-1)
        target = (channel * taps + joined.taps[first:last]).reshape(-1)
        fill = (0, -offset.size % block)
        offsets.append(np.pad(offset, fill, mode="edge"))
        targets.append(np.pad(target, fill, constant_values=-1))
    return Columns(
        np.concatenate(offsets).reshape(-1, block),
        np.concatenate(targets).reshape(-1, block),
        np.cumsum([len(of_class) // block for of_class in offsets]).astype(np.int64),
    )


def _stretches(height: Axis, width: Axis, i: int, j: int, grid: Grid, ready: bool) -> _Stretches:
    """Return the stretches that tap (i, j) joins; consecutive ones are merged."""
    n = grid.images
    q = np.arange(width.result)
    w = q * width.stride + j * width.dilation - width.before
    if ready:
        inside = (w >= 0) & (w < width.source)
        q, w = q[inside], w[inside]
    g_row, x_row, counts = _joined(q * n, grid.across(w), np.full(q.size, n))
    r = np.arange(height.result)
    h = r * height.stride + i * height.dilation - height.before
    inside = (h >= 0) & (h < height.source)
    g_at = r[inside, None] * (width.result * n) + g_row
    x_at = grid.margin + h[inside, None] * grid.row + x_row
    return _joined(g_at.reshape(-1), x_at.reshape(-1), np.tile(counts, np.count_nonzero(inside)))


def _joined(g_at: Array, x_at: Array, counts: Array) -> _Stretches:
    """Merge stretches that are consecutive both in g and in x."""
    if not counts.size:
        return g_at, x_at, counts
    follows = (g_at[1:] == g_at[:-1] + counts[:-1]) & (x_at[1:] == x_at[:-1] + counts[:-1])
    first = np.flatnonzero(np.append(True, ~follows))
    return g_at[first], x_at[first], np.add.reduceat(counts, first)
