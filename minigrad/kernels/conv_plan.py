"""Plans of a convolution without columns: which positions are computed together, and from which taps.

Memory is C H W N here: the pictures' elements at one place lie side by side. So whatever is one place further is one
*number* further, for all pictures, and a vector of the processor holds the same place of several pictures, or
neighbouring places. A *step* is what the inner loop does at once: a few vectors of positions of the result.

        y[o, p] = Σ over channels c and taps t of  w[o, c, t] · x[c, start + offset_t + lane]

A step whose positions are all one place, or lie in one row, knows which taps meet padding only, and leaves them out:
its *class* lists the taps that are left. Where rows are shorter than a step, steps run on over the ends of rows, on a
*grid* on which gaps of zeros follow each row; what they compute for the gaps is dropped.

All of this depends on shapes alone and is worked out once for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from minigrad.kernels.geometry import Window

Size = tuple[int, int]
_EDGES_WORTH_IT = 8  # steps of a row for each place near its ends, from which on those are taken one by one


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

    def reaches(self, p: int) -> list[tuple[int, int]]:
        """(tap, source position) of all taps that fall on whole positions, also of those that lie beside the source."""
        found = []
        for tap in range(self.taps):
            at, rest = divmod(p * self.stride + tap * self.dilation - self.before, self.divisor)
            if rest == 0:
                found.append((tap, at))
        return found

    def meets(self, p: int) -> list[tuple[int, int]]:
        """(tap, source position) of all taps that meet the source."""
        return [(tap, at) for tap, at in self.reaches(p) if 0 <= at < self.source]

    def backwards(self) -> Axis:
        """From results to sources: source s is met at the positions (s + before − tap · dilation) / stride."""
        return Axis(self.result, self.source, self.taps, 1, -self.dilation, -self.before, self.stride)


def axes(window: Window, size: Size) -> tuple[Axis, Axis]:
    """Height and width of a window on pictures of this size."""
    result = window.output_size(*size)
    return (
        Axis(size[0], result[0], window.kernel[0], window.stride[0], window.dilation[0], window.padding[0][0]),
        Axis(size[1], result[1], window.kernel[1], window.stride[1], window.dilation[1], window.padding[1][0]),
    )


class Grid(NamedTuple):
    """How a channel of H rows of W places of N pictures is laid out: as it is, or with gaps of zeros, or sorted.

    ``phases`` > 1 sorts the places of a row by their remainder, so that a window with this stride finds what its next
    position sees right beside.
    """

    height: int
    width: int
    pictures: int
    gap: int = 0  # places of zeros after each row
    phases: int = 1
    left: int = 0  # places of zeros before each row
    margin: int = 0  # zeros before the first row and after the last
    copied: bool = False

    @property
    def columns(self) -> int:
        """Places of a phase of a row."""
        return -(-(self.left + self.width + self.gap) // self.phases)

    @property
    def row(self) -> int:
        """Elements of a row."""
        return self.columns * self.phases * self.pictures

    @property
    def length(self) -> int:
        """Elements of a channel; of a copy an odd number of cache lines, which spreads channels over the cache."""
        if not self.copied:
            return self.height * self.row
        lines = -(-(self.height * self.row + 2 * self.margin) // 16)
        return 16 * (lines | 1)

    def at(self, h: int, w: int) -> int:
        """Where the first picture's element is; ``w`` may reach into the zeros beside the row."""
        w += self.left
        return self.margin + h * self.row + ((w % self.phases) * self.columns + w // self.phases) * self.pictures


class Steps(NamedTuple):
    """What to compute: for each step where it starts, its class, and which stretches of its positions go where."""

    starts: np.ndarray
    classes: np.ndarray
    runs: np.ndarray  # (first element of the step, where it goes in a channel of the result, how many)
    first_run: np.ndarray  # of each step, and of the one after the last
    offsets: np.ndarray  # of all classes' taps: what each adds to the start
    indices: np.ndarray  # … and which tap it is, counted among the live ones
    first_tap: np.ndarray  # of each class, and of the one after the last
    live: np.ndarray  # the taps that meet the source anywhere


class Plan(NamedTuple):
    """A grid for the source, and the steps on it."""

    grid: Grid
    steps: Steps


@lru_cache(maxsize=512)
def plan(height: Axis, width: Axis, pictures: int, step: int) -> Plan | None:
    """The steps of a convolution (or of its backward), of ``step`` elements each; None if it has too few positions."""
    if height.result * width.result * pictures < step or min(height.source, width.source) < 1:
        return None
    if pictures % step == 0:
        return _by_places(height, width, pictures, step)
    simple = height.stride == width.stride == height.divisor == width.divisor == 1
    steps_by_rows = height.result * -(-width.result * pictures // step)
    if (
        simple
        and -(-height.result * (width.source + _flat_gap(width, pictures, step)) * pictures // step) < steps_by_rows
    ):
        return _flat(height, width, pictures, step)
    edges = sum(len(width.meets(q)) < width.taps for q in range(width.result))
    if simple and 0 < edges * _EDGES_WORTH_IT <= width.result * pictures // step:
        return _by_long_rows(height, width, pictures, step)
    return _by_rows(height, width, pictures, step)


class _Collector:
    """Gathers steps, and numbers the different lists of taps."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.runs: list[tuple[int, int, int]] = []
        self.first_run = [0]
        self.classes: dict[tuple[tuple[int, int], ...], int] = {}

    def add(self, start: int, taps: tuple[tuple[int, int], ...], runs: list[tuple[int, int, int]]) -> None:
        """A step; ``taps`` are (number of the tap, what it adds to the start)."""
        self.steps.append((start, self.classes.setdefault(taps, len(self.classes))))
        self.runs += runs
        self.first_run.append(len(self.runs))

    def finished(self) -> Steps:
        """As arrays."""
        live = sorted({tap for taps in self.classes for tap, _ in taps})
        number = {tap: i for i, tap in enumerate(live)}
        flat = [(number[tap], offset) for taps in self.classes for tap, offset in taps]
        ends = np.cumsum([0, *(len(taps) for taps in self.classes)])
        starts, classes = np.array(self.steps, np.int64).reshape(-1, 2).T
        indices, offsets = np.array(flat, np.int64).reshape(-1, 2).T
        return Steps(
            np.ascontiguousarray(starts),
            np.ascontiguousarray(classes),
            np.array(self.runs, np.int64).reshape(-1, 3),
            np.array(self.first_run, np.int64),
            np.ascontiguousarray(offsets),
            np.ascontiguousarray(indices),
            ends.astype(np.int64),
            np.array(live, np.int64),
        )


def _relative(
    rows: list[tuple[int, int]], columns: list[tuple[int, int]], taps_across: int, grid: Grid
) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Where the first of some taps reads, and all taps (row by row) with what they add to that."""
    if not rows or not columns:
        return grid.margin, ()
    start = grid.at(rows[0][1], columns[0][1])
    return start, tuple((i * taps_across + j, grid.at(h, w) - start) for i, h in rows for j, w in columns)


def _by_places(height: Axis, width: Axis, pictures: int, step: int) -> Plan:
    """Steps of one place each, where a place has pictures enough: the source is read where it lies."""
    grid = Grid(height.source, width.source, pictures)
    collector = _Collector()
    columns = [width.meets(q) for q in range(width.result)]
    for r in range(height.result):
        rows = height.meets(r)
        for q, met in enumerate(columns):
            start, taps = _relative(rows, met, width.taps, grid)
            target = (r * width.result + q) * pictures
            for lane in range(0, pictures, step):
                collector.add(start + lane, taps, [(0, target + lane, step)])
    return Plan(grid, collector.finished())


def _by_rows(height: Axis, width: Axis, pictures: int, step: int) -> Plan:
    """Steps along rows of the result: taps beside the source read the zeros there.

    Backwards with a stride, each remainder of the columns is a row of its own, with taps of its own.
    """
    grid = _grid(width, height.source, pictures, step)
    collector = _Collector()
    for r in range(height.result):
        rows = height.meets(r)
        for phase in range(width.divisor):
            columns = list(range(phase, width.result, width.divisor))
            if not columns:
                continue
            met = width.reaches(columns[0])
            start, taps = _relative(rows, met, width.taps, grid)
            total = len(columns) * pictures
            base = (r * width.result + phase) * pictures
            for done in range(0, total, step):
                lane = max(0, min(done, total - step))  # the last step is moved back to end with the row, if it can be
                last = min(done + step, total)
                runs = [(done - lane, base + done, last - done)]
                if width.divisor > 1:
                    runs = list(_spread(lane, done, last, base, pictures, width.divisor * pictures))
                collector.add(start + lane, taps, runs)
    return Plan(grid, collector.finished())


def _by_long_rows(height: Axis, width: Axis, pictures: int, step: int) -> Plan:
    """Steps along rows so long that to take the places near their ends one by one costs less than to copy the source.

    A step for a place at an end computes its neighbours' too, without all their taps, and drops them.
    """
    grid = Grid(height.source, width.source, pictures)
    collector = _Collector()
    met = [width.meets(q) for q in range(width.result)]
    inner = [q for q, taps in enumerate(met) if len(taps) == width.taps]
    total = width.result * pictures
    for r in range(height.result):
        rows, base = height.meets(r), r * total
        for q in (*range(inner[0]), *range(inner[-1] + 1, width.result)):
            start, taps = _relative(rows, met[q], width.taps, grid)
            for done in range(0, pictures, step):
                last = min(done + step, pictures)
                # the step is moved back, so that what is read does not go beyond the source
                lane = max(0, last - step) if q < inner[0] else last - step
                collector.add(start + lane, taps, [(done - lane, base + q * pictures + done, last - done)])
        start, taps = _relative(rows, met[inner[0]], width.taps, grid)
        first, last = inner[0] * pictures, (inner[-1] + 1) * pictures
        for done in range(first, last, step):
            lane = min(done, last - step)
            collector.add(start + lane - first, taps, [(done - lane, base + done, min(done + step, last) - done)])
    return Plan(grid, collector.finished())


def _spread(lane: int, first: int, last: int, base: int, pictures: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """The runs of elements first … last − 1 of a row, by a step that begins at ``lane``; places go ``stride`` apart."""
    at = first
    while at < last:
        place, within = divmod(at, pictures)
        length = min(pictures - within, last - at)
        yield at - lane, base + place * stride + within, length
        at += length


def _overhang(axis: Axis) -> tuple[int, int]:
    """How far taps reach before the source's first position, and beyond its last."""
    results = {*range(min(axis.divisor, axis.result)), *range(max(0, axis.result - axis.divisor), axis.result)}
    reached = [at for q in results for _, at in axis.reaches(q)]
    return max(0, -min(reached, default=0)), max(0, max(reached, default=0) - axis.source + 1)


def _gap(width: Axis) -> int:
    """Places of zeros between two rows, which serve the end of one and the beginning of the next.

    At least so many that a row of the result, which may be longer than one of the source, finds place in it.
    """
    return max(*_overhang(width), width.result - width.source)


def _flat_gap(width: Axis, pictures: int, step: int) -> int:
    """As ``_gap``; a little longer if then each row begins with a vector, which is quicker to read."""
    gap = _gap(width)
    for more in range(1 + (width.source + gap) // 12):
        if (width.source + gap + more) * pictures % (step // 2) == 0:
            return gap + more
    return gap


def _grid(width: Axis, source_height: int, pictures: int, step: int) -> Grid:
    """A grid with zeros on both sides as far as the taps reach; the source as it lies if they do not."""
    left, right = _overhang(width)
    shortest = width.result // width.divisor * pictures
    if left == right == 0 and width.stride == 1 and shortest >= step:
        return Grid(source_height, width.source, pictures)
    if width.stride == 1:
        gap = max(left, right)
        return Grid(source_height, width.source, pictures, gap, 1, 0, gap * pictures + step, True)
    return Grid(source_height, width.source, pictures, right, width.stride, left, step, True)


def _flat(height: Axis, width: Axis, pictures: int, step: int) -> Plan:
    """Steps over the ends of rows, all with all taps; stride 1 only. Above and below there are zeros too."""
    grid = Grid(height.source, width.source, pictures, _flat_gap(width, pictures, step), copied=True)
    grid = grid._replace(margin=(max(_overhang(height)) + 1) * grid.row + step)
    origin = grid.at(0, 0)
    rows, columns = height.reaches(0), width.reaches(0)
    taps = tuple((i * width.taps + j, grid.at(h, w) - origin) for i, h in rows for j, w in columns)
    collector = _Collector()
    wanted = width.result * pictures
    total = (height.result - 1) * grid.row + wanted
    for start in range(0, total, step):
        runs, at = [], start
        while at < min(start + step, total):
            r, within = divmod(at, grid.row)
            following = r * grid.row + (wanted if within < wanted else grid.row)
            length = min(following, start + step, total) - at
            if within < wanted:
                runs.append((at - start, r * wanted + within, length))
            at += length
        if runs:
            collector.add(origin + start, taps, runs)
    return Plan(grid, collector.finished())


class Lines(NamedTuple):
    """What the gradient of the weights sums over: stretches of positions of g and x that taps join.

    Taps that join the same positions of g, read a constant offset apart in x, are a *class*. Its ``whole`` lines are
    (where in a channel of g, where in x for the first of its taps, how many vectors); its ``tails`` are single vectors
    at the ends of rows, (where in g, where in x, from which element on they count): those before are counted already.
    Lines stand in *rounds*: those of one round are so few that their rows of g stay in the cache.
    """

    grid: Grid
    whole: np.ndarray
    rounds: np.ndarray  # of (round, class): first line, last + 1
    tails: np.ndarray
    first_tail: np.ndarray  # of each class, and of the one after the last
    taps: np.ndarray  # of all classes
    offsets: np.ndarray  # how far each tap reads from the first of its class
    first_tap: np.ndarray  # of each class, and of the one after the last


@lru_cache(maxsize=512)
def lines(height: Axis, width: Axis, pictures: int, lanes: int, longest: int) -> Lines | None:
    """The stretches for vectors of ``lanes`` elements, ``longest`` vectors a round; None if rows are too short."""
    skip = pictures % lanes == 0 or (width.stride == 1 and _shortest_overlap(width) * pictures >= lanes)
    grid = Grid(height.source, width.source, pictures) if skip else _grid(width, height.source, pictures, 0)
    if not skip and width.result * pictures < lanes:
        return None
    classes: dict[tuple[tuple[int, int], ...], list[tuple[int, int]]] = {}
    stretches: list[list[tuple[int, int, int]]] = []
    for i in range(height.taps):
        for j in range(width.taps):
            found = _stretches(height, width, i, j, grid, skip)
            if found:
                members = classes.setdefault(tuple((g_at, count) for g_at, _, count in found), [])
                if not members:
                    stretches.append(found)
                members.append((i * width.taps + j, found[0][1]))
    whole: list[tuple[int, int, int]] = []
    tails: list[tuple[int, int, int]] = []
    bounds, first_tail = [], [0]
    for found in stretches:
        bounds.append(_in_rounds(found, lanes, longest, whole))
        tails += [
            (g_at + count - lanes, x_at + count - lanes, lanes - count % lanes)
            for g_at, x_at, count in found
            if count % lanes
        ]
        first_tail.append(len(tails))
    rounds = np.zeros((max(map(len, bounds), default=0), len(bounds), 2), np.int64)
    for number, of_class in enumerate(bounds):
        rounds[: len(of_class), number] = of_class
    members = [(tap, at - group[0][1]) for group in classes.values() for tap, at in group]
    taps, offsets = np.array(members, np.int64).reshape(-1, 2).T
    return Lines(
        grid,
        np.array(whole, np.int64).reshape(-1, 3),
        rounds,
        np.array(tails, np.int64).reshape(-1, 3),
        np.array(first_tail, np.int64),
        np.ascontiguousarray(taps),
        np.ascontiguousarray(offsets),
        np.cumsum([0, *map(len, classes.values())]).astype(np.int64),
    )


def _shortest_overlap(width: Axis) -> int:
    """The least number of positions in a row for which one tap meets the source, of taps for which there are any."""
    met = [sum(tap == t for q in range(width.result) for t, _ in width.meets(q)) for tap in range(width.taps)]
    return min((count for count in met if count), default=0)


def _in_rounds(
    stretches: list[tuple[int, int, int]], lanes: int, longest: int, whole: list[tuple[int, int, int]]
) -> list[tuple[int, int]]:
    """Appends the whole vectors of some stretches to ``whole``; where each round of them begins and ends."""
    total = sum(count // lanes for _, _, count in stretches)
    longest = -(-total // max(1, -(-total // longest)))  # rounds of about the same length
    bounds: list[tuple[int, int]] = []
    held = longest  # vectors in the last round
    for g_at, x_at, count in stretches:
        v, vectors = 0, count // lanes
        while v < vectors:
            if held == longest:
                bounds.append((len(whole), len(whole)))
                held = 0
            length = min(longest - held, vectors - v)
            whole.append((g_at + v * lanes, x_at + v * lanes, length))
            bounds[-1] = (bounds[-1][0], len(whole))
            held += length
            v += length
    return bounds


class Columns(NamedTuple):
    """The columns of the weights' gradient, channels of taps, in blocks; each block is of one class of ``Lines``."""

    offsets: np.ndarray  # of (block, column): where it reads in x
    targets: np.ndarray  # … and where it goes among an output's weights; −1 for what only fills a block up
    first_block: np.ndarray  # of each class, and of the one after the last


@lru_cache(maxsize=512)
def columns(
    height: Axis, width: Axis, pictures: int, lanes: int, longest: int, channels: int, block: int
) -> Columns | None:
    """The columns for these ``lines`` and so many channels."""
    joined = lines(height, width, pictures, lanes, longest)
    if joined is None:
        return None
    length, taps = joined.grid.length, height.taps * width.taps
    offsets: list[tuple[int, int]] = []
    first_block = [0]
    for first, last in pairwise(joined.first_tap.tolist()):
        members = [(joined.offsets[t], joined.taps[t]) for t in range(first, last)]
        found = [(c * length + offset, c * taps + tap) for c in range(channels) for offset, tap in members]
        found += [(found[-1][0], -1)] * (-len(found) % block)
        offsets += found
        first_block.append(len(offsets) // block)
    table = np.array(offsets, np.int64).reshape(-1, block, 2)
    return Columns(
        np.ascontiguousarray(table[..., 0]), np.ascontiguousarray(table[..., 1]), np.array(first_block, np.int64)
    )


def _stretches(height: Axis, width: Axis, i: int, j: int, grid: Grid, skip: bool) -> list[tuple[int, int, int]]:
    """(where in g, where in x, how many elements) that tap (i, j) joins; neighbouring ones as one where possible."""
    places = []
    for q in range(width.result):
        at = q * width.stride + j * width.dilation - width.before
        if not skip or 0 <= at < width.source:
            places.append((q, at))
    found: list[tuple[int, int, int]] = []
    n = grid.pictures
    for r in range(height.result):
        h = r * height.stride + i * height.dilation - height.before
        if not 0 <= h < height.source:
            continue
        for q, w in places:
            g_at, x_at = (r * width.result + q) * n, grid.at(h, w)
            if found and found[-1][0] + found[-1][2] == g_at and found[-1][1] + found[-1][2] == x_at:
                found[-1] = (found[-1][0], found[-1][1], found[-1][2] + n)
            else:
                found.append((g_at, x_at, n))
    return found
