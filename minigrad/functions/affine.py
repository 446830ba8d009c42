"""The affine map of a fully connected layer."""

from __future__ import annotations

import math

from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.linalg import matmul
from minigrad.functions.promotion import lowered
from minigrad.ops.linalg import Linear
from minigrad.typing import Tensor

__all__ = [
    "linear",
]


def _alike(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Return true if the dtypes are the same and the bias has one element for each row of the weight."""
    if x.array.dtype != weight.array.dtype:
        return False
    return bias is None or (bias.array.shape == weight.array.shape[:1] and bias.array.dtype == x.array.dtype)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x Wᵀ + b over the last dimension. input (…, in), weight (out, in), bias (out) → (…, out).

    Raises:
        RuntimeError: if the sizes do not fit, naming the shapes.
    """
    input, weight, bias = lowered(input, weight, bias)
    x = as_tensor_operand("linear", input)
    if x.array.ndim == 0 or x.array.shape[-1] != weight.array.shape[-1]:
        raise RuntimeError(
            f"linear(): input of shape {list(x.array.shape)} and weight of shape {list(weight.array.shape)} cannot be "
            f"multiplied: the input's last size must be {weight.array.shape[-1]}"
        )
    lead = x.array.shape[:-1]
    flat = x if x.array.ndim <= 2 else x.reshape(math.prod(lead), x.array.shape[-1])  # one product, not one an item
    if flat.array.ndim == weight.array.ndim == 2 and _alike(flat, weight, bias):
        y = Linear.apply(flat, weight, bias)
    else:
        y = matmul(flat, weight.t())
        y = y if bias is None else y + bias
    return y if x.array.ndim <= 2 else y.reshape(*lead, *weight.array.shape[:-1])
