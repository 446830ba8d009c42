"""Functions that are constant between their jumps (rounding, signs), and what a division leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad.engine.function import Function
from minigrad.engine.tensor_base import wrap
from minigrad.typing import Array, Tensor


class Step(Function):
    """y = a function of x that is constant between its jumps, such as floor and sign        ∂L/∂x = 0"""

    def forward(self, x: Array, *, function: Callable[[Array], Array]) -> Array:
        return function(x)

    def backward(self, grad: Tensor) -> Tensor:
        return zeros_like(grad)


class FloorDiv(Function):
    """z = ⌊x / y⌋        ∂L/∂x = ∂L/∂y = 0

    It is computed from the remainder, as in Python, because x / y is rounded: 1 / 0.1 is 10, and ⌊1 / 0.1⌋ is 9.
    """

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        return np.floor_divide(x, y)

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        return zeros_like(grad), zeros_like(grad)


class TruncDiv(Function):
    """z = x / y rounded towards 0        ∂L/∂x = ∂L/∂y = 0"""

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        if (x if hasattr(x, "dtype") else y).dtype.kind == "f":
            return np.trunc(x / y)
        rest = np.remainder(x, y)  # it has y's sign, so a quotient below 0 was rounded away from 0
        return np.floor_divide(x, y) + ((rest != 0) & ((x < 0) != (y < 0)))

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        return zeros_like(grad), zeros_like(grad)


class Remainder(Function):
    """z = x − y · ⌊x / y⌋, with the sign of y        ∂L/∂x = ∂L/∂z,  ∂L/∂y = −∂L/∂z · ⌊x / y⌋"""

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        if self.needs_input_grad[1]:
            self.save_for_backward(np.floor_divide(x, y))
        return np.remainder(x, y)

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor | None]:
        return grad, -grad * self.saved_tensors[0] if self.needs_input_grad[1] else None


class Fmod(Function):
    """z = x − y · trunc(x / y), with the sign of x        ∂L/∂x = ∂L/∂z,  ∂L/∂y = −∂L/∂z · trunc(x / y)"""

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        if self.needs_input_grad[1]:
            self.save_for_backward(np.trunc(x / y))
        return np.fmod(x, y)

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor | None]:
        return grad, -grad * self.saved_tensors[0] if self.needs_input_grad[1] else None


def sign(x: Array) -> Array:
    """Return −1, 0 or 1 by the sign of every element, and 0 for NaN."""
    return np.where(x == x, np.sign(x), x.dtype.type(0))


def zeros_like(x: Tensor) -> Tensor:
    """Return zeros, as constants: a gradient that is 0 whatever it is multiplied by (0 · ∞ would be NaN)."""
    return wrap(np.zeros_like(x.array))
