"""Arithmetic with a constant c: one operand has no gradient, since it is a number, or a tensor that needs none.

A number keeps the dtype of the tensor beside it. Only the gradient of the other operand is computed, and only what that
needs is saved.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import mul, truediv

import numpy as np

from minigrad.engine.function import Function
from minigrad.kernels.precision import FLOAT16, FLOAT32, rounded, widened
from minigrad.ops.powers import power
from minigrad.ops.rounding import zeros_like
from minigrad.typing import Array, Number, Tensor


class SubConstant(Function):
    """y = x − c        ∂L/∂x = ∂L/∂y"""

    def forward(self, x: Array, *, c: Number) -> Array:
        self.c = c
        return x - c

    def backward(self, grad: Tensor) -> Tensor:
        return grad


class MulConstant(Function):
    """y = c · x        ∂L/∂x = ∂L/∂y · c"""

    def forward(self, x: Array, *, c: Number) -> Array:
        self.c = c
        return _with_constant(mul, x, c)

    def backward(self, grad: Tensor) -> Tensor:
        return grad * self.c

    def fused_backward(self, grad: Array) -> tuple[Array]:
        return (_with_constant(mul, grad, self.c),)


class DivConstant(Function):
    """y = x / c        ∂L/∂x = ∂L/∂y / c"""

    def forward(self, x: Array, *, c: Number) -> Array:
        self.c = c
        return _with_constant(truediv, x, c)

    def backward(self, grad: Tensor) -> Tensor:
        return grad / self.c


class ConstantDiv(Function):
    """y = c / x        ∂L/∂x = −∂L/∂y · c / x²"""

    def forward(self, x: Array, *, c: Number) -> Array:
        self.c = c
        self.save_for_backward(x)
        return _with_constant(lambda x, c: c / x, x, c)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return -grad * (self.c / x / x)


class PowConstant(Function):
    """y = x^c        ∂L/∂x = ∂L/∂y · c·x^(c−1),  which is 0 for c = 0 and any x"""

    def forward(self, x: Array, *, c: Number) -> Array:
        self.c = c
        self.save_for_backward(x)
        return power(x, c)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        if self.c == 0:
            return zeros_like(grad)  # not grad · 0, which is NaN where grad is ∞
        return grad * (self.c * x ** (self.c - 1))


class MulConstantTensor(Function):
    """z = x · c        ∂L/∂x = ∂L/∂z · c"""

    broadcasts = True

    def forward(self, x: Array, c: Array) -> Array:
        self.save_for_backward(c)
        return x * c

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        (c,) = self.saved_tensors
        return grad * c, None


class DivConstantTensor(Function):
    """z = x / c        ∂L/∂x = ∂L/∂z / c"""

    broadcasts = True

    def forward(self, x: Array, c: Array) -> Array:
        self.save_for_backward(c)
        return x / c

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        (c,) = self.saved_tensors
        return grad / c, None


class PowConstantTensor(Function):
    """z = x^c        ∂L/∂x = ∂L/∂z · c·x^(c−1),  which is 0 where c = 0, for any x"""

    broadcasts = True

    def forward(self, x: Array, c: Array) -> Array:
        self.save_for_backward(x, c)
        return power(x, c)

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        x, c = self.saved_tensors
        return (grad * (c * x ** (c - 1))).masked_fill(c == 0, 0.0), None


class ConstantPow(Function):
    """z = c^y        ∂L/∂y = ∂L/∂z · c^y·ln c,  which is 0 where c = 0 and y ≥ 0, its limit"""

    broadcasts = True

    def forward(self, c: Array, y: Array) -> Array:
        z = power(c, y)
        self.save_for_backward(c, y, z)
        return z

    def backward(self, grad: Tensor) -> tuple[None, Tensor]:
        c, y, z = self.saved_tensors
        at_zero = (c == 0) & (y >= 0)
        return None, grad * (z * c.masked_fill(at_zero, 1.0).log()).masked_fill(at_zero, 0.0)


def _with_constant(operation: Callable[[Array, Number | np.floating], Array], x: Array, c: Number) -> Array:
    """Return ``operation(x, c)``. Beside float16, c need not be in its range: 1e5 / x · 1e5 would overflow."""
    if x.dtype == FLOAT16:
        return rounded(operation(widened(x), FLOAT32.type(c)), FLOAT16)
    return operation(x, c)
