"""Matrix products."""

from __future__ import annotations

import numpy as np

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.kernels import sums
from minigrad.typing import Array, Tensor


class MatMul(Function):
    """C = A B (of each pair in a batch)        ∂L/∂A = ∂L/∂C Bᵀ,  ∂L/∂B = Aᵀ ∂L/∂C"""

    broadcasts = True  # batch dimensions broadcast

    def forward(self, a: Array, b: Array) -> Array:
        self.save_for_backward(a if self.needs_input_grad[1] else None, b if self.needs_input_grad[0] else None)
        return np.matmul(a, b)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = self.saved_tensors
        grad_a = MatMul.apply(grad, b.transpose(-1, -2)) if self.needs_input_grad[0] else None
        grad_b = MatMul.apply(a.transpose(-1, -2), grad) if self.needs_input_grad[1] else None
        return grad_a, grad_b


class Linear(Function):
    """y = x Wᵀ + b        ∂L/∂x = ∂L/∂y W,  ∂L/∂W = (∂L/∂y)ᵀ x,  ∂L/∂b = Σ over rows of ∂L/∂y"""

    def forward(self, x: Array, w: Array, b: Array | None) -> Array:
        self.save_for_backward(x if self.needs_input_grad[1] else None, w if self.needs_input_grad[0] else None)
        y = kernels.of(x).linear(x, w)
        if b is not None:
            y += b
        return y

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, w = self.saved_tensors
        dx = MatMul.apply(grad, w) if self.needs_input_grad[0] else None
        dw = MatMul.apply(grad.t(), x) if self.needs_input_grad[1] else None
        db = grad.sum(0) if self.needs_input_grad[2] else None
        return dx, dw, db

    def fused_backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, w = self.saved_arrays
        db = sums.total(grad, (0,)) if self.needs_input_grad[2] else None
        return *kernels.of(grad).linear_backward(x, w, grad), db
