"""The columns of a convolution: what the taps of each position meet, copied side by side, a block at a time.

There are two ways to copy a block: by the tables of conv_table.py, which leave products with padding out, and where
there are few of those, by the strides of the padded array, which NumPy copies faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.conv_table import backward_table, forward_table, live_share
from minigrad.kernels.geometry import Pair, Window
from minigrad.kernels.plan_cache import remembered
from minigrad.typing import Array, Shape

#: Taps, the positions that have them, and the pixels that each position meets with each tap.
Part: TypeAlias = tuple[Array, slice | Array, Array]
Parts: TypeAlias = tuple[Part, ...]

_BLOCK = 192  # positions of a block of a table
_BYTES = 1_500_000  # of a block of columns copied by strides: it, its weights and its result fit in the L2 cache
_LIVE = 0.85  # of all products: where more are with pixels, it does not pay to leave those with padding out


class Block(NamedTuple):
    """Positions of the result that follow each other."""

    kind: int  #: of a table
    source: int  #: the first pixel of the source
    start: int  #: the first position
    size: int


class _ByStrides:
    """The columns of an array with its padding, N H W C: what the taps of each position meet, block by block."""

    blocks: Sequence[Block]

    def __init__(self, xp: Array, window: Window, result: Pair, groups: int) -> None:
        (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
        images, _, _, channels = xp.shape
        n, h, w, c = xp.strides
        self.groups, self.is_matrix = groups, groups == 1 and window.is_pointwise
        self.rows = xp.reshape(-1, channels)
        self.seen = as_strided(
            xp,
            (images, *result, groups, kh, kw, channels // groups),
            (n, h * sh, w * sw, c * (channels // groups), h * dh, w * dw, c),
            writeable=False,
        )
        most = max(32, _BYTES // (xp.itemsize * kh * kw * channels))
        self.blocks = [Block(0, 0, *stretch) for stretch in _stretches(images, *result, most)]

    def parts(self, block: Block) -> Iterator[tuple[slice | Array, slice | Array, Array]]:
        """Yield taps, positions that have them, and what these meet: (groups, positions, taps · channels)."""
        places = slice(block.start, block.start + block.size)
        if self.is_matrix:
            yield slice(None), places, self.rows[None, places]
            return
        seen = _box(self.seen, block.start, block.size)  # … G kh kw C
        matrix = np.empty((self.groups, block.size, int(np.prod(seen.shape[-3:]))), seen.dtype)
        np.copyto(matrix.reshape(self.groups, *seen.shape[:-4], *seen.shape[-3:]), np.moveaxis(seen, -4, 0))
        yield slice(None), places, matrix


class _ByTable:
    """The columns of an array N H W C, found through a table."""

    blocks: Sequence[Block]

    def __init__(self, x: Array, size: Pair, window: Window, groups: int, backwards: bool) -> None:
        self.rows, self.groups = x.reshape(-1, x.shape[-1]), groups
        self.blocks, self.kinds = _listed(len(x), size, window, backwards)

    def parts(self, block: Block) -> Iterator[tuple[slice | Array, slice | Array, Array]]:
        """Yield the same, but several parts of a block where positions have other taps."""
        for taps, places, at in self.kinds[block.kind]:
            here = slice(block.start, block.start + block.size) if isinstance(places, slice) else block.start + places
            yield taps, here, _gather(self.rows, at, block.source, self.groups)


Columns: TypeAlias = _ByStrides | _ByTable


def columns_of(x: Array, window: Window, groups: int) -> Columns:
    """Return the columns of x (N, H, W, C)."""
    size = x.shape[1], x.shape[2]
    if live_share(size, window) < _LIVE:
        return _ByTable(x, size, window, groups, backwards=False)
    whole = window._replace(padding=((0, 0), (0, 0)))
    return _ByStrides(padded(x, window), whole, window.output_size(*size), groups)


def columns_back(g: Array, input_shape: Shape, window: Window, groups: int) -> Columns:
    """Return the columns of g (N, H', W', O) whose product with the weights is ∂L/∂x."""
    if is_convolution_of_g(window):
        return columns_of(g, backwards(window), groups)
    return _ByTable(g, (input_shape[2], input_shape[3]), window, groups, backwards=True)


def is_convolution_of_g(window: Window) -> bool:
    """Return whether ∂L/∂x is a convolution of g: with stride 1, and no padding beyond the kernel."""
    return window.stride == (1, 1) and all(
        max(p) <= d * (k - 1) for p, d, k in zip(window.padding, window.dilation, window.kernel, strict=True)
    )


def backwards(window: Window) -> Window:
    """Return the window of the convolution that gives ∂L/∂x."""
    full = [d * (k - 1) for d, k in zip(window.dilation, window.kernel, strict=True)]
    (top, bottom), (left, right) = window.padding
    return window._replace(padding=((full[0] - top, full[0] - bottom), (full[1] - left, full[1] - right)))


def padded(x: Array, window: Window) -> Array:
    """Return x (N, H, W, C) inside its padding, zeros."""
    return window.pad(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)  # N H W C -> N C H W -> N H W C


def _stretches(images: int, rows: int, columns: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield (first position, positions) of blocks: several images, rows of one image, or a part of a row."""
    image = rows * columns
    if image <= most:
        step = most // image
        yield from ((i * image, (min(i + step, images) - i) * image) for i in range(0, images, step))
        return
    for i in range(images):
        if columns <= most:
            step = most // columns
            for r in range(0, rows, step):
                yield (i * rows + r) * columns, (min(r + step, rows) - r) * columns
        else:
            for r in range(rows):
                for c in range(0, columns, most):
                    yield (i * rows + r) * columns + c, min(c + most, columns) - c


def _box(array: Array, start: int, count: int) -> Array:
    """Return the part of an array (N, H', W', …) that holds a block of :func:`_stretches`."""
    _, rows, columns = array.shape[:3]
    image, place = divmod(start, rows * columns)
    if count >= rows * columns:
        return array[image : image + count // (rows * columns)]
    row, column = divmod(place, columns)
    if count >= columns:
        return array[image, row : row + count // columns]
    return array[image, row, column : column + count]


@remembered
def _listed(images: int, size: Pair, window: Window, backwards: bool) -> tuple[tuple[Block, ...], tuple[Parts, ...]]:
    """Return the blocks of a table, and the parts of each of its kinds."""
    table = (backward_table if backwards else forward_table)(images, size, window, _BLOCK)
    blocks = [Block(kind, source, start, len(table.kinds[kind])) for kind, source, start in table.blocks.tolist()]
    return tuple(blocks), tuple(tuple(_parts(kind)) for kind in table.kinds)


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
    seen = np.take(source, at + first, axis=0, mode="clip")  # P T C
    seen[at < 0] = 0
    if groups == 1:
        return seen.reshape(1, positions, taps * channels)
    seen = seen.reshape(positions, taps, groups, channels).transpose(2, 0, 1, 3)  # -> G P T C/G
    return seen.reshape(groups, positions, taps * channels)
