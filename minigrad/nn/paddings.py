"""Padding layers: add a border of zeros, of a constant, or of values of the image itself."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class _Pad(Module):
    """Base of the paddings. ``padding`` is one width for all sides, or (left, right[, top, bottom])."""

    mode = "constant"
    dimensions = 2

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        sides = 2 * self.dimensions
        self.padding = (padding,) * sides if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad2d(_Pad):
    """Add a border of ``value`` around (…, H, W)."""

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(ConstantPad2d):
    """Add a border of ``value`` around (…, L)."""

    dimensions = 1


class ZeroPad2d(_Pad):
    """Add a border of zeros around (…, H, W)."""


class ZeroPad1d(_Pad):
    """Add a border of zeros around (…, L)."""

    dimensions = 1


class ReflectionPad2d(_Pad):
    """Add a border around (N, C, H, W) or (C, H, W) that mirrors the image, without repeating its edge."""

    mode = "reflect"


class ReflectionPad1d(ReflectionPad2d):
    """Add a border around (N, C, L) or (C, L) that mirrors the signal, without repeating its edge."""

    dimensions = 1


class ReplicationPad2d(_Pad):
    """Add a border around (N, C, H, W) or (C, H, W) that repeats the edge."""

    mode = "replicate"


class ReplicationPad1d(ReplicationPad2d):
    """Add a border around (N, C, L) or (C, L) that repeats the edge."""

    dimensions = 1


class CircularPad2d(_Pad):
    """Add a border around (N, C, H, W) or (C, H, W) that continues at the opposite side."""

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (self.dimensions + 1, self.dimensions + 2):
            wanted = f"{self.dimensions + 1}D or {self.dimensions + 2}D"
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")
        return super().forward(input)


class CircularPad1d(CircularPad2d):
    """Add a border around (N, C, L) or (C, L) that continues at the opposite side."""

    dimensions = 1
