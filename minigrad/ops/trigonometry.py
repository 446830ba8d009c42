"""Tangents and the inverses of sine, cosine and tangent, of angles in radians and of the hyperbola."""

from __future__ import annotations

import numpy as np

from minigrad.engine.function import Function
from minigrad.typing import Array, Tensor


class Tan(Function):
    """y = tan x        ∂L/∂x = ∂L/∂y · (1 + y²)"""

    def forward(self, x: Array) -> Array:
        y = np.tan(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        (y,) = self.saved_tensors
        return grad * (1 + y * y)


class Asin(Function):
    """y = arcsin x        ∂L/∂x = ∂L/∂y / √(1 − x²)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.arcsin(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad * (1 - x * x).rsqrt()


class Acos(Function):
    """y = arccos x        ∂L/∂x = −∂L/∂y / √(1 − x²)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.arccos(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return -grad * (1 - x * x).rsqrt()


class Atan(Function):
    """y = arctan x        ∂L/∂x = ∂L/∂y / (1 + x²)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.arctan(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad / (x * x + 1)


class Atan2(Function):
    """z = angle of the point (x, y)        ∂L/∂y = ∂L/∂z · x / (x² + y²),  ∂L/∂x = −∂L/∂z · y / (x² + y²)

    At the origin the angle is 0, and the gradients are 0 too (torch's choice).
    """

    broadcasts = True

    def forward(self, y: Array, x: Array) -> Array:
        self.save_for_backward(y, x)
        return np.arctan2(y, x)

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        y, x = self.saved_tensors
        square = y * y + x * x
        grad = grad / square.masked_fill(square == 0, 1.0)
        return grad * x, -grad * y


class Sinh(Function):
    """y = (eˣ − e⁻ˣ) / 2, exact for small x        ∂L/∂x = ∂L/∂y · cosh x"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.sinh(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad * x.cosh()


class Cosh(Function):
    """y = (eˣ + e⁻ˣ) / 2        ∂L/∂x = ∂L/∂y · sinh x"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.cosh(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad * x.sinh()


class Asinh(Function):
    """y = ln(x + √(x² + 1)), exact for small x        ∂L/∂x = ∂L/∂y / √(x² + 1)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.arcsinh(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad * (x * x + 1).rsqrt()


class Acosh(Function):
    """y = ln(x + √(x² − 1))        ∂L/∂x = ∂L/∂y / √(x² − 1)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.arccosh(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad * (x * x - 1).rsqrt()


class Atanh(Function):
    """y = ln((1 + x) / (1 − x)) / 2, exact for small x        ∂L/∂x = ∂L/∂y / (1 − x²)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.arctanh(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad / (1 - x * x)
