"""Functions of each element, composed of others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import minigrad
from minigrad import Tensor
from minigrad.as_torch.composed.arrangement import broadcast_tensors


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Return the larger of each element and ``min``."""
    return input.clamp(min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Return the smaller of each element and ``max``."""
    return input.clamp(max=max)


def copysign(input: Tensor, other: Any) -> Tensor:
    """Return the elements with the signs of ``other``, also those of its zeros."""
    other = minigrad.as_tensor(other, dtype=input.dtype)
    sign = minigrad.from_numpy(np.asarray(np.copysign(1, other.detach().numpy())))
    return input.abs() * sign


def deg2rad(input: Tensor) -> Tensor:
    """Return angles in radians."""
    return input * (math.pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """Return angles in degrees."""
    return input * (180 / math.pi)


def erfc(input: Tensor) -> Tensor:
    """Return 1 − erf(x); it loses digits where that is small."""
    return 1 - minigrad.erf(input)


def frac(input: Tensor) -> Tensor:
    """Return what follows the point."""
    return input - input.trunc()


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """Return √(x² + y²)."""
    return (input * input + other * other).sqrt()


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """Return ln(eˣ + eʸ) without overflow."""
    return minigrad.stack(broadcast_tensors(input, other)).logsumexp(0)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """Return ln(x / (1 − x)), of x in [eps, 1 − eps] if ``eps`` is given."""
    x = input if eps is None else input.clamp(eps, 1 - eps)
    return (x / (1 - x)).log()


def xlogy(input: Any, other: Any) -> Tensor:
    """Return x · ln y, and 0 where x is 0."""
    x, y = minigrad.as_tensor(input), minigrad.as_tensor(other)
    return minigrad.where(x == 0, 0.0, x * y.log())


def sinc(input: Tensor) -> Tensor:
    """Return sin(πx) / (πx), and 1 at 0."""
    x = minigrad.where(input == 0, 1.0, input) * math.pi
    return minigrad.where(input == 0, 1.0, x.sin() / x)


def float_power(input: Any, exponent: Any) -> Tensor:
    """Return xʸ in float64."""
    power: Tensor = minigrad.as_tensor(input).double() ** exponent
    return power


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """Return 0 for negative elements, 1 for positive ones, and ``values`` for zeros."""
    return minigrad.where(input == 0, values, (input > 0).to(input.dtype))


def erfinv(input: Tensor) -> Tensor:
    """Return y with erf(y) = x, for x in [−1, 1]; only its first derivative is right.

    Winitzki's approximation, and four of Newton's steps, of which the last has the derivative.
    """
    x = input.detach()
    inside = x.abs() < 1
    bound = minigrad.where(inside, x, 0.0)
    log, a = (1 - bound * bound).log(), 0.147
    half = 2 / (math.pi * a) + log / 2
    y = bound.sign() * ((half * half - log / a).sqrt() - half).clamp(min=0).sqrt()
    for _ in range(3):
        y = y - (minigrad.erf(y) - bound) * (math.sqrt(math.pi) / 2) * (y * y).exp()
    result = y - (minigrad.erf(y) - minigrad.where(inside, input, 0.0)) * (math.sqrt(math.pi) / 2) * (y * y).exp()
    ends = minigrad.where(x.abs() == 1, x * math.inf, math.nan)
    return minigrad.where(inside, result, ends)
