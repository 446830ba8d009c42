"""Activation functions: each is one formula and its derivative, most simply written in terms of the output."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minigrad import kernels
from minigrad.function import Function
from minigrad.ops.promotion import as_tensor_operand, cast, normalize_dim, to_floating


class Relu(Function):
    """y = max(x, 0)        ∂L/∂x = ∂L/∂y where y > 0, else 0 (also at the kink)"""

    def forward(self, x: Any) -> Any:
        y = kernels.of(x).relu(x, out=x if self.in_place else None)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return PassWherePositive.apply(grad, y)


class ReluInPlace(Relu):
    """x ← max(x, 0), in x's own memory"""

    in_place = True


class PassWherePositive(Function):
    """z = g where y > 0, else 0        ∂L/∂g = ∂L/∂z where y > 0, else 0;  y only chooses"""

    def forward(self, g: Any, y: Any) -> Any:
        self.save_for_backward(y)
        return kernels.of(g).pass_where_positive(g, y)

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return PassWherePositive.apply(grad, y), None


class Sigmoid(Function):
    """y = 1 / (1 + e⁻ˣ)        ∂L/∂x = ∂L/∂y · y·(1 − y)"""

    def forward(self, x: Any) -> Any:
        z = np.exp(-np.abs(x))  # at most 1, so nothing overflows for any x
        y = np.where(x >= 0, 1 / (1 + z), z / (1 + z))
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return grad * (y * (1 - y))


class Tanh(Function):
    """y = tanh x        ∂L/∂x = ∂L/∂y · (1 − y²)"""

    def forward(self, x: Any) -> Any:
        y = np.tanh(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return grad * (1 - y * y)


class Softmax(Function):
    """yᵢ = e^xᵢ / Σₖ e^xₖ        ∂L/∂xᵢ = yᵢ · (∂L/∂yᵢ − Σₖ ∂L/∂yₖ·yₖ)"""

    def forward(self, x: Any, dim: int) -> Any:
        self.dim = dim
        e = np.exp(x - np.max(x, axis=dim, keepdims=True))  # shifted: the same quotient, no overflow
        y = e / np.sum(e, axis=dim, keepdims=True)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return y * (grad - (grad * y).sum(self.dim, keepdim=True)), None


class LogSoftmax(Function):
    """yᵢ = xᵢ − ln Σₖ e^xₖ        ∂L/∂xᵢ = ∂L/∂yᵢ − e^yᵢ · Σₖ ∂L/∂yₖ"""

    def forward(self, x: Any, dim: int) -> Any:
        self.dim = dim
        shifted = x - np.max(x, axis=dim, keepdims=True)
        y = shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return grad - y.exp() * grad.sum(self.dim, keepdim=True), None


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0) of every element.

    Raises:
        RuntimeError: for a bool tensor.
    """
    if as_tensor_operand("relu", input).array.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return (ReluInPlace if inplace else Relu).apply(input)


def sigmoid(input: Any) -> Any:
    """1 / (1 + e⁻ˣ) of every element."""
    return Sigmoid.apply(to_floating(as_tensor_operand("sigmoid", input)))


def tanh(input: Any) -> Any:
    """Hyperbolic tangent of every element."""
    return Tanh.apply(to_floating(as_tensor_operand("tanh", input)))


def softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """e^x over dimension ``dim``, scaled so that it sums to 1.

    Raises:
        IndexError: if ``dim`` is out of range.
        NotImplementedError: for an integer tensor without ``dtype``.
    """
    return _over_dim("softmax", Softmax, input, dim, dtype)


def log_softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """ln softmax(x), computed without leaving the logarithm.

    Raises:
        IndexError: if ``dim`` is out of range.
        NotImplementedError: for an integer tensor without ``dtype``.
    """
    return _over_dim("log_softmax", LogSoftmax, input, dim, dtype)


def _over_dim(name: str, function: type[Function], input: Any, dim: int | None, dtype: Any) -> Any:
    x = as_tensor_operand(name, input)
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    if x.array.dtype.kind != "f":
        raise NotImplementedError(f"{name} is not implemented for {x.array.dtype}; pass dtype=minigrad.float32")
    if dim is None:
        dim = 0 if x.array.ndim in (0, 1, 3) else 1
        warnings.warn(f"{name}: implicit dimension choice is deprecated; pass dim={dim}", stacklevel=3)
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        return function.apply(x.reshape(1), 0).reshape(())
    return x if x.array.size == 0 else function.apply(x, dim)
