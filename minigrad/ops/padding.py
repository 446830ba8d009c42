"""A border of a constant around an array."""

from __future__ import annotations

import numpy as np

from minigrad.engine.function import Function
from minigrad.typing import Array, Tensor


class Pad(Function):
    """y = x inside a border of a constant; a negative width cuts        ∂L/∂x = ∂L/∂y without the border

    The gradient is a padding too, with the widths negated: it cuts what was added, and is 0 where x was cut.
    """

    def forward(self, x: Array, *, widths: tuple[tuple[int, int], ...], value: float) -> Array:
        self.widths = widths
        size = tuple(n + before + after for n, (before, after) in zip(x.shape, widths, strict=True))
        y = np.full_like(x, value, shape=size)
        inner = tuple(slice(max(b, 0), n - max(a, 0)) for n, (b, a) in zip(size, widths, strict=True))
        kept = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, widths, strict=True))
        y[inner] = x[kept]
        return y

    def backward(self, grad: Tensor) -> Tensor:
        return Pad.apply(grad, widths=tuple((-before, -after) for before, after in self.widths), value=0.0)
