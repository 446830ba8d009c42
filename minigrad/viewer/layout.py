"""Layout: where the boxes of a graph stand, so that every arrow points down and few cross (Sugiyama et al. 1981).

1. A box stands one row below the lowest box that an arrow comes from.
2. An arrow that passes through rows gets a place of its own in each, so that it runs between the boxes.
3. Within a row, boxes are sorted by the mean position of what they are connected with above, then below, a few times.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

_ROUNDS = 4  # of sorting, down and up


@dataclass
class Drawing:
    """The row and the position in it of every box, and the positions through which each arrow runs."""

    places: list[tuple[int, float]]  #: row, and column: 0 is the middle
    arrows: list[list[tuple[int, float]]]
    rows: int
    columns: float


def arranged(count: int, arrows: Sequence[tuple[int, int]], late: Collection[int] = ()) -> Drawing:
    """Return where ``count`` boxes stand that are connected by ``arrows``, from a box to a later one.

    Args:
        late: boxes without an arrow to them that stand just above the first box which they lead to, not at the top.

    >>> arranged(4, [(0, 1), (0, 2), (1, 3), (2, 3)]).places
    [(0, 0.0), (1, -0.5), (1, 0.5), (2, 0.0)]
    """
    rows = [0] * count
    for start, end in sorted(arrows, key=lambda arrow: arrow[1]):
        rows[end] = max(rows[end], rows[start] + 1)
    for box in late:
        rows[box] = min((rows[end] for start, end in arrows if start == box), default=1) - 1
    chains, row_of = _with_places_between(rows, arrows)
    levels: list[list[int]] = [[] for _ in range(max(row_of, default=-1) + 1)]
    for box, row in enumerate(row_of):
        levels[row].append(box)
    above: list[list[int]] = [[] for _ in row_of]
    below: list[list[int]] = [[] for _ in row_of]
    for chain in chains:
        for upper, lower in pairwise(chain):
            above[lower].append(upper)
            below[upper].append(lower)
    for _ in range(_ROUNDS):
        _sort(levels, above)
        _sort(levels[::-1], below)
    columns = {box: k - (len(level) - 1) / 2 for level in levels for k, box in enumerate(level)}
    places = [(row_of[box], columns[box]) for box in range(len(row_of))]
    width = max((len(level) for level in levels), default=0)
    return Drawing(places[:count], [[places[box] for box in chain] for chain in chains], len(levels), width)


def _with_places_between(rows: Sequence[int], arrows: Sequence[tuple[int, int]]) -> tuple[list[list[int]], list[int]]:
    """Return each arrow as a chain of boxes, one in every row that it passes, and the row of every box."""
    row_of, chains = list(rows), []
    for start, end in arrows:
        chain = [start]
        for row in range(rows[start] + 1, rows[end]):
            chain.append(len(row_of))
            row_of.append(row)
        chains.append([*chain, end])
    return chains, row_of


def _sort(levels: Sequence[list[int]], neighbours: Sequence[Sequence[int]]) -> None:
    """Sort every row by the mean position of the neighbours in the row before it."""
    position = {box: float(k) for k, box in enumerate(levels[0])} if levels else {}
    for level in levels[1:]:
        means = {}
        for k, box in enumerate(level):
            known = [position[other] for other in neighbours[box] if other in position]
            means[box] = sum(known) / len(known) if known else float(k)
        level.sort(key=means.__getitem__)
        position = {box: float(k) for k, box in enumerate(level)}
