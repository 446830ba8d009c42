"""The learning-rate finder (Smith 2015, "Cyclical Learning Rates"): a short run with an ever higher rate.

The loss falls fastest at a rate a little below the one at which it begins to rise; that is a good rate to start with.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from inception.batch import to_device
from inception.freezing import set_training_mode
from inception.progress import shown
from inception.state import Training
from inception.step import backward_pass, forward_pass, loss_computation, optimization_pass
from minigrad.data import DataLoader

_SMOOTHING = 0.9  # decay of the exponential moving average of the losses
_TOO_HIGH = 4.0  # times the lowest loss so far: the search ends


def find_learning_rate(
    training: Training, loader: DataLoader, lowest: float = 1e-6, highest: float = 1.0, steps: int = 100
) -> tuple[list[float], list[float]]:
    """Take steps with rates from ``lowest`` to ``highest``, evenly spaced in their logarithm.

    Return the rates and the smoothed losses. The model is of no use afterwards.
    """
    recipe, model, optimizer = training.recipe, training.model, training.optimizer
    set_training_mode(model)
    rates: list[float] = []
    losses: list[float] = []
    average = 0.0
    batches = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())
    tried = shown(itertools.islice(batches, steps), "trying learning rates", steps, "step")
    for number, loaded in enumerate(tried):
        rate = lowest * (highest / lowest) ** (number / max(steps - 1, 1))
        for group in optimizer.param_groups:
            group["lr"] = rate
        images, labels, _ = to_device(loaded, recipe.device, recipe.dtype)
        loss = loss_computation(forward_pass(model, images), labels, recipe.label_smoothing, training.class_weights)
        value = loss.item()
        if not math.isfinite(value):
            break
        average = _SMOOTHING * average + (1 - _SMOOTHING) * value
        rates.append(rate)
        losses.append(average / (1 - _SMOOTHING ** (number + 1)))
        if losses[-1] > _TOO_HIGH * min(losses):
            break
        backward_pass(optimizer, loss)
        optimization_pass(optimizer)
    return rates, losses


def suggestion(rates: list[float], losses: list[float]) -> float | None:
    """Return the middle of the decade of rates in which the loss falls most; None if it never falls.

    From one batch to the next a loss falls by chance, most of all in the first steps, which change hardly anything.
    """
    if len(rates) < 5:
        return None
    steps_of_a_decade = (len(rates) - 1) / math.log10(rates[-1] / rates[0])
    half = max(1, min(round(steps_of_a_decade / 2), (len(rates) - 1) // 4))
    lowest = int(np.argmin(losses))
    fallen = np.array(losses[2 * half :]) - np.array(losses[: -2 * half])
    fallen = fallen[: max(lowest - half, 1)]  # up to the lowest loss
    return float(rates[half + int(np.argmin(fallen))]) if fallen.min() < 0 else None
