"""Functions of one element: exponentials, roots, sines, absolute values."""

from __future__ import annotations

import math

import numpy as np

from minigrad.engine.function import Function
from minigrad.engine.tensor_base import wrap
from minigrad.ops.rounding import sign
from minigrad.typing import Array, Tensor


class Exp(Function):
    """y = eˣ        ∂L/∂x = ∂L/∂y · y"""

    def forward(self, x: Array) -> Array:
        y = np.exp(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        (y,) = self.saved_tensors
        return grad * y


class Log(Function):
    """y = ln x        ∂L/∂x = ∂L/∂y / x"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.log(x)  # ln 0 = −∞ and ln −1 = NaN, as in torch

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad / x


class Log2(Function):
    """y = log₂ x, exact for powers of 2        ∂L/∂x = ∂L/∂y / (x ln 2)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.log2(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad / (x * math.log(2))


class Log10(Function):
    """y = log₁₀ x, exact for powers of 10        ∂L/∂x = ∂L/∂y / (x ln 10)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.log10(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad / (x * math.log(10))


class Sqrt(Function):
    """y = √x        ∂L/∂x = ∂L/∂y / 2y"""

    def forward(self, x: Array) -> Array:
        y = np.sqrt(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        (y,) = self.saved_tensors
        return grad / (2 * y)


class Log1p(Function):
    """y = ln(1 + x), exact for small x        ∂L/∂x = ∂L/∂y / (1 + x)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.log1p(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad / (1 + x)


class Expm1(Function):
    """y = eˣ − 1, exact for small x        ∂L/∂x = ∂L/∂y · (y + 1)"""

    def forward(self, x: Array) -> Array:
        y = np.expm1(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        (y,) = self.saved_tensors
        return grad * (y + 1)


class Sin(Function):
    """y = sin x        ∂L/∂x = ∂L/∂y · cos x"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.sin(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad * x.cos()


class Cos(Function):
    """y = cos x        ∂L/∂x = −∂L/∂y · sin x"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.cos(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return -grad * x.sin()


class Abs(Function):
    """y = |x|        ∂L/∂x = ∂L/∂y · sign x,  0 at the kink (and at NaN)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.abs(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad * wrap(sign(x.array))
