"""Activation functions that torch has at its top and in ``torch.nn.functional``."""

from __future__ import annotations

import numpy as np

from minigrad.caller import warn
from minigrad.engine.function import Function
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, numpy_names
from minigrad.functions.promotion import raised, to_floating
from minigrad.ops.activation import LogSoftmax, Relu, ReluInPlace, Sigmoid, Softmax, Tanh
from minigrad.ops.casting import cast
from minigrad.typing import DType, Tensor

__all__ = [
    "log_softmax",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return max(x, 0) of every element.

    Raises:
        RuntimeError: for a bool tensor.
    """
    if as_tensor_operand("relu", input).array.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return (ReluInPlace if inplace else Relu).apply(input)


def sigmoid(input: Tensor) -> Tensor:
    """Return 1 / (1 + e⁻ˣ) of every element."""
    return Sigmoid.apply(to_floating(as_tensor_operand("sigmoid", input)))


def tanh(input: Tensor) -> Tensor:
    """Return the hyperbolic tangent of every element."""
    return Tanh.apply(to_floating(as_tensor_operand("tanh", input)))


@numpy_names
def softmax(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """Return e^x over dimension ``dim``, scaled so that it sums to 1.

    Raises:
        IndexError: if ``dim`` is out of range.
        NotImplementedError: for an integer tensor without ``dtype``.
    """
    return _over_dim("softmax", Softmax, input, dim, dtype)


@numpy_names
def log_softmax(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """Return ln softmax(x), computed without leaving the logarithm.

    Raises:
        IndexError: if ``dim`` is out of range.
        NotImplementedError: for an integer tensor without ``dtype``.
    """
    return _over_dim("log_softmax", LogSoftmax, input, dim, dtype)


def _over_dim(name: str, function: type[Function], input: Tensor, dim: int | None, dtype: DType | None) -> Tensor:
    x = raised(as_tensor_operand(name, input))
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    if x.array.dtype.kind != "f":
        raise NotImplementedError(f"{name} is not implemented for {x.array.dtype}; pass dtype=minigrad.float32")
    if dim is None:
        dim = 0 if x.array.ndim in (0, 1, 3) else 1
        warn(f"{name}: implicit dimension choice is deprecated; pass dim={dim}")
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        return function.apply(x.reshape(1), dim=0).reshape(())
    return x.clone() if x.array.size == 0 else function.apply(x, dim=dim)
