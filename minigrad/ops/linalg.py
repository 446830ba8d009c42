"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.function import Function
from minigrad.ops.promotion import as_tensor_operand


class MatMul(Function):
    """C = A B (of each pair in a batch)        ∂L/∂A = ∂L/∂C Bᵀ,  ∂L/∂B = Aᵀ ∂L/∂C"""

    broadcasts = True  # batch dimensions broadcast

    def forward(self, a: Any, b: Any) -> Any:
        need_a, need_b = self.needs_input_grad
        self.save_for_backward(a if need_b else None, b if need_a else None)
        return np.matmul(a, b)

    def backward(self, grad: Any) -> Any:
        a, b = self.saved_tensors
        grad_a = None if b is None else MatMul.apply(grad, b.transpose(-1, -2))
        grad_b = None if a is None else MatMul.apply(a.transpose(-1, -2), grad)
        return grad_a, grad_b


def matmul(input: Any, other: Any) -> Any:
    """Matrix product of the last two dimensions; leading ones broadcast; a vector joins as row or column.

    Raises:
        RuntimeError: if the inner sizes differ, a tensor is 0-d, or the dtypes differ.
    """
    a, b = as_tensor_operand("matmul", input), as_tensor_operand("matmul", other, "other")
    if a.array.ndim == 0 or b.array.ndim == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.array.ndim}D and {b.array.ndim}D"
        )
    if a.array.dtype != b.array.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {a.array.dtype} != {b.array.dtype}; "
            "convert one with .to(dtype)"
        )
    rows, columns = a.array.ndim == 1, b.array.ndim == 1
    a = a.unsqueeze(0) if rows else a
    b = b.unsqueeze(1) if columns else b
    if a.array.shape[-1] != b.array.shape[-2]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({_shape(input.array)} and {_shape(other.array)}): "
            f"the inner sizes {a.array.shape[-1]} and {b.array.shape[-2]} differ"
        )
    c = MatMul.apply(a, b)
    if rows:
        c = c.squeeze(-2)
    return c.squeeze(-1) if columns else c


def _shape(array: Any) -> str:
    return "x".join(str(n) for n in array.shape)


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """x Wᵀ + b over the last dimension. input (…, in), weight (out, in), bias (out) → (…, out).

    Raises:
        RuntimeError: if the sizes do not fit, naming the shapes.
    """
    x = as_tensor_operand("linear", input)
    if x.array.ndim == 0 or x.array.shape[-1] != weight.array.shape[-1]:
        raise RuntimeError(
            f"linear(): input of shape {list(x.array.shape)} and weight of shape {list(weight.array.shape)} cannot be "
            f"multiplied: the input's last size must be {weight.array.shape[-1]}"
        )
    lead = x.array.shape[:-1]
    flat = x if x.array.ndim <= 2 else x.reshape(-1, x.array.shape[-1])  # one product, not one an item
    y = matmul(flat, weight.t())
    y = y if bias is None else y + bias
    return y if x.array.ndim <= 2 else y.reshape(*lead, *weight.array.shape[:-1])
