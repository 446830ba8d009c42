"""Activations of straight pieces: they cut off, or set to a value, what lies below or above a threshold."""

from __future__ import annotations

import math

import numpy as np

from minigrad.devices import device_of, to_device
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_floating_operand, as_tensor_operand, in_place_if
from minigrad.functions.rectifiers import relu6
from minigrad.functions.selection import where
from minigrad.ops.casting import rounded_once
from minigrad.random import default_generator
from minigrad.typing import Tensor

__all__ = [
    "hardshrink",
    "hardsigmoid",
    "hardtanh",
    "prelu",
    "rrelu",
    "softshrink",
    "threshold",
]


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Return min(max(x + 3, 0), 6) / 6 (Howard et al. 2019); the gradient at both kinks is 0."""
    return in_place_if(inplace, input, _hardsigmoid(as_floating_operand("hardsigmoid", input)))


@rounded_once
def _hardsigmoid(x: Tensor) -> Tensor:
    return relu6(x + 3) / 6


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Return min(max(x, min_val), max_val); the gradient at both kinks is 0.

    Raises:
        ValueError: if ``min_val`` is above ``max_val``.
        RuntimeError: for bools, and negative limits of an unsigned dtype.
    """
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}")
    x = as_tensor_operand("hardtanh", input)
    if x.array.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if x.array.dtype.kind in "iu":
        min_val, max_val = int(min_val), int(max_val)
    if x.array.dtype.kind == "u" and min(min_val, max_val) < 0:
        raise RuntimeError(f"cannot do hardtanh on an unsigned type with negative limits, got {min_val}, {max_val}")
    cut = where(x <= min_val, min_val, where(x >= max_val, max_val, x))
    return in_place_if(inplace, input, cut.to(x.dtype))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return x where |x| > λ, else 0."""
    x = as_floating_operand("hardshrink", input)
    return where((x >= -lambd) & (x <= lambd), 0.0, x)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return x − λ above λ, x + λ below −λ, and 0 in between.

    Raises:
        RuntimeError: for a negative λ.
    """
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    x = as_floating_operand("softshrink", input)
    return where((x >= -lambd) & (x <= lambd), 0.0, x - x.detach().sign() * lambd)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Return x above the threshold, else ``value``.

    Raises:
        RuntimeError: if the dtype, of integers, has no such value.
    """
    x = as_tensor_operand("threshold", input)
    if x.array.dtype.kind in "iu" and not np.iinfo(x.array.dtype).min <= value <= np.iinfo(x.array.dtype).max:
        raise RuntimeError(f"threshold: value {value} cannot be converted to {x.array.dtype} without overflow")
    if x.array.dtype.kind in "iu":
        threshold, value = int(threshold), int(value)
    return in_place_if(inplace, input, where(x <= threshold, value, x).to(x.dtype))


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return x above 0, weight · x below (He et al. 2015).

    Args:
        weight: a number, or one for each channel (dimension 1).

    Raises:
        RuntimeError: if there are neither one nor as many as channels.
    """
    x, w = as_tensor_operand("prelu", input), as_tensor_operand("prelu", weight, "weight")
    if x.array.dtype != w.array.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {x.array.dtype} and {w.array.dtype}")
    if w.array.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.array.ndim}")
    channels = x.array.shape[1] if x.array.ndim > 1 else 1
    if w.array.size != 1:
        if x.array.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        if w.array.size != channels:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {w.array.size} and "
                f"channel size = {channels}."
            )
    slope = w.reshape(-1, *(1,) * (x.array.ndim - 2)) if x.array.ndim > 1 else w.reshape(*(1,) * x.array.ndim)
    return where(x > 0, x, slope * where(x > 0, 0.0, x))  # so that a factor of x above 0 is never 0 · ∞


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """Return x above 0, and slope · x below (Xu et al. 2015).

    In training the slope of each element is drawn uniformly from [lower, upper); otherwise it is their mean.

    Raises:
        RuntimeError: if a bound is not finite, or ``lower`` is above ``upper``.
    """
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise RuntimeError(f"rrelu: the bounds must be finite numbers, got {lower} and {upper}")
    if lower > upper:
        raise RuntimeError(f"Lower bound should be less than or equal to the upper bound, got {lower} and {upper}")
    x = as_floating_operand("rrelu", input)
    slope: Tensor | float = (lower + upper) / 2
    if training:
        drawn = default_generator.uniform(x.array.shape, x.array.dtype, lower, upper)
        slope = wrap(to_device(drawn, device_of(x.array)))
    return in_place_if(inplace, input, where(x > 0, x, x * slope))
