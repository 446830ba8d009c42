"""Smooth activations and gates, each composed of exponentials, products and softmax."""

from __future__ import annotations

import numpy as np

from minigrad.devices import device_of, to_device
from minigrad.engine.tensor_base import wrap
from minigrad.functions.activation import sigmoid, softmax, tanh
from minigrad.functions.arguments import as_floating_operand, as_tensor_operand, in_place_if, normalize_dim
from minigrad.functions.rectifiers import elu, softplus
from minigrad.functions.selection import where
from minigrad.ops.casting import rounded_once
from minigrad.random import default_generator
from minigrad.typing import DType, Tensor

__all__ = [
    "celu",
    "glu",
    "gumbel_softmax",
    "logsigmoid",
    "mish",
    "selu",
    "softmin",
    "softsign",
    "tanhshrink",
]

#: The factors for which the outputs of many layers keep mean 0 and variance 1 (Klambauer et al. 2017).
_ALPHA, _SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x · tanh(ln(1 + eˣ)) (Misra 2019)."""
    x = as_floating_operand("mish", input)
    return in_place_if(inplace, input, _mish(x.clone() if inplace else x))


@rounded_once
def _mish(x: Tensor) -> Tensor:
    return x * tanh(softplus(x))


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return s · x above 0 and s · α · (eˣ − 1) below, s ≈ 1.0507 and α ≈ 1.6733 (Klambauer et al. 2017)."""
    x = as_floating_operand("selu", input)
    return in_place_if(inplace, input, _selu(x.clone() if inplace else x))


@rounded_once
def _selu(x: Tensor) -> Tensor:
    return elu(x, _ALPHA) * _SCALE


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x above 0 and α · (e^(x/α) − 1) below (Barron 2017).

    Raises:
        RuntimeError: if α is 0.
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    x = as_floating_operand("celu", input)
    return in_place_if(inplace, input, _celu(x.clone() if inplace else x, alpha))


@rounded_once
def _celu(x: Tensor, alpha: float) -> Tensor:
    below = elu(where(x > 0, 0.0, x) / alpha) * alpha
    return where(x > 0, x, below)


@rounded_once
def logsigmoid(input: Tensor) -> Tensor:
    """Return ln(1 / (1 + e⁻ˣ))."""
    return -softplus(-as_floating_operand("logsigmoid", input), threshold=np.inf)


def softsign(input: Tensor) -> Tensor:
    """Return x / (1 + |x|)."""
    x = as_tensor_operand("softsign", input)
    return x / (x.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """Return x − tanh x."""
    x = as_tensor_operand("tanhshrink", input)
    return x - tanh(x)


def softmin(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """Return softmax(−x) over dimension ``dim``.

    Raises:
        IndexError: if ``dim`` is out of range.
        NotImplementedError: for an integer tensor without ``dtype``.
    """
    return softmax(-as_tensor_operand("softmin", input), dim, dtype)


@rounded_once
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return a · sigmoid(b), where a and b are the halves of the input along ``dim`` (Dauphin et al. 2016).

    Raises:
        RuntimeError: if the size is odd, or the tensor has no dimension.
    """
    x = as_floating_operand("glu", input)
    if x.array.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {x.array.shape[dim]}")
    half = x.array.shape[dim] // 2
    return x.narrow(dim, 0, half) * sigmoid(x.narrow(dim, half, half))


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """Return softmax((logits + noise) / τ): nearly a random choice with the probabilities softmax(logits).

    The noise is −ln(−ln u) of uniform u (Jang et al. 2016).

    Args:
        hard: return the choice itself, one-hot, with the gradient of the softmax.
        eps: without effect.
    """
    x = as_floating_operand("gumbel_softmax", logits)
    exponential = np.asarray(default_generator.numpy.standard_exponential(x.array.shape)).astype(x.array.dtype)
    noise = wrap(to_device(-np.log(np.maximum(exponential, np.finfo(exponential.dtype).tiny)), device_of(x.array)))
    soft = softmax((x + noise) / tau, dim)
    if not hard:
        return soft
    chosen = soft.detach().argmax(dim, keepdim=True)
    one_hot = (soft.detach() * 0).scatter_add(dim, chosen, soft.detach().gather(dim, chosen) * 0 + 1)
    return one_hot - soft.detach() + soft
