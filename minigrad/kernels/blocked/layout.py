"""Feature maps that lie channels last in memory, and blocks of them: N C H W to their user, N H W C in memory."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from minigrad.kernels import sums
from minigrad.kernels.blocked.executor import copy
from minigrad.kernels.geometry import Window
from minigrad.memory_order import empty_channels_last
from minigrad.typing import Array, Shape

#: Some images, and some rows of each.
Box: TypeAlias = tuple[slice, slice]

_WIDTH = 2048  # elements of a row of a block, if channels are fewer: NumPy's inner loops are as long
_HEIGHT = 32  # rows of a block: sums of a column are no longer chains of additions


def channels_last(x: Array) -> Array:
    """Return ``x`` (N, C, H, W) in an order without gaps in which channels are innermost: itself, or a copy."""
    if x.transpose(0, 2, 3, 1).flags.c_contiguous:
        return x
    return copy(empty_channels_last(x.shape, x.dtype), x)


class Rows:
    """A feature map as a matrix with a row for each pixel, in blocks whose rows hold several pixels.

    A function of a block and of a vector with a number for each channel is faster the longer the rows are.
    """

    def __init__(self, x: Array) -> None:
        self.shape, channels = x.shape, x.shape[1]
        self.matrix = channels_last(x).transpose(0, 2, 3, 1).reshape(-1, channels)  # N C H W -> N·H·W, C
        self.pixels = max(1, _WIDTH // channels)  # of a row of a block
        self.blocks = self._cut(len(self.matrix))

    @staticmethod
    def without_values(like: Array) -> Rows:
        """Return the rows of a new feature map of the same shape and dtype."""
        return Rows(empty_channels_last(like.shape, like.dtype))

    def _cut(self, count: int) -> list[slice]:
        """Return blocks of up to 32 rows; the last may be a part of one."""
        step = _HEIGHT * self.pixels
        whole = count - count % self.pixels
        blocks = [slice(start, min(start + step, whole)) for start in range(0, whole, step)]
        return blocks if whole == count else [*blocks, slice(whole, count)]

    def block(self, at: slice) -> Array:
        """Return a block as a matrix of long rows."""
        pixels = min(self.pixels, at.stop - at.start)
        return self.matrix[at].reshape(-1, pixels * self.matrix.shape[1])

    def scratch(self) -> Array:
        """Return memory for a block."""
        return np.empty((_HEIGHT, self.pixels * self.matrix.shape[1]), self.matrix.dtype)

    def for_row(self, vector: Array) -> Array:
        """Return a vector with a number for each channel, repeated for the pixels of a row."""
        return np.broadcast_to(vector, (self.pixels, len(vector))).reshape(-1)  # (np.tile takes longer)

    def by_channel(self, block: Array) -> Array:
        """Return the sum over the pixels of a block."""
        by_pixel: Array = np.add.reduce(block, axis=0).reshape(-1, self.matrix.shape[1])
        total: Array = np.add.reduce(by_pixel, axis=0) if len(by_pixel) <= _HEIGHT else sums.total(by_pixel, (0,))
        return total

    def logical(self) -> Array:
        """Return the feature map as its user sees it."""
        n, channels, height, width = self.shape
        return self.matrix.reshape(n, height, width, channels).transpose(0, 3, 1, 2)  # N H W C -> N C H W


def boxes(shape: Shape, cost: int, most: int) -> list[Box]:
    """Return boxes that together are (N, C, H', W'), whose rows cost ``cost`` each, and a box about ``most``."""
    images, _, rows, _ = shape
    if rows * cost <= most:
        step = max(1, most // max(1, rows * cost))
        return [(slice(n, min(n + step, images)), slice(0, rows)) for n in range(0, images, step)]
    step = max(1, most // cost)
    return [(slice(n, n + 1), slice(r, min(r + step, rows))) for n in range(images) for r in range(0, rows, step)]


def image_blocks(shape: Shape, most: int) -> list[slice]:
    """Return stretches of the images of a feature map that have about ``most`` elements each."""
    step = max(1, most * shape[0] // max(1, math.prod(shape)))
    return [slice(n, min(n + step, shape[0])) for n in range(0, shape[0], step)]


def rows_seen(window: Window, height: int, rows: slice) -> tuple[slice, Window]:
    """Return the rows of the input that some rows of the output see, and the window with the padding that is left."""
    start = rows.start * window.stride[0] - window.padding[0][0]
    stop = (rows.stop - 1) * window.stride[0] - window.padding[0][0] + window.dilation[0] * (window.kernel[0] - 1) + 1
    first, last = max(0, start), max(0, min(height, stop))
    first = min(first, last)
    padding = (first - start, stop - last)
    return slice(first, last), window._replace(padding=(padding, window.padding[1]))
