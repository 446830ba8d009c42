"""The diagonal of a matrix, and a matrix that has a diagonal and is zero elsewhere: each is the other's derivative."""

from __future__ import annotations

import numpy as np

from minigrad.devices import zeros
from minigrad.engine.function import Function
from minigrad.typing import Array, Shape, Tensor


def on_diagonal(n: int, like: Array) -> Array:
    """Return the matrix of n rows that is True on its diagonal."""
    numbers = np.arange(n, like=like)
    mask: Array = numbers[:, None] == numbers
    return mask


class Diagonal(Function):
    """yᵢ = xᵢ,ᵢ₊ₖ of the last two dimensions        ∂L/∂x = a matrix with ∂L/∂y on the diagonal k"""

    makes_view = True

    def forward(self, x: Array, *, offset: int) -> Array:
        self.shape, self.offset = x.shape, offset
        y = np.diagonal(x, offset, -2, -1)
        if isinstance(y, np.ndarray):  # NumPy's alone is made read-only
            y.setflags(write=x.flags.writeable)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        return OnDiagonal.apply(grad, shape=self.shape, offset=self.offset)


class OnDiagonal(Function):
    """y = zeros, with yᵢ,ᵢ₊ₖ = xᵢ        ∂L/∂x = the diagonal k of ∂L/∂y"""

    def forward(self, x: Array, *, shape: Shape, offset: int) -> Array:
        self.offset = offset
        y = zeros(x, shape)
        rows = np.arange(x.shape[-1], like=x)
        y[..., rows + max(-offset, 0), rows + max(offset, 0)] = x
        return y

    def backward(self, grad: Tensor) -> Tensor:
        return Diagonal.apply(grad, offset=self.offset)
