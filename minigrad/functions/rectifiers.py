"""The relatives of ReLU: about x above 0, and about 0 far below."""

from __future__ import annotations

from typing import Literal

from minigrad.engine.function import Function
from minigrad.engine.grad_mode import is_grad_enabled
from minigrad.functions.arguments import as_floating_operand, as_tensor_operand, in_place_if
from minigrad.functions.selection import where
from minigrad.ops.activation import Elu, Gelu, GeluByTanh, Hardswish, Relu6, Relu6InPlace, Silu, Softplus
from minigrad.ops.casting import apply_rounded_once
from minigrad.typing import Tensor

__all__ = [
    "elu",
    "gelu",
    "hardswish",
    "leaky_relu",
    "relu6",
    "silu",
    "softplus",
]


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Return min(max(x, 0), 6); the gradient at both kinks is 0."""
    return (Relu6InPlace if inplace else Relu6).apply(as_tensor_operand("relu6", input))


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x above 0, negative_slope · x below."""
    x = as_floating_operand("leaky_relu", input)
    return in_place_if(inplace, input, where(x > 0, x, x * negative_slope))


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x above 0, α · (eˣ − 1) below (Clevert et al. 2015)."""
    return _apply(Elu, as_floating_operand("elu", input), inplace, alpha=alpha)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x · sigmoid(x) (Elfwing et al. 2017)."""
    return _apply(Silu, as_floating_operand("silu", input), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)."""
    return _apply(Hardswish, as_floating_operand("hardswish", input), inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return ln(1 + e^(β·x)) / β; x itself where β·x is above the threshold."""
    return _apply(Softplus, as_floating_operand("softplus", input), False, beta=beta, threshold=threshold)


def gelu(input: Tensor, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """Return x · Φ(x), with Φ the normal distribution function (Hendrycks & Gimpel 2016), or its tanh approximation.

    Raises:
        RuntimeError: for another ``approximate`` than ``"none"`` and ``"tanh"``.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _apply(Gelu if approximate == "none" else GeluByTanh, as_floating_operand("gelu", input), False)


def _kept(input: Tensor) -> Tensor:
    """Return a copy if a derivative will need the input, which is about to be overwritten, else the input."""
    return input.clone() if is_grad_enabled() and input.requires_grad else input


def _apply(function: type[Function], input: Tensor, inplace: bool, **options: float) -> Tensor:
    if not inplace:
        return apply_rounded_once(function, input, **options)
    return input.copy_(apply_rounded_once(function, _kept(input), **options))
