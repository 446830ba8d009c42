"""Pooling: one number for each position of a sliding window.

Windows may overlap, and then an element gets a gradient from each window it won (max) or was counted in
(average): the shares add up. Both gradients are linear in g, so each has a transpose that is its own
derivative: scatter and gather, spread and average.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import kernels
from minigrad.device import device_of, to_device, zeros
from minigrad.function import Function, wrap
from minigrad.kernels.geometry import Window
from minigrad.ops.conv import pair
from minigrad.ops.promotion import as_tensor_operand, cast


class MaxPool2d(Function):
    """y = the largest element of each window        ∂L/∂x: each ∂L/∂y goes to the element that won

    Of equal elements the first in scan order wins and gets all of it, as in torch. ``taps`` records which
    element of its window won; it is a constant to the derivative.
    """

    def forward(self, x: Any, window: Window) -> Any:
        self.shape, self.window = x.shape, window
        y, taps = kernels.of(x).max_pool2d(x, window)
        self.save_for_backward(taps)
        return y

    def backward(self, grad: Any) -> Any:
        (taps,) = self.saved_tensors
        return MaxPool2dScatter.apply(grad, taps, self.shape, self.window), None


class MaxPool2dScatter(Function):
    """dx = zeros, with each g added where its tap points        ∂L/∂g = ∂L/∂dx gathered from there"""

    def forward(self, g: Any, taps: Any, shape: tuple[int, ...], window: Window) -> Any:
        self.shape, self.window = shape, window
        self.save_for_backward(taps)
        return kernels.of(g).max_pool2d_scatter(g, taps, shape, window)

    def backward(self, grad: Any) -> Any:
        (taps,) = self.saved_tensors
        return MaxPool2dGather.apply(grad, taps, self.window), None, None, None


class MaxPool2dGather(Function):
    """y = the element of x where each tap points        ∂L/∂x = ∂L/∂y scattered there"""

    def forward(self, x: Any, taps: Any, window: Window) -> Any:
        self.shape, self.window = x.shape, window
        self.save_for_backward(taps)
        return kernels.of(x).max_pool2d_gather(x, taps, window)

    def backward(self, grad: Any) -> Any:
        (taps,) = self.saved_tensors
        return MaxPool2dScatter.apply(grad, taps, self.shape, self.window), None, None


class AvgPool2d(Function):
    """y = scale · Σ of each window        ∂L/∂x: scale · ∂L/∂y, to every element of the window"""

    def forward(self, x: Any, window: Window, scale: Any) -> Any:
        self.shape, self.window, self.scale = x.shape, window, scale
        return kernels.of(x).avg_pool2d(x, window, scale)

    def backward(self, grad: Any) -> Any:
        return AvgPool2dSpread.apply(grad, self.shape, self.window, self.scale), None, None


class AvgPool2dSpread(Function):
    """dx = scale · g, added to every element of its window        ∂L/∂g = scale · Σ of each window of ∂L/∂dx"""

    def forward(self, g: Any, shape: tuple[int, ...], window: Window, scale: Any) -> Any:
        self.window, self.scale = window, scale
        return kernels.of(g).avg_pool2d_backward(g, shape, window, scale)

    def backward(self, grad: Any) -> Any:
        return AvgPool2d.apply(grad, self.window, self.scale), None, None, None


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of (N, C, H, W) or (C, H, W).

    Args:
        kernel_size, stride, padding, dilation: an int or (height, width); the stride is the kernel size
            unless given. Padding counts as −∞.
        ceil_mode: also a last window that hangs over the end, if it starts inside.
        return_indices: also the position h·W + w of each maximum in its picture (int64).

    Raises:
        RuntimeError: if the window does not fit or the padding is more than half the kernel.
    """
    x, batched = _batched("max_pool2d", input)
    window = _pool_window("max_pool2d", x.array.shape, kernel_size, stride, padding, dilation, ceil_mode)
    y = MaxPool2d.apply(x, window)
    y = y if batched else y.squeeze(0)
    if not return_indices:
        return y
    indices = wrap(_flat_positions(kernels.of(x.array).max_pool2d(x.array, window)[1], x.array.shape, window))
    return y, indices if batched else indices.squeeze(0)


