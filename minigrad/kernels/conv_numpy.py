"""Convolution by tables, in NumPy: gather what the taps of a block of positions meet, and multiply it in one product.

Each function takes arrays N C H W in any memory order, and returns one that lies channels last: N H W C in memory. The
weights' gradient lies O kh kw C, which is the same rule. conv_table.py explains the tables.

``parallel(work, jobs)`` calls ``work`` on one or more lists that are together ``jobs``, and returns the results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from minigrad.kernels.conv_table import Table, backward_table, forward_table
from minigrad.kernels.geometry import Window
from minigrad.typing import Array, Shape

Job = TypeVar("Job")
Result = TypeVar("Result")

#: Taps, the positions that have them, and the pixels that each position meets with each tap.
Part: TypeAlias = tuple[Array, slice | Array, Array]

_BLOCK = 192  # positions of a block


class Parallel(Protocol):
    """A way to share jobs out."""

    def __call__(self, work: Callable[[list[Job]], Result], jobs: Sequence[Job]) -> list[Result]:
        """Call ``work`` on parts of ``jobs``, and return the results in order."""


def in_turn(work: Callable[[list[Job]], Result], jobs: Sequence[Job]) -> list[Result]:
    """Do all jobs in this thread."""
    return [work(list(jobs))] if jobs else []


def conv2d(x: Array, w: Array, window: Window, groups: int, parallel: Parallel = in_turn) -> Array:
    """Return the output, as ``Reference.conv2d``."""
    n, _, *size = x.shape
    table = forward_table(n, (size[0], size[1]), window, _BLOCK)
    weights = _by_group(w, groups).transpose(0, 2, 3, 1)  # G O T C -> G T C O
    return _multiply(x, weights, table, (n, *window.output_size(*size)), parallel)


def input_gradient(
    g: Array, w: Array, input_shape: Shape, window: Window, groups: int, parallel: Parallel = in_turn
) -> Array:
    """Return ∂L/∂x, as ``Reference.conv2d_input``."""
    n, _, *size = input_shape
    table = backward_table(n, (size[0], size[1]), window, _BLOCK)
    weights = _by_group(w, groups).transpose(0, 2, 1, 3)  # G O T C -> G T O C
    return _multiply(g, weights, table, (n, size[0], size[1]), parallel)


def weight_gradient(
    x: Array, g: Array, weight_shape: Shape, window: Window, groups: int, parallel: Parallel = in_turn
) -> Array:
    """Return ∂L/∂w, as ``Reference.conv2d_weight``."""
    n, _, *size = x.shape
    table = forward_table(n, (size[0], size[1]), window, _BLOCK)
    out, channels, kh, kw = weight_shape
    source, cotangents = _pixels(x), _pixels(g)
    parts = [_parts(kind) for kind in table.kinds]

    def run(blocks: list[Array]) -> Array:
        total = np.zeros((groups, out // groups, kh * kw, channels), g.dtype)
        for kind, first, position in blocks:
            for taps, places, at in parts[kind]:
                seen = _gather(source, at, first, groups)
                given = cotangents[position : position + len(table.kinds[kind])][places].reshape(len(at), groups, -1)
                shares = np.matmul(given.transpose(1, 2, 0), seen)  # (G, O, P) @ (G, P, T·C)
                total[:, :, taps] += shares.reshape(*shares.shape[:2], len(taps), channels)
        return total

    totals = parallel(run, list(table.blocks))
    dw = totals[0] if totals else np.zeros(out * kh * kw * channels, g.dtype)
    for other in totals[1:]:
        dw += other
    return dw.reshape(out, kh, kw, channels).transpose(0, 3, 1, 2)  # O kh kw C -> O C kh kw


def _multiply(x: Array, weights: Array, table: Table, result: tuple[int, int, int], parallel: Parallel) -> Array:
    """Return Σ over taps of x[at] · weights (groups, taps, channels, results), N C H W."""
    groups, _, _, results = weights.shape
    source, y = _pixels(x), np.empty((*result, groups * results), x.dtype)
    rows = y.reshape(-1, groups, results)
    parts = [_parts(kind) for kind in table.kinds]
    matrices = {
        taps.tobytes(): weights[:, taps].reshape(groups, -1, results)  # G T C R -> G T·C R
        for kind in parts
        for taps, _, _ in kind
    }

    def run(blocks: list[Array]) -> None:
        for kind, first, position in blocks:
            for taps, places, at in parts[kind]:
                seen = _gather(source, at, first, groups)
                products = np.matmul(seen, matrices[taps.tobytes()])  # (G, P, T·C) @ (G, T·C, R)
                rows[position : position + len(table.kinds[kind])][places] = products.transpose(1, 0, 2)

    parallel(run, list(table.blocks))
    return y.transpose(0, 3, 1, 2)  # N H W C -> N C H W


def _parts(kind: Array) -> list[Part]:
    """Return taps, positions, and what they meet, which together are all entries of a kind that are not −1.

    Where most are −1, as in the gradient of x with a stride, each part has positions with the same taps. Otherwise
    there is one part, with some −1.
    """
    live = kind >= 0
    taps = np.flatnonzero(live.any(axis=0))
    if 2 * np.count_nonzero(live) > len(kind) * len(taps):
        return [(taps, slice(None), kind[:, taps])]
    masks, which = np.unique(live, axis=0, return_inverse=True)
    parts: list[Part] = []
    for number, mask in enumerate(masks):
        places, taps = np.flatnonzero(which.reshape(-1) == number), np.flatnonzero(mask)
        parts.append((taps, places, kind[places][:, taps]))
    return parts


def _gather(source: Array, at: Array, first: int, groups: int) -> Array:
    """Return what positions see, of entries (positions, taps): (groups, positions, taps · channels)."""
    positions, taps = at.shape
    channels = source.shape[1] // groups
    if taps == 1 and np.array_equal(at[:, 0], np.arange(positions)):
        seen = source[first : first + positions]  # no copy
    else:
        seen = np.take(source, at + first, axis=0, mode="clip")  # P T C
        seen[at < 0] = 0
    seen = seen.reshape(positions, taps, groups, channels).transpose(2, 0, 1, 3)  # -> G P T C/G
    return seen.reshape(groups, positions, taps * channels)


def _pixels(x: Array) -> Array:
    """Return an array N C H W as a matrix with a row for each pixel: a view if it lies so in memory, else a copy."""
    n, channels, height, width = x.shape
    return x.transpose(0, 2, 3, 1).reshape(n * height * width, channels)


def _by_group(w: Array, groups: int) -> Array:
    """Return weights O C kh kw as (groups, O/groups, taps, C)."""
    out, channels, kh, kw = w.shape
    return w.transpose(0, 2, 3, 1).reshape(groups, out // groups, kh * kw, channels)
