"""Schedules of the learning rate, by the names that recipes use.

Each is stepped after every training *step*, whatever the unit in which its source states it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minigrad import optim
from minigrad.optim import lr_scheduler
from minigrad.optim.lr_scheduler import LRScheduler


@dataclass(frozen=True)
class Plan:
    """The settings of a schedule."""

    lr: float  # the highest rate
    steps: int  # in all
    steps_per_epoch: int
    warmup: float  # share of the steps in which the rate rises


def constant(optimizer: optim.Optimizer, plan: Plan) -> None:
    """Return no schedule: the rate stays."""


def cosine(optimizer: optim.Optimizer, plan: Plan) -> LRScheduler:
    """Return a schedule that falls to 0 along half a cosine."""
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=plan.steps)


def exponential(optimizer: optim.Optimizer, plan: Plan) -> LRScheduler:
    """Return a schedule that multiplies the rate by 0.94 every two epochs, a little at every step."""
    return lr_scheduler.ExponentialLR(optimizer, gamma=0.94 ** (1 / (2 * plan.steps_per_epoch)))


def onecycle(optimizer: optim.Optimizer, plan: Plan) -> LRScheduler:
    """Return a schedule that rises to the highest rate and falls again, once (Smith 2018).

    Where ``warmup`` is less than a step, it only falls.
    """
    total = plan.steps + 1  # one more than will be taken, because the schedule is stepped after the last one too
    share = float(plan.warmup)
    return lr_scheduler.OneCycleLR(optimizer, plan.lr, total_steps=total, pct_start=share, cycle_momentum=False)


def step(optimizer: optim.Optimizer, plan: Plan) -> LRScheduler:
    """Return a schedule that divides the rate by ten every thirty epochs."""
    return lr_scheduler.StepLR(optimizer, step_size=30 * plan.steps_per_epoch, gamma=0.1)


SCHEDULES: dict[str, Callable[[optim.Optimizer, Plan], LRScheduler | None]] = {
    "constant": constant,
    "cosine": cosine,
    "exponential": exponential,
    "onecycle": onecycle,
    "step": step,
}
