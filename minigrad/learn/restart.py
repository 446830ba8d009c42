"""A small training that can be saved and resumed: a linear model with momentum, a schedule and random batches."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import cast

import numpy as np

from minigrad.learn.training import learning_rate
from minigrad.typing import Array


class Training:
    """A training that depends on four things: weights, momentum, the number of the step, and random numbers."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.weights: Array = self.random.standard_normal(4)
        self.momentum: Array = np.zeros(4)
        self.step = 0

    def take(self, steps: int) -> None:
        """Take some steps, each on a random batch of a fixed problem."""
        data = np.random.default_rng(0).standard_normal((20, 4))
        target = data @ np.array([1.0, -2.0, 0.5, 3.0])
        for _ in range(steps):
            batch = self.random.integers(0, 20, 4)
            gradient = data[batch].T @ (data[batch] @ self.weights - target[batch]) / 4
            self.momentum *= 0.9
            self.momentum += gradient
            self.weights -= learning_rate(self.step, 40, 5, 0.1) * self.momentum
            self.step += 1

    def restore(self, saved: Mapping[str, object]) -> None:
        """Put back what a checkpoint has; the rest stays as in a new training."""
        if "weights" in saved:
            self.weights = np.array(saved["weights"])
        if "momentum" in saved:
            self.momentum = np.array(saved["momentum"])
        if "step" in saved:
            self.step = int(saved["step"])  # type: ignore[call-overload]
        if "random" in saved:
            self.random.bit_generator.state = copy.deepcopy(cast(Mapping[str, object], saved["random"]))


def checkpoint(training: Training) -> Mapping[str, object]:
    """Return all that the next steps depend on. The exercise ``resume`` replaces this function."""
    return {
        "weights": training.weights.copy(),
        "momentum": training.momentum.copy(),
        "step": training.step,
        "random": copy.deepcopy(training.random.bit_generator.state),
    }


def interrupted() -> Array:
    """Return the weights of a training that was interrupted and resumed."""
    first = Training(seed=3)
    first.take(6)
    second = Training(seed=4)
    second.restore(checkpoint(first))
    second.take(6)
    return second.weights
