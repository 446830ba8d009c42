"""The training loop of the milestones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from minigrad.nn.module import Module
from minigrad.optim.optimizer import Optimizer
from minigrad.tensor import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


def training_step(model: Module, optimizer: Optimizer, loss_function: Loss, images: Tensor, labels: Tensor) -> float:
    """Take one step of training; return the loss before it. The exercise of this name replaces this function."""
    optimizer.zero_grad()
    loss = loss_function(model(images), labels)
    loss.backward()
    optimizer.step()
    return float(loss.item())


def train(
    model: Module, optimizer: Optimizer, loss_function: Loss, images: Tensor, labels: Tensor, batch: int, steps: int
) -> Iterator[float]:
    """Take ``steps`` steps on consecutive batches, from the start again at the end; yield the loss of each."""
    for step in range(steps):
        first = step * batch % (len(labels) - batch + 1)
        chosen = slice(first, first + batch)
        yield training_step(model, optimizer, loss_function, images[chosen], labels[chosen])


def learning_rate(step: int, steps: int, warmup: int, peak: float) -> float:
    """Return the learning rate of a step. The exercise ``schedule`` replaces this function."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


def rates(steps: int, warmup: int, peak: float) -> Iterator[float]:
    """Yield the learning rate of each step."""
    for step in range(steps):
        yield learning_rate(step, steps, warmup, peak)
