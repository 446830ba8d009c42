"""Pooling layers of signals; the functions are in ``functional``."""

from __future__ import annotations

from minigrad.functions.windows import single
from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.nn.poolings import MaxPool2d
from minigrad.tensor import Tensor
from minigrad.typing import IntOrInts


class MaxPool1d(MaxPool2d):
    """Return the largest element of each window; see ``functional.max_pool1d``.

    With ``return_indices`` the result is the tuple (values, indices), although the annotation names the usual one.

    Args:
        kernel_size: the length of the windows.
        stride: the step from one window to the next; the kernel size if None.
        padding: a border of −∞.
        dilation: the distance between the elements of a window.
        return_indices: return the positions of the maxima too.
        ceil_mode: keep windows that reach beyond the border.

    Shape:
        input (N, C, L) or (C, L), output (…, L′).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.MaxPool1d(2)(minigrad.randn(1, 3, 8)).shape
    (1, 3, 4)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.max_pool1d(  # type: ignore[return-value]
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class AvgPool1d(Module):
    """Return the mean of each window; see ``functional.avg_pool1d``.

    Args:
        kernel_size: the length of the windows.
        stride: the step from one window to the next; the kernel size if None.
        padding: a border of zeros.
        ceil_mode: keep windows that reach beyond the border.
        count_include_pad: count the border's zeros.

    Shape:
        input (N, C, L) or (C, L), output (…, L′).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AvgPool1d(2)(minigrad.tensor([[1.0, 3.0, 5.0, 9.0]]))
    tensor([[2., 7.]])
    """

    def __init__(
        self,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        padding: IntOrInts = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = (single(kernel_size, "kernel_size"),)
        self.stride = self.kernel_size if stride is None else (single(stride, "stride"),)
        self.padding = (single(padding, "padding"),)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool1d(Module):
    """Return the means of cells of nearly equal length; see ``functional.adaptive_avg_pool1d``.

    Args:
        output_size: the number of cells.

    Shape:
        input (N, C, L) or (C, L), output (…, output_size).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AdaptiveAvgPool1d(2)(minigrad.tensor([[1.0, 3.0, 5.0, 9.0]]))
    tensor([[2., 7.]])
    """

    def __init__(self, output_size: IntOrInts) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(AdaptiveAvgPool1d):
    """Return the maxima of cells of nearly equal length; see ``functional.adaptive_max_pool1d``.

    With ``return_indices`` the result is the tuple (values, indices), although the annotation names the usual one.

    Args:
        output_size: the number of cells.
        return_indices: return the positions of the maxima too.

    Shape:
        input (N, C, L) or (C, L), output (…, output_size).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.AdaptiveMaxPool1d(2)(minigrad.tensor([[1.0, 3.0, 5.0, 9.0]]))
    tensor([[3., 9.]])
    """

    def __init__(self, output_size: IntOrInts, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)  # type: ignore[return-value]
