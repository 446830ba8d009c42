"""Matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.kernels import sums
from minigrad.typing import Array

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


class MatMul(Function):
    """C = A B (of each pair in a batch)        ∂L/∂A = ∂L/∂C Bᵀ,  ∂L/∂B = Aᵀ ∂L/∂C"""

    broadcasts = True  # batch dimensions broadcast

    def forward(self, a: Array, b: Array) -> Array:
        need_a, need_b = self.needs_input_grad
        self.save_for_backward(a if need_b else None, b if need_a else None)
        return np.matmul(a, b)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = self.saved_tensors
        need_a, need_b = self.needs_input_grad
        grad_a = MatMul.apply(grad, b.transpose(-1, -2)) if need_a else None
        grad_b = MatMul.apply(a.transpose(-1, -2), grad) if need_b else None
        return grad_a, grad_b


class Linear(Function):
    """y = x Wᵀ + b        ∂L/∂x = ∂L/∂y W,  ∂L/∂W = (∂L/∂y)ᵀ x,  ∂L/∂b = Σ over rows of ∂L/∂y"""

    def forward(self, x: Array, w: Array, b: Array | None) -> Array:
        need_x, need_w, _ = self.needs_input_grad
        self.save_for_backward(x if need_w else None, w if need_x else None)
        y = kernels.of(x).linear(x, w)
        if b is not None:
            y += b
        return y

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, w = self.saved_tensors
        need_x, need_w, need_b = self.needs_input_grad
        dx = MatMul.apply(grad, w) if need_x else None
        dw = MatMul.apply(grad.t(), x) if need_w else None
        return dx, dw, grad.sum(0) if need_b else None

    def fused_backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, w = self.saved_arrays
        need_x, need_w, need_b = self.needs_input_grad
        db = sums.total(grad, (0,)) if need_b else None
        if need_x and need_w:
            return *kernels.of(grad).linear_backward(x, w, grad), db
        return np.matmul(grad, w) if need_x else None, np.matmul(np.transpose(grad), x) if need_w else None, db
