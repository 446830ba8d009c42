"""Small computations in the engine, by which the judge sees that a learner's function works there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad.creation import from_numpy
from minigrad.tensor import Tensor
from minigrad.typing import Array


def numbers(*shape: int, seed: int = 0) -> Array:
    """Return normal numbers, the same each time."""
    return np.asarray(np.random.default_rng((seed, *shape)).standard_normal(shape))


def gradients(function: Callable[..., Tensor], *inputs: Array) -> list[Array]:
    """Return the gradients of all inputs of a function of tensors, for a fixed gradient from above."""
    tensors = [from_numpy(x.copy()).requires_grad_() for x in inputs]
    y = function(*tensors)
    y.backward(from_numpy(numbers(*y.shape, seed=1)))
    return [np.zeros(t.shape) if t.grad is None else np.asarray(t.grad.array) for t in tensors]
