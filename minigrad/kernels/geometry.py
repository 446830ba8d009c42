"""Positions of a sliding window: sizes, padding, and the slice of the input that one tap of it reads.

Every convolution and pooling kernel shares this arithmetic. In one dimension, with kernel size k, stride s,
dilation d and padding (before, after), output position p reads the padded input at p·s + i·d for each
tap i in 0 … k−1, and there are ⌊(n + before + after − d·(k−1) − 1) / s⌋ + 1 positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import NamedTuple, TypeAlias

import numpy as np

from minigrad.typing import Array, DType

Pair: TypeAlias = tuple[int, int]
#: Indexes the elements of an array (…, H, W) that a tap reads or writes.
Region: TypeAlias = tuple[EllipsisType, slice, slice]


class Window(NamedTuple):
    """A two-dimensional sliding window; every pair is (height, width), ``padding`` (before, after) of each."""

    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    def output_size(self, height: int, width: int) -> Pair:
        """Return how many positions the window has on an input of this size (at most 0 if it does not fit)."""
        return (self.positions(height, 0), self.positions(width, 1))

    def positions(self, n: int, axis: int) -> int:
        """Return how many positions the window has along an axis (0 or 1) of n elements."""
        before, after = self.padding[axis]
        span = n + before + after - self.dilation[axis] * (self.kernel[axis] - 1) - 1
        if not self.ceil_mode:
            return span // self.stride[axis] + 1
        positions = -(-span // self.stride[axis]) + 1
        # A last window that would start beyond the input and its left padding is dropped.
        return positions - 1 if (positions - 1) * self.stride[axis] >= n + before else positions

    @property
    def is_pointwise(self) -> bool:
        """True for a 1×1 window with stride 1 and no padding: a convolution is then one matrix product."""
        return self.kernel == (1, 1) and self.stride == (1, 1) and self.padding == ((0, 0), (0, 0))

    @property
    def tap_dtype(self) -> DType:
        """The smallest integer type that can number the taps."""
        return np.min_scalar_type(self.kernel[0] * self.kernel[1] - 1)

    def taps(self, height: int, width: int) -> Iterator[tuple[int, int, Region]]:
        """Yield each tap (i, j) in scan order, and the region of the *padded* input that it reads.

        The region has one element for each position of the window.
        """
        rows, columns = self.output_size(height, width)
        (sh, sw), (dh, dw) = self.stride, self.dilation
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                yield (
                    i,
                    j,
                    (
                        ...,
                        slice(i * dh, i * dh + sh * (rows - 1) + 1, sh),
                        slice(j * dw, j * dw + sw * (columns - 1) + 1, sw),
                    ),
                )

    def inner_taps(self, height: int, width: int) -> Iterator[tuple[int, int, Region, Region]]:
        """Yield each tap (i, j) in scan order, the positions at which it reads no padding, and what it reads there.

        Both are regions of the same size: of the output, and of the input *without* its padding.
        """
        rows, columns = self.output_size(height, width)
        for i in range(self.kernel[0]):
            down = self._inner_range(i, 0, height, rows)
            for j in range(self.kernel[1]):
                across = self._inner_range(j, 1, width, columns)
                yield i, j, (..., down[0], across[0]), (..., down[1], across[1])

    def _inner_range(self, tap: int, axis: int, n: int, positions: int) -> tuple[slice, slice]:
        stride = self.stride[axis]
        start = tap * self.dilation[axis] - self.padding[axis][0]  # what the first position reads
        first = max(0, -(start // stride))
        last = max(first, min(positions, (n - 1 - start) // stride + 1))
        seen = slice(first * stride + start, max(0, (last - 1) * stride + start + 1), stride)
        return slice(first, last), seen if last > first else slice(0)

    def padded_size(self, height: int, width: int) -> Pair:
        """Return the size that holds the input, its padding, and the overhang of a last window in ``ceil_mode``."""
        rows, columns = self.output_size(height, width)
        needed_h = self.stride[0] * (rows - 1) + self.dilation[0] * (self.kernel[0] - 1) + 1
        needed_w = self.stride[1] * (columns - 1) + self.dilation[1] * (self.kernel[1] - 1) + 1
        (top, bottom), (left, right) = self.padding
        return (max(height + top + bottom, needed_h), max(width + left + right, needed_w))

    def inside(self, height: int, width: int) -> Region:
        """Return the region of the padded input where the input itself lies."""
        (top, _), (left, _) = self.padding
        return (..., slice(top, top + height), slice(left, left + width))

    def pad(self, x: Array, value: float = 0) -> Array:
        """Return ``x`` (…, H, W) inside a border of ``value``; ``x`` itself if there is no padding."""
        height, width = x.shape[-2:]
        size = self.padded_size(height, width)
        if size == (height, width):
            return x
        padded = np.full_like(x, value, shape=(*x.shape[:-2], *size))
        padded[self.inside(height, width)] = x
        return padded
