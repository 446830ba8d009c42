"""Interpolation between two tensors."""

from __future__ import annotations

import numpy as np

from minigrad.engine.function import Function
from minigrad.typing import Array, Number, Tensor


class Lerp(Function):
    """z = x + w · (y − x)        ∂L/∂x = ∂L/∂z · (1 − w),  ∂L/∂y = ∂L/∂z · w,  ∂L/∂w = ∂L/∂z · (y − x)

    From w = ½ on it is computed as y − (1 − w) · (y − x), so that z is y exactly where w is 1.
    """

    broadcasts = True

    def forward(self, x: Array, y: Array, w: Array | Number) -> Array:
        self.save_for_backward(x, y, w)
        way = y - x
        return np.where(np.abs(w) < 0.5, x + w * way, y - way * (1 - w))

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, y, w = self.saved_tensors
        return grad * (1 - w), grad * w, grad * (y - x)
