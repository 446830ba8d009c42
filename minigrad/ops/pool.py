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
from minigrad.engine.function import Function, wrap
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


class SumCells(Function):
    """yᵢ = Σ of x over cell i, a stretch of a dimension        ∂L/∂x: ∂L/∂yᵢ, to every element of cell i"""

    def forward(self, x: Any, dim: int, cells: list[tuple[int, int]]) -> Any:
        self.size, self.dim, self.cells = x.shape[dim], dim, cells
        return np.stack([np.sum(x[_along(dim, slice(*cell))], axis=dim) for cell in cells], axis=dim)

    def backward(self, grad: Any) -> Any:
        return SpreadCells.apply(grad, self.size, self.dim, self.cells), None, None


class SpreadCells(Function):
    """dx = zeros, with gᵢ added to every element of cell i        ∂L/∂gᵢ = Σ of ∂L/∂dx over cell i"""

    def forward(self, g: Any, size: int, dim: int, cells: list[tuple[int, int]]) -> Any:
        self.dim, self.cells = dim, cells
        dx = zeros(g, (*g.shape[:dim], size, *g.shape[dim + 1 :]))
        for i, cell in enumerate(cells):
            dx[_along(dim, slice(*cell))] += g[_along(dim, slice(i, i + 1))]
        return dx

    def backward(self, grad: Any) -> Any:
        return SumCells.apply(grad, self.dim, self.cells), None, None, None


def _along(dim: int, part: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * dim, part)


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
        NotImplementedError: for a bool tensor.
    """
    x, batched = _batched("max_pool2d", input)
    if x.array.dtype.kind == "b":
        raise NotImplementedError("max_pool2d is not implemented for bool tensors; use x.byte()")
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
        NotImplementedError: for integers other than int64.
    """
    x, batched = _batched("avg_pool2d", input)
    if x.array.dtype != np.int64:
        _refuse_integers("avg_pool2d", x)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    window = _pool_window("avg_pool2d", x.array.shape, kernel_size, stride, padding, 1, ceil_mode)
    counts = _counts(window, x.array.shape, count_include_pad) if divisor_override is None else divisor_override
    if x.array.dtype.kind == "f":
        y = AvgPool2d.apply(x, window, 1.0 / counts if isinstance(counts, int) else _beside(x.array, 1.0 / counts))
    else:
        sums = AvgPool2d.apply(x, window, 1)
        y = sums.div(counts if isinstance(counts, int) else wrap(_beside(x.array, counts)), rounding_mode="trunc")
    return y if batched else y.squeeze(0)


def _counts(window: Window, shape: tuple[int, ...], count_include_pad: bool) -> Any:
    """The number of elements of each window: one number where all are equal, else an (H', W') array."""
    height, width = shape[-2:]
    size = window.output_size(height, width)
    counts = []
    for axis, n in ((0, height), (1, width)):
        before, after = window.padding[axis]
        start = np.arange(size[axis]) * window.stride[axis] - before
        stop = np.minimum(start + window.kernel[axis], n + after)  # an overhang in ceil_mode never counts
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        counts.append(stop - start)
    products = np.outer(*counts)
    return int(products[0, 0]) if np.all(products == products[0, 0]) else products


def _beside(x: Any, values: np.ndarray) -> Any:
    """Numbers in the dtype and on the device of x."""
    return to_device(values.astype(x.dtype), device_of(x))


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """Means over a grid of ``output_size`` cells of (N, C, H, W) or (C, H, W); None keeps a size.

    Cell i of o covers rows ⌊i·H/o⌋ to ⌈(i+1)·H/o⌉ − 1: cells of one size where o divides H, a window with a stride.

    Raises:
        NotImplementedError: for integers.
    """
    x, batched, high, wide = _adaptive("adaptive_avg_pool2d", input, output_size)
    height, width = x.array.shape[-2:]
    if (high, wide) == (1, 1):
        y = x.mean((-2, -1), keepdim=True)
    else:
        _refuse_integers("adaptive_avg_pool2d", x)
        _refuse_nothing_to_pool("adaptive_avg_pool2d", input)
        if 0 not in (high, wide, x.array.size) and height % high == width % wide == 0:
            size = height // high, width // wide
            y = AvgPool2d.apply(x, Window(size, size), 1.0 / (size[0] * size[1]))
        else:
            y = _mean_of_cells(x, _cells(high, height), _cells(wide, width))
    return y if batched else y.squeeze(0)


