"""Padding layers: add a border of zeros, of a constant, or of values of the image itself."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.nn.signatures import name_init_after
from minigrad.tensor import Tensor


class _Pad(Module):
    """Base of the paddings. ``padding`` is one width for all sides, or (left, right[, top, bottom])."""

    mode = "constant"
    dimensions = 2

    def __init_subclass__(cls) -> None:
        name_init_after(cls)

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        sides = 2 * self.dimensions
        self.padding = (padding,) * sides if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad2d(_Pad):
    """Add a border of ``value`` around (…, H, W).

    Args:
        padding: the width of all sides, or (left, right, top, bottom).
        value: the value of the border.

    Shape:
        input (N, C, H, W) or (C, H, W), output (…, H + top + bottom, W + left + right).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConstantPad2d((1, 0, 0, 1), 0.5)(minigrad.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[0.5000, 1.0000, 2.0000],
             [0.5000, 3.0000, 4.0000],
             [0.5000, 0.5000, 0.5000]]])
    """

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(ConstantPad2d):
    """Add a border of ``value`` around (…, L).

    Args:
        padding: the width of both sides, or (left, right).
        value: the value of the border.

    Shape:
        input (N, C, L) or (C, L), output (…, L + left + right).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConstantPad1d(1, 0.5)(minigrad.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[0.5000, 1.0000, 2.0000, 3.0000, 0.5000]]])
    """

    dimensions = 1


class ZeroPad2d(_Pad):
    """Add a border of zeros around (…, H, W).

    Args:
        padding: the width of all sides, or (left, right, top, bottom).

    Shape:
        input (N, C, H, W) or (C, H, W), output (…, H + top + bottom, W + left + right).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ZeroPad2d((1, 0, 0, 1))(minigrad.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[0., 1., 2.],
             [0., 3., 4.],
             [0., 0., 0.]]])
    """


class ZeroPad1d(_Pad):
    """Add a border of zeros around (…, L).

    Args:
        padding: the width of both sides, or (left, right).

    Shape:
        input (N, C, L) or (C, L), output (…, L + left + right).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ZeroPad1d(1)(minigrad.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[0., 1., 2., 3., 0.]]])
    """

    dimensions = 1


class ReflectionPad2d(_Pad):
    """Add a border around (N, C, H, W) or (C, H, W) that mirrors the image, without repeating its edge.

    Args:
        padding: the width of all sides, or (left, right, top, bottom).

    Shape:
        input (N, C, H, W) or (C, H, W), output (…, H + top + bottom, W + left + right).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReflectionPad2d((1, 0, 0, 1))(minigrad.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[2., 1., 2.],
             [4., 3., 4.],
             [2., 1., 2.]]])
    """

    mode = "reflect"


class ReflectionPad1d(ReflectionPad2d):
    """Add a border around (N, C, L) or (C, L) that mirrors the signal, without repeating its edge.

    Args:
        padding: the width of both sides, or (left, right).

    Shape:
        input (N, C, L) or (C, L), output (…, L + left + right).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReflectionPad1d(1)(minigrad.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 1., 2., 3., 2.]]])
    """

    dimensions = 1


class ReplicationPad2d(_Pad):
    """Add a border around (N, C, H, W) or (C, H, W) that repeats the edge.

    Args:
        padding: the width of all sides, or (left, right, top, bottom).

    Shape:
        input (N, C, H, W) or (C, H, W), output (…, H + top + bottom, W + left + right).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReplicationPad2d((1, 0, 0, 1))(minigrad.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[1., 1., 2.],
             [3., 3., 4.],
             [3., 3., 4.]]])
    """

    mode = "replicate"


class ReplicationPad1d(ReplicationPad2d):
    """Add a border around (N, C, L) or (C, L) that repeats the edge.

    Args:
        padding: the width of both sides, or (left, right).

    Shape:
        input (N, C, L) or (C, L), output (…, L + left + right).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReplicationPad1d(1)(minigrad.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[1., 1., 2., 3., 3.]]])
    """

    dimensions = 1


class CircularPad2d(_Pad):
    """Add a border around (N, C, H, W) or (C, H, W) that continues at the opposite side.

    Args:
        padding: the width of all sides, or (left, right, top, bottom).

    Shape:
        input (N, C, H, W) or (C, H, W), output (…, H + top + bottom, W + left + right).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CircularPad2d((1, 0, 0, 1))(minigrad.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[2., 1., 2.],
             [4., 3., 4.],
             [2., 1., 2.]]])
    """

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (self.dimensions + 1, self.dimensions + 2):
            wanted = f"{self.dimensions + 1}D or {self.dimensions + 2}D"
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")
        return super().forward(input)


class CircularPad1d(CircularPad2d):
    """Add a border around (N, C, L) or (C, L) that continues at the opposite side.

    Args:
        padding: the width of both sides, or (left, right).

    Shape:
        input (N, C, L) or (C, L), output (…, L + left + right).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CircularPad1d(1)(minigrad.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 1., 2., 3., 1.]]])
    """

    dimensions = 1