def _flat_positions(taps: Any, shape: tuple[int, ...], window: Window) -> Any:
    rows = np.arange(taps.shape[-2], like=taps)[:, None] * window.stride[0] - window.padding[0][0]
    columns = np.arange(taps.shape[-1], like=taps) * window.stride[1] - window.padding[1][0]
    taps = taps.astype(np.int64)
    down = rows + taps // window.kernel[1] * window.dilation[0]
    across = columns + taps % window.kernel[1] * window.dilation[1]
    return down * shape[-1] + across


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window of (N, C, H, W) or (C, H, W).

    Args:
        kernel_size, stride, padding, ceil_mode: as in :func:`max_pool2d`; padding counts as 0.
        count_include_pad: whether padding counts as elements in the divisor.
        divisor_override: divides every sum by this instead.

    Raises:
        RuntimeError: if the window does not fit, the padding is more than half the kernel, or the
            divisor is 0.
    """
    x, batched = _batched("avg_pool2d", input)
    if x.array.dtype.kind != "f":  # integers: the quotient is rounded towards 0
        options = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
        return cast(avg_pool2d(cast(input, np.dtype(np.float64)), *options), x.array.dtype)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    window = _pool_window("avg_pool2d", x.array.shape, kernel_size, stride, padding, 1, ceil_mode)
    scale = _divisor(window, x.array, count_include_pad, divisor_override)
    y = AvgPool2d.apply(x, window, scale)
    return y if batched else y.squeeze(0)


def _divisor(window: Window, x: Any, count_include_pad: bool, override: int | None) -> Any:
    """1 / the number of elements of each window: a number where all are equal, else an (H', W') array."""
    if override is not None:
        return 1.0 / override
    height, width = x.shape[-2:]
    size = window.output_size(height, width)
    counts = []
    for axis, n in ((0, height), (1, width)):
        before, after = window.padding[axis]
        start = np.arange(size[axis]) * window.stride[axis] - before
        stop = np.minimum(start + window.kernel[axis], n + after)  # an overhang in ceil_mode never counts
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        counts.append(stop - start)
    scale = 1.0 / np.outer(*counts)
    if np.all(scale == scale[0, 0]):
        return float(scale[0, 0])
    like = np.empty_like(x, shape=scale.shape)
    for row in range(scale.shape[0]):  # element by element, so that no host array meets a device array
        for column in range(scale.shape[1]):
            like[row, column] = float(scale[row, column])
    return like


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """Means over a grid of ``output_size`` cells of (N, C, H, W) or (C, H, W); None keeps a size.

    Cell i of o covers rows ⌊i·H/o⌋ to ⌈(i+1)·H/o⌉ − 1. Averaging is linear along each dimension, so this is
    a product with one matrix from the left and one from the right.
    """
    x, batched, high, wide = _adaptive("adaptive_avg_pool2d", input, output_size)
    if (high, wide) == (1, 1):
        y = x.mean((-2, -1), keepdim=True)
    else:
        if 0 in x.array.shape[-2:]:
            raise RuntimeError(
                f"adaptive_avg_pool2d(): expected pictures of a size, got shape {list(input.array.shape)}"
            )
        y = _averaging(high, x.array.shape[-2], x.array) @ x @ _averaging(wide, x.array.shape[-1], x.array).t()
    return y if batched else y.squeeze(0)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over the grid of cells of :func:`adaptive_avg_pool2d`, and with ``return_indices`` where they were.

    The cells' rows (and columns) are gathered side by side, a short cell repeating its last one, which changes
    no maximum; then one maximum over each cell.
    """
    x, batched, high, wide = _adaptive("adaptive_max_pool2d", input, output_size)
    height, width = x.array.shape[-2:]
    if 0 in input.array.shape[1:]:
        raise RuntimeError(
            f"adaptive_max_pool2d(): Expected input to have non-zero size for non-batch dimensions, "
            f"but input has sizes {list(input.array.shape)}"
        )
    rows, columns = _cell_positions(high, height), _cell_positions(wide, width)  # (cells, longest cell)
    cells = x[:, :, rows[:, :, None, None], columns]  # N C H W -> N C high h wide w
    flat = cells.permute(0, 1, 2, 4, 3, 5).reshape(*x.array.shape[:2], high, wide, rows.shape[1] * columns.shape[1])
    if 0 in flat.array.shape:
        y, within = flat.sum(-1), wrap(zeros(flat.array, flat.array.shape[:-1], np.int64))
    else:
        y, within = flat.max(-1)
    if not return_indices:
        return y if batched else y.squeeze(0)
    flat_positions = rows[:, None, :, None] * width + columns[None, :, None, :]  # high wide h w
    positions = wrap(to_device(flat_positions.reshape(1, 1, high, wide, -1), device_of(x.array)))
    at = positions.expand(*flat.array.shape).gather(-1, within.unsqueeze(-1)).squeeze(-1)
    return (y, at) if batched else (y.squeeze(0), at.squeeze(0))


