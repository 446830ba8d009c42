"""Max and average pooling, with torch's arguments. The mathematics is in ``minigrad/ops/pool.py``."""

from __future__ import annotations

from typing import Literal, overload

import numpy as np

from minigrad import kernels
from minigrad.devices import device_of, to_device
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.arithmetic import div
from minigrad.functions.windows import pool_window
from minigrad.kernels.geometry import Window
from minigrad.ops.pool import AvgPool2d, MaxPool2d
from minigrad.typing import Array, IntOrInts, Shape, Tensor

__all__ = ["avg_pool2d", "max_pool2d", "max_pool2d_with_indices"]


@overload
def max_pool2d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...
@overload
def max_pool2d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@overload
def max_pool2d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]: ...
def max_pool2d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Return the largest element of each window of (N, C, H, W) or (C, H, W).

    Args:
        kernel_size, stride, padding, dilation: an integer or (height, width); the stride defaults to the kernel size.
            Padding counts as −∞.
        ceil_mode: add a last window that hangs over the end, if it starts inside.
        return_indices: also return the position h·W + w of each maximum in its feature map (int64).

    Raises:
        RuntimeError: if the window does not fit or the padding is more than half the kernel.
        NotImplementedError: for a bool tensor.

    The example of ``minigrad/ops/pool.py``:

    >>> import minigrad
    >>> x = minigrad.tensor([[[1., 3., 2.]]], requires_grad=True)
    >>> y = max_pool2d(x, (1, 2), stride=1)
    >>> y.tolist()
    [[[3.0, 3.0]]]
    >>> y.backward(minigrad.tensor([[[10., 1.]]]))
    >>> x.grad
    tensor([[[ 0., 11.,  0.]]])
    """
    x, is_batch = as_batch("max_pool2d", input)
    if x.array.dtype.kind == "b":
        raise NotImplementedError("max_pool2d is not implemented for bool tensors; use x.byte()")
    window = pool_window("max_pool2d", x.array.shape, kernel_size, stride, padding, dilation, ceil_mode)
    y = MaxPool2d.apply(x, window=window)
    y = y if is_batch else y.squeeze(0)
    if not return_indices:
        return y
    indices = wrap(_flat_positions(kernels.of(x.array).max_pool2d(x.array, window)[1], x.array.shape, window))
    return y, indices if is_batch else indices.squeeze(0)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the maxima of :func:`max_pool2d` and their positions; ``return_indices`` has no effect."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)


def _flat_positions(taps: Array, shape: Shape, window: Window) -> Array:
    """Return the position in the flattened feature map of the tap that each window names."""
    rows = np.arange(taps.shape[-2], like=taps)[:, None] * window.stride[0] - window.padding[0][0]
    columns = np.arange(taps.shape[-1], like=taps) * window.stride[1] - window.padding[1][0]
    taps = taps.astype(np.int64)
    down = rows + taps // window.kernel[1] * window.dilation[0]
    across = columns + taps % window.kernel[1] * window.dilation[1]
    return down * shape[-1] + across


def avg_pool2d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window of (N, C, H, W) or (C, H, W).

    Args:
        kernel_size, stride, padding, ceil_mode: as in :func:`max_pool2d`, but padding counts as 0.
        count_include_pad: include padding in the number of elements that the sum is divided by.
        divisor_override: divide every sum by this instead.

    Raises:
        RuntimeError: if the window does not fit, the padding is more than half the kernel, or the divisor is 0.
        NotImplementedError: for integers other than int64.

    The example of ``minigrad/ops/pool.py``:

    >>> import minigrad
    >>> x = minigrad.tensor([[[1., 3., 2.]]], requires_grad=True)
    >>> y = avg_pool2d(x, (1, 2), stride=1)
    >>> y.tolist()
    [[[2.0, 2.5]]]
    >>> y.backward(minigrad.tensor([[[10., 1.]]]))
    >>> x.grad.tolist()
    [[[5.0, 5.5, 0.5]]]
    """
    x, is_batch = as_batch("avg_pool2d", input)
    if x.array.dtype != np.int64:
        refuse_integers("avg_pool2d", x)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    window = pool_window("avg_pool2d", x.array.shape, kernel_size, stride, padding, 1, ceil_mode)
    counts = _counts(window, x.array.shape, count_include_pad) if divisor_override is None else divisor_override
    if x.array.dtype.kind == "f":
        scale = 1.0 / counts if isinstance(counts, int) else beside(x.array, 1.0 / counts)
        y = AvgPool2d.apply(x, window=window, scale=scale)
    else:
        sums = AvgPool2d.apply(x, window=window, scale=1)
        y = div(sums, counts if isinstance(counts, int) else wrap(beside(x.array, counts)), rounding_mode="trunc")
    return y if is_batch else y.squeeze(0)


def _counts(window: Window, shape: Shape, count_include_pad: bool) -> int | np.ndarray:
    """Return the number of elements of each window: an integer where all are equal, else an (H', W') array."""
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


def beside(x: Array, values: np.ndarray) -> Array:
    """Return ``values`` in the dtype and on the device of ``x``."""
    return to_device(values.astype(x.dtype), device_of(x))


def refuse_integers(name: str, x: Tensor) -> None:
    """Refuse a tensor that is not floating.

    Raises:
        NotImplementedError: naming the function and the dtype.
    """
    if x.array.dtype.kind != "f":
        raise NotImplementedError(f"{name} is not implemented for {x.array.dtype} tensors; use x.float()")


def as_batch(name: str, input: Tensor) -> tuple[Tensor, bool]:
    """Return ``input`` as a batch of images, and whether it was one; a single image becomes a batch of one.

    Raises:
        RuntimeError: if it is neither (N, C, H, W) nor (C, H, W).
    """
    x = as_tensor_operand(name, input)
    if x.array.ndim not in (3, 4):
        raise RuntimeError(f"{name}(): Expected 3D or 4D (batch mode) tensor, but got {list(x.array.shape)}")
    return (x, True) if x.array.ndim == 4 else (x.unsqueeze(0), False)