def _mean_of_cells(x: Any, rows: list[tuple[int, int]], columns: list[tuple[int, int]]) -> Any:
    if not rows or not columns:
        return wrap(zeros(x.array, (*x.array.shape[:2], len(rows), len(columns))))
    wide = cast(x, np.result_type(x.array.dtype, np.float32))  # half precision is added up in single
    counts = np.outer([b - a for a, b in rows], [b - a for a, b in columns])
    sums = SumCells.apply(SumCells.apply(wide, 2, rows), 3, columns)
    return cast(sums / wrap(_beside(wide.array, counts)), x.array.dtype)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over the grid of cells of :func:`adaptive_avg_pool2d`, and with ``return_indices`` where they were.

    The cells' rows (and columns) are gathered side by side, a short cell repeating its last one, which changes
    no maximum; then one maximum over each cell.

    Raises:
        NotImplementedError: for integers.
    """
    x, batched, high, wide = _adaptive("adaptive_max_pool2d", input, output_size)
    height, width = x.array.shape[-2:]
    _refuse_integers("adaptive_max_pool2d", x)
    _refuse_nothing_to_pool("adaptive_max_pool2d", input)
    rows, columns = _cell_positions(high, height), _cell_positions(wide, width)  # (cells, longest cell)
    cells = x[:, :, rows[:, :, None, None], columns]  # N C H W -> N C high h wide w
    flat = cells.permute(0, 1, 2, 4, 3, 5).reshape(*x.array.shape[:2], high, wide, rows.shape[1] * columns.shape[1])
    if 0 in flat.array.shape:
        y, within = flat.sum(-1), wrap(zeros(flat.array, flat.array.shape[:-1], np.int64))
    else:
        within = wrap(_first_largest_or_last_nan(flat.array))
        y = flat.gather(-1, within.unsqueeze(-1)).squeeze(-1)
    if not return_indices:
        return y if batched else y.squeeze(0)
    flat_positions = rows[:, None, :, None] * width + columns[None, :, None, :]  # high wide h w
    positions = wrap(to_device(flat_positions.reshape(1, 1, high, wide, -1), device_of(x.array)))
    at = positions.expand(*flat.array.shape).gather(-1, within.unsqueeze(-1)).squeeze(-1)
    return (y, at) if batched else (y.squeeze(0), at.squeeze(0))


def _first_largest_or_last_nan(x: Any) -> Any:
    """Which element along the last dimension a maximum takes, as :func:`max_pool2d` does."""
    is_nan = x != x
    last_nan = x.shape[-1] - 1 - np.argmax(is_nan[..., ::-1], axis=-1)
    return np.where(np.any(is_nan, axis=-1), last_nan, np.argmax(x, axis=-1))


def _cells(count: int, n: int) -> list[tuple[int, int]]:
    """The ``count`` cells of 0 … n−1: the start of each, and its stop."""
    return [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


def _cell_positions(count: int, n: int) -> np.ndarray:
    """For each of the cells of 0 … n−1, its positions, the last one repeated to the length of the longest."""
    cells = _cells(count, n)
    longest = max([stop - start for start, stop in cells], default=1)
    every = [np.minimum(np.arange(start, start + longest), stop - 1) for start, stop in cells]
    return np.array(every, dtype=np.int64).reshape(count, longest)


def _refuse_integers(name: str, x: Any) -> None:
    if x.array.dtype.kind != "f":
        raise NotImplementedError(f"{name} is not implemented for {x.array.dtype} tensors; use x.float()")


def _refuse_nothing_to_pool(name: str, x: Any) -> None:
    """Refuse an input without elements, unless it is its first dimension, of images or of channels, that has none."""
    if 0 in x.array.shape[1:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, "
            f"but input has sizes {list(x.array.shape)}"
        )


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
