"""Dropout: random elements set to 0."""

from __future__ import annotations

import numpy as np

from minigrad import kernels
from minigrad.caller import warn
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arithmetic import mul
from minigrad.random import default_generator
from minigrad.typing import Tensor

__all__ = [
    "dropout",
    "dropout2d",
]


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, set each element to 0 with probability p and scale the others by 1 / (1 − p).

    The scale keeps the expected value, so that evaluation needs no change (Srivastava et al. 2014).

    Raises:
        ValueError: if p is not in [0, 1].
        RuntimeError: for integers, which the scale would leave.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0:
        return input
    if p < 1.0 and input.dtype.kind != "f":
        raise RuntimeError(f"dropout scales what it keeps, and the result can't be cast to {input.dtype}")
    if isinstance(input.array, np.ndarray):
        numbers = np.asarray(default_generator.numpy.random(input.shape, dtype=np.float32))
    else:
        seed, start = default_generator.on_device(input.numel())
        numbers = kernels.of(input.array).uniform(input.array, input.numel(), seed, start).reshape(input.shape)
    scale = 0.0 if p == 1.0 else 1.0 / (1.0 - p)
    factors = np.empty_like(input.array)  # in its memory order, as the product will be
    np.multiply(numbers >= p, input.dtype.type(scale), out=factors)
    mask = wrap(factors)
    return input.mul_(mask) if inplace else mul(input, mask)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drop whole channels of (N, C, H, W) or (C, H, W), because neighbouring pixels carry much the same information.

    Raises:
        ValueError: if p is not in [0, 1].
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0:
        return input
    if input.ndim == 3:
        warn("dropout2d: an input of 3 dimensions is taken for one sample of shape (C, H, W); make it (N, C, H, W)")
    channels = input.shape[:1] if input.ndim == 3 else input.shape[:2]
    ones = wrap(np.ones_like(input.array, shape=(*channels, *(1,) * (input.ndim - len(channels)))))
    mask = dropout(ones, p)
    return input.mul_(mask) if inplace else mul(input, mask)
