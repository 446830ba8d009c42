"""Arithmetic element by element: add, subtract, multiply, divide, negate, and raise to a power.

Each class is one operation with its derivative. L is the loss, the scalar that training makes small, and ∂L/∂z is the
gradient that arrives from above: how L changes with z. The chain rule makes the gradients of x and y from it.

>>> import minigrad
>>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
>>> y = minigrad.tensor([3.0, 4.0], requires_grad=True)
>>> z = Mul.apply(x, y)             # forward: x · y
>>> z.backward(minigrad.tensor([10.0, 100.0]))
>>> x.grad                          # ∂L/∂z · y = (10 · 3, 100 · 4)
tensor([ 30., 400.])

If x and y have different shapes they are broadcast, and the engine sums their gradients back to those shapes.
"""

from __future__ import annotations

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.engine.inplace import InPlace
from minigrad.engine.memory import refuse_overlapping_write
from minigrad.ops.powers import power
from minigrad.typing import Array, Tensor


class Add(Function):
    """z = x + y        ∂L/∂x = ∂L/∂z,  ∂L/∂y = ∂L/∂z"""

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        return x + y

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        return grad, grad


class AddInPlace(InPlace, Add):
    """x ← x + y, of one shape, in x's own memory"""

    broadcasts = False

    def forward(self, x: Array, y: Array) -> Array:
        refuse_overlapping_write(x)
        return kernels.of(x).add(x, y, out=x)


class Sub(Function):
    """z = x − y        ∂L/∂x = ∂L/∂z,  ∂L/∂y = −∂L/∂z"""

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        return x - y

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        return grad, -grad


class Mul(Function):
    """z = x · y        ∂L/∂x = ∂L/∂z · y,  ∂L/∂y = ∂L/∂z · x"""

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        self.save_for_backward(x, y)
        return x * y

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, y = self.saved_tensors
        return grad * y, grad * x


class Div(Function):
    """z = x / y        ∂L/∂x = ∂L/∂z / y,  ∂L/∂y = −∂L/∂z · x / y²

    As in torch, 1/0 is ∞ and 0/0 is NaN.
    """

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        self.save_for_backward(x, y)
        return x / y

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, y = self.saved_tensors
        return grad / y, -grad * (x / y / y)


class Neg(Function):
    """y = −x        ∂L/∂x = −∂L/∂y"""

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, grad: Tensor) -> Tensor:
        return -grad


class Pow(Function):
    """z = x^y        ∂L/∂x = ∂L/∂z · y·x^(y−1),  ∂L/∂y = ∂L/∂z · x^y·ln x

    Where y = 0 the first is 0 for any x. Where x = 0 and y ≥ 0 the second is 0, its limit.
    """

    broadcasts = True

    def forward(self, x: Array, y: Array) -> Array:
        z = power(x, y)
        self.save_for_backward(x, y, z)
        return z

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, y, z = self.saved_tensors
        at_zero = (x == 0) & (y >= 0)
        grad_x = grad * (y * x ** (y - 1))
        grad_y = grad * (z * x.masked_fill(at_zero, 1.0).log()).masked_fill(at_zero, 0.0)
        return grad_x.masked_fill(y == 0, 0.0), grad_y
