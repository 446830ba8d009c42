"""Windows of an image as columns, and back to an image. The mathematics is in ``minigrad/ops/patches.py``."""

from __future__ import annotations

import math

from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.windows import conv_window, pair
from minigrad.kernels.geometry import Window
from minigrad.ops.patches import Fold, Unfold
from minigrad.typing import IntOrInts, Tensor

__all__ = ["fold", "unfold"]


def unfold(
    input: Tensor,
    kernel_size: IntOrInts,
    dilation: IntOrInts = 1,
    padding: IntOrInts = 0,
    stride: IntOrInts = 1,
) -> Tensor:
    """Return every window of (N, C, H, W) or (C, H, W) as a column: (N, C·kh·kw, number of positions).

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
    y = Unfold.apply(x if x.array.ndim == 4 else x.unsqueeze(0), window=window)
    return y if x.array.ndim == 4 else y.squeeze(0)


def fold(
    input: Tensor,
    output_size: IntOrInts,
    kernel_size: IntOrInts,
    dilation: IntOrInts = 1,
    padding: IntOrInts = 0,
    stride: IntOrInts = 1,
) -> Tensor:
    """Return images of ``output_size`` to which the columns (N, C·kh·kw, positions) or (C·kh·kw, positions) are added.

    Each column is added where its window lies; overlapping windows add up.

    Raises:
        RuntimeError: if the columns are not those of such a window on such an image.
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
    y = Fold.apply(x if x.array.ndim == 3 else x.unsqueeze(0), size=size, window=window)
    return y if x.array.ndim == 3 else y.squeeze(0)


def _window(kernel_size: IntOrInts, stride: IntOrInts, padding: IntOrInts, dilation: IntOrInts) -> Window:
    kernel = pair(kernel_size, "kernel_size")
    if min(kernel) < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got {kernel}")
    return conv_window(kernel, stride, padding, dilation)