def _cell_positions(cells: int, n: int) -> np.ndarray:
    """For each of the cells of 0 … n−1, its positions, the last one repeated to the length of the longest."""
    starts = [i * n // cells for i in range(cells)]
    stops = [-(-(i + 1) * n // cells) for i in range(cells)]
    longest = max([stop - start for start, stop in zip(starts, stops, strict=True)], default=1)
    every = [np.minimum(np.arange(a, a + longest), b - 1) for a, b in zip(starts, stops, strict=True)]
    return np.array(every, dtype=np.int64).reshape(cells, longest)


def _averaging(cells: int, n: int, like: Any) -> Any:
    """The (cells, n) matrix whose row i averages the elements of cell i."""
    matrix = np.zeros_like(like, shape=(cells, n))
    for i in range(cells):
        start, stop = i * n // cells, -(-(i + 1) * n // cells)
        matrix[i, start:stop] = 1.0 / (stop - start)
    return wrap(matrix)


def _adaptive(name: str, input: Any, output_size: Any) -> tuple[Any, bool, int, int]:
    """The batch of pictures, whether it was one, and the wanted size."""
    if as_tensor_operand(name, input).array.ndim < 3:
        raise ValueError(f"{name}: input dimension should be at least 3, got shape {list(input.array.shape)}")
    x, batched = _batched(name, input)
    wanted = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size, output_size)
    if len(wanted) != 2:
        raise RuntimeError(f"{name}: output_size must be an int or two, got {output_size}")
    high, wide = (n if size is None else size for size, n in zip(wanted, x.array.shape[-2:], strict=True))
    if min(high, wide) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0, got {output_size}")
    return x, batched, high, wide


def _batched(name: str, input: Any) -> tuple[Any, bool]:
    x = as_tensor_operand(name, input)
    if x.array.ndim not in (3, 4):
        raise RuntimeError(f"{name}(): Expected 3D or 4D (batch mode) tensor, but got {list(x.array.shape)}")
    return (x, True) if x.array.ndim == 4 else (x.unsqueeze(0), False)


def _pool_window(
    name: str, shape: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Window:
    size = pair(kernel, "kernel_size")
    strides = size if stride is None or stride in ([], ()) else pair(stride, "stride")
    pads, dilations = pair(padding, "padding"), pair(dilation, "dilation")
    if min(size) < 1:
        raise RuntimeError(f"{name}: kernel size should be greater than zero, but got kH: {size[0]} kW: {size[1]}")
    if min(strides) < 1:
        raise RuntimeError(f"{name}: stride should not be zero, got {strides}")
    if min(dilations) < 1:
        raise RuntimeError(f"{name}: dilation should be greater than zero, got {dilations}")
    if min(pads) < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {pads}")
    if any(p > (d * (k - 1) + 1) // 2 for p, k, d in zip(pads, size, dilations, strict=True)):
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={pads}, "
            f"kernel_size={size} and dilation={dilations}"
        )
    window = Window(size, strides, ((pads[0], pads[0]), (pads[1], pads[1])), dilations, ceil_mode)
    result = window.output_size(*shape[-2:])
    if min(result) < 1 or 0 in shape[1:]:
        raise RuntimeError(
            f"Given input size: ({shape[1]}x{shape[2]}x{shape[3]}). Calculated output size: "
            f"({shape[1]}x{result[0]}x{result[1]}). Output size is too small"
        )
    return window
