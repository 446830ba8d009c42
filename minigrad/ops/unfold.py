"""Unfold and fold: pictures as columns of patches, and back. Each is the other's transpose and derivative.

A convolution is a matrix product of the weights with the unfolded picture.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.engine.function import Function
from minigrad.kernels.geometry import Window
from minigrad.ops.conv import conv_window, pair
from minigrad.ops.promotion import as_tensor_operand


class Unfold(Function):
    """y[n, c·kh·kw + tap, p] = what the tap sees of channel c at position p        ∂L/∂x = Fold(∂L/∂y)"""

    def forward(self, x: Any, window: Window) -> Any:
        self.size, self.window = x.shape[-2:], window
        n, channels, height, width = x.shape
        padded = window.pad(x)
        positions = window.output_size(height, width)
        y = np.zeros_like(x, shape=(n, channels, *window.kernel, *positions))
        for i, j, seen in window.taps(height, width):
            y[:, :, i, j] = padded[seen]
        return y.reshape(n, channels * math.prod(window.kernel), math.prod(positions))

    def backward(self, grad: Any) -> Any:
        return Fold.apply(grad, self.size, self.window), None


class Fold(Function):
    """x = zeros, with each patch's elements added where they came from        ∂L/∂y = Unfold(∂L/∂x)"""

    def forward(self, y: Any, size: tuple[int, int], window: Window) -> Any:
        self.window = window
        height, width = size
        channels = y.shape[1] // math.prod(window.kernel)
        patches = y.reshape(y.shape[0], channels, *window.kernel, *window.output_size(height, width))
        padded = np.zeros_like(y, shape=(y.shape[0], channels, *window.padded_size(height, width)))
        for i, j, seen in window.taps(height, width):
            padded[seen] += patches[:, :, i, j]
        return padded[window.inside(height, width)]

    def backward(self, grad: Any) -> Any:
        return Unfold.apply(grad, self.window), None, None


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Every window of (N, C, H, W) or (C, H, W) as a column: (N, C·kh·kw, number of positions).

    Raises:
        RuntimeError: if the window does not fit, naming the sizes.
    """
    x = as_tensor_operand("unfold", input)
    if x.array.ndim not in (3, 4) or 0 in x.array.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(x.array.shape)}"
        )
    window = _window(kernel_size, stride, padding, dilation)
    positions = window.output_size(*x.array.shape[-2:])
    if min(positions) < 1:
        raise RuntimeError(
            f"Given input with spatial size {x.array.shape[-2:]}, kernel_size={window.kernel}, "
            f"dilation={window.dilation}, padding={padding}, calculated shape of the array of sliding blocks as "
            f"{positions}, but its components must be at least one."
        )
    y = Unfold.apply(x if x.array.ndim == 4 else x.unsqueeze(0), window)
    return y if x.array.ndim == 4 else y.squeeze(0)


def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Columns of windows (N, C·kh·kw, positions) or (C·kh·kw, positions) added up to pictures of ``output_size``.

    Raises:
        RuntimeError: if the columns are not those of such a window on such a picture.
    """
    x = as_tensor_operand("fold", input)
    if x.array.ndim not in (2, 3) or 0 in x.array.shape[-2:]:
        raise RuntimeError(
            f"Expected 2D or 3D (batch mode) tensor for input with non-zero dimensions, got {list(x.array.shape)}"
        )
    window, size = _window(kernel_size, stride, padding, dilation), pair(output_size, "output_size")
    rows, columns = x.array.shape[-2:]
    if rows % math.prod(window.kernel):
        raise RuntimeError(
            f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={window.kernel}"
        )
    positions = window.output_size(*size)
    if min(positions) < 1 or math.prod(positions) != columns:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={window.kernel}, dilation={window.dilation}, padding={padding}, "
            f"stride={window.stride}, expected size of input's dimension 2 to match the calculated number of sliding "
            f"blocks {positions[0]} * {positions[1]}, but got input.size(2)={columns}"
        )
    y = Fold.apply(x if x.array.ndim == 3 else x.unsqueeze(0), size, window)
    return y if x.array.ndim == 3 else y.squeeze(0)


def _window(kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    kernel = pair(kernel_size, "kernel_size")
    if min(kernel) < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got {kernel}")
    return conv_window(kernel, stride, padding, dilation)
