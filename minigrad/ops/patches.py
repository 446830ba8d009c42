"""Unfold and fold: the windows of an image as columns, and the columns added back into an image.

Unfolding copies pixels, and a pixel in several windows is copied several times. Its gradient is therefore the sum of
the gradients of its copies, which is what folding computes; and the gradient of that sum is a copy again. So each of
the two operations is the derivative of the other. A convolution is a matrix product of the weights with the unfolded
image.
"""

from __future__ import annotations

import math

import numpy as np

from minigrad.engine.function import Function
from minigrad.kernels.geometry import Window
from minigrad.ops.indexing import Index, ScatterAt
from minigrad.typing import Array, Tensor


class Unfold(Function):
    """y[n, (c, i, j), (p, q)] = the pixel of channel c that tap (i, j) reads at (p, q)        ∂L/∂x = Fold(∂L/∂y)"""

    def forward(self, x: Array, *, window: Window) -> Array:
        self.size, self.window = x.shape[-2:], window
        n, channels, height, width = x.shape
        padded = window.pad(x)
        positions = window.output_size(height, width)
        y = np.zeros_like(x, shape=(n, channels, *window.kernel, *positions))
        for i, j, seen in window.taps(height, width):
            y[:, :, i, j] = padded[seen]
        return y.reshape(
            n, channels * math.prod(window.kernel), math.prod(positions)
        )  # N C kh kw H' W' -> N Ckhkw H'W'

    def backward(self, grad: Tensor) -> Tensor:
        return Fold.apply(grad, size=self.size, window=self.window)


class Fold(Function):
    """x = zeros, with each element of y added to the pixel it was read from        ∂L/∂y = Unfold(∂L/∂x)"""

    def forward(self, y: Array, *, size: tuple[int, int], window: Window) -> Array:
        self.window = window
        height, width = size
        n, channels = y.shape[0], y.shape[1] // math.prod(window.kernel)
        patches = y.reshape(n, channels, *window.kernel, *window.output_size(height, width))  # -> N C kh kw H' W'
        padded = np.zeros_like(y, shape=(n, channels, *window.padded_size(height, width)))
        for i, j, seen in window.taps(height, width):
            padded[seen] += patches[:, :, i, j]
        return padded[window.inside(height, width)]

    def backward(self, grad: Tensor) -> Tensor:
        return Unfold.apply(grad, window=self.window)


class Windows(Function):
    """yᵢⱼ = x at i · step + j along ``dim``, for j < ``size`` in a new last dimension

    ∂L/∂x = zeros, with each ∂L/∂yᵢⱼ added at i · step + j
    """

    makes_view = True

    def forward(self, x: Array, *, dim: int, size: int, step: int) -> Array:
        self.shape, self.dim = x.shape, dim
        starts = np.arange(0, x.shape[dim] - size + 1, step, like=x)
        self.positions = starts[:, None] + np.arange(size, like=x)
        every = np.lib.stride_tricks.sliding_window_view(x, size, dim, writeable=True)
        windows: Array = every[(slice(None),) * dim + (slice(None, None, step),)]
        return windows

    def backward(self, grad: Tensor) -> Tensor:
        whole = (slice(None),) * self.dim
        index = Index((*whole, slice(None), Ellipsis), (*whole, self.positions))
        return ScatterAt.apply(grad.movedim(-1, self.dim + 1), shape=self.shape, index=index)
