"""Pooling layers; the functions are in ``functional``."""

from __future__ import annotations

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.typing import IntOrPair


class MaxPool2d(Module):
    """Return the largest element of each window; see ``functional.max_pool2d``.

    With ``return_indices`` the result is the tuple (values, indices), although the annotation names the usual one.

    Args:
        kernel_size: height and width of the windows, or a number for both.
        stride: the step from one window to the next; the kernel size if None.
        padding: a border of −∞.
        dilation: the distance between the elements of a window.
        return_indices: return the positions of the maxima too.
        ceil_mode: keep windows that reach beyond the border.

    Shape:
        input (N, C, H, W) or (C, H, W), output (…, H′, W′).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.MaxPool2d(2)(minigrad.randn(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return F.max_pool2d(  # type: ignore[return-value]
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """Return the mean of each window; see ``functional.avg_pool2d``.

    Args:
        kernel_size: height and width of the windows, or a number for both.
        stride: the step from one window to the next; the kernel size if None.
        padding: a border of zeros.
        ceil_mode: keep windows that reach beyond the border.
        count_include_pad: count the border's zeros.
        divisor_override: divide by this, rather than by the number of elements.

    Shape:
        input (N, C, H, W) or (C, H, W), output (…, H′, W′).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AvgPool2d(2)(minigrad.randn(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: IntOrPair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """Return the means over a grid of cells; see ``functional.adaptive_avg_pool2d``.

    Args:
        output_size: height and width of the grid, or a number for both; None keeps the input's.

    Shape:
        input (N, C, H, W) or (C, H, W), output (…, *output_size).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AdaptiveAvgPool2d(1)(minigrad.randn(1, 3, 8, 8)).shape
    (1, 3, 1, 1)
    """

    def __init__(self, output_size: int | tuple[int | None, int | None] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool2d(AdaptiveAvgPool2d):
    """Return the maxima over a grid of cells; see ``functional.adaptive_max_pool2d``.

    With ``return_indices`` the result is the tuple (values, indices), although the annotation names the usual one.

    Args:
        output_size: height and width of the grid, or a number for both; None keeps the input's.
        return_indices: return the positions of the maxima too.

    Shape:
        input (N, C, H, W) or (C, H, W), output (…, *output_size).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AdaptiveMaxPool2d((2, 3))(minigrad.randn(1, 3, 8, 8)).shape
    (1, 3, 2, 3)
    """

    def __init__(self, output_size: int | tuple[int | None, int | None] | None, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)  # type: ignore[return-value]
