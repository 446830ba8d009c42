"""Choosing between elements. The gradient goes to the element that was chosen."""

from __future__ import annotations

import numpy as np

from minigrad.engine.function import Function
from minigrad.typing import Array, Number, Tensor


class Where(Function):
    """z = x where the condition holds, else y        ∂L/∂x = ∂L/∂z where it holds, else 0;  ∂L/∂y where it does not"""

    broadcasts = True

    def forward(self, condition: Array, x: Array | Number, y: Array | Number) -> Array:
        self.save_for_backward(condition)
        return np.where(condition, x, y)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        (condition,) = self.saved_tensors
        grad_x = Where.apply(condition, grad, 0.0) if self.needs_input_grad[1] else None
        grad_y = Where.apply(condition, 0.0, grad) if self.needs_input_grad[2] else None
        return None, grad_x, grad_y


class Maximum(Function):
    """z = max(x, y)        ∂L/∂x = ∂L/∂z where x > y, ∂L/∂z / 2 where x = y, else 0; likewise for y

    Where x or y is NaN, both get the whole gradient, as in torch.
    """

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        self.save_for_backward(x, y)
        return np.maximum(x, y)

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, y = self.saved_tensors
        share = Where.apply(x == y, grad / 2, grad)
        return Where.apply(x < y, 0.0, share), Where.apply(x > y, 0.0, share)


class Minimum(Function):
    """z = min(x, y)        ∂L/∂x = ∂L/∂z where x < y, ∂L/∂z / 2 where x = y, else 0; likewise for y

    Where x or y is NaN, both get the whole gradient, as in torch.
    """

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        self.save_for_backward(x, y)
        return np.minimum(x, y)

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, y = self.saved_tensors
        share = Where.apply(x == y, grad / 2, grad)
        return Where.apply(x > y, 0.0, share), Where.apply(x < y, 0.0, share)


class Clamp(Function):
    """y = min(max(x, low), high)        ∂L/∂x = ∂L/∂y where low ≤ x ≤ high, else 0

    Each limit is a number, an array that broadcasts, or ``None`` for no limit. A limit that is a tensor gets ∂L/∂y
    where y is that limit: ``low`` where x < low < high, ``high`` where x > high or low > high.
    """

    broadcasts = True

    def forward(self, x: Array, low: Array | Number | None, high: Array | Number | None) -> Array:
        self.save_for_backward(x, low, high)
        return np.clip(x, low, high)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, low, high = self.saved_tensors
        grad_x = grad_low = grad_high = None
        if self.needs_input_grad[0]:
            inside = x <= high if low is None else x >= low if high is None else (x >= low) & (x <= high)
            grad_x = Where.apply(inside, grad, 0.0)
        if self.needs_input_grad[1]:
            is_low = x < low if high is None else (x < low) & (low < high)
            grad_low = Where.apply(is_low, grad, 0.0)
        if self.needs_input_grad[2]:
            is_high = x > high if low is None else (x > high) | (low > high)
            grad_high = Where.apply(is_high, grad, 0.0)
        return grad_x, grad_low, grad_high
