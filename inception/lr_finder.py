"""The learning-rate finder (Smith 2015, "Cyclical Learning Rates"): a short run with an ever higher rate.

The loss falls fastest a little below the rate at which it begins to rise; a rate there is a good one to begin with.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from inception.training import Training, backward_pass, forward_pass, loss_computation, prepare, set_training_mode
from minigrad.data import DataLoader

_SMOOTHING = 0.9  # of the losses, an exponential moving average
_TOO_HIGH = 4.0  # times the lowest loss so far: then the search is over


def find_learning_rate(
    training: Training, loader: DataLoader, lowest: float = 1e-6, highest: float = 1.0, steps: int = 100
) -> tuple[list[float], list[float]]:
    """Takes steps with rates from ``lowest`` to ``highest``, evenly in their logarithm.

    The model is trained by this and good for nothing else afterwards. Returns the rates and the smoothed losses.
    """
    recipe, model = training.recipe, training.model
    set_training_mode(model)
    rates: list[float] = []
    losses: list[float] = []
    average = 0.0
    batches = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())
    for number, batch in enumerate(itertools.islice(batches, steps)):
        rate = lowest * (highest / lowest) ** (number / max(steps - 1, 1))
        for group in training.optimizer.param_groups:
            group["lr"] = rate
        images, labels = prepare(batch, recipe)
        loss = loss_computation(forward_pass(model, images), labels, recipe.label_smoothing)
        value = loss.item()
        if not math.isfinite(value):
            break
        average = _SMOOTHING * average + (1 - _SMOOTHING) * value
        rates.append(rate)
        losses.append(average / (1 - _SMOOTHING ** (number + 1)))
        if losses[-1] > _TOO_HIGH * min(losses):
            break
        backward_pass(training.optimizer, loss)
        training.optimizer.step()
    return rates, losses


def suggestion(rates: list[float], losses: list[float]) -> float | None:
    """The rate at which the loss falls fastest; None if it never falls."""
    if len(rates) < 5:
        return None
    slopes = np.gradient(np.array(losses), np.log(rates))
    lowest = int(np.argmin(losses))
    before = slopes[: max(lowest, 1)]
    return float(rates[int(np.argmin(before))]) if before.min() < 0 else None
