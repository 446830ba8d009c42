"""Cycles: the rate up and down between two ends, over and over, and the momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from minigrad.optim.lr_scheduler.functions import attributes
from minigrad.optim.lr_scheduler.momentum import refuse_without_momentum, set_momentum
from minigrad.optim.lr_scheduler.schedule import LRScheduler, State, for_each_group
from minigrad.optim.optimizer import Optimizer


class CyclicLR(LRScheduler):
    """lr = base + (max − base) · height · scale, where the height goes from 0 to 1 and back (Smith 2017).

    Args:
        base_lr, max_lr: the ends, for all groups or one for each.
        step_size_up, step_size_down: the steps of the way up, and of the way down; by default as many.
        mode: the scale is 1 (``"triangular"``), half of what it was in the last cycle (``"triangular2"``) or gamma^t
            (``"exp_range"``).
        scale_fn: a function that gives the scale, of the number of the cycle, from 1 on, or with ``scale_mode`` of
            ``"iterations"`` of the step t.
        cycle_momentum: lower the momentum from ``max_momentum`` to ``base_momentum`` where the rate rises.

    Raises:
        ValueError: for an unknown mode, or if an optimiser without momentum should cycle it.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        lows, self.max_lrs = for_each_group("base_lr", optimizer, base_lr), for_each_group("max_lr", optimizer, max_lr)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(
                f"mode is invalid and scale_fn is None: {mode!r} is not triangular, triangular2 or exp_range"
            )
        if cycle_momentum:
            refuse_without_momentum(optimizer)
        self.total_size = float(step_size_up) + float(step_size_up if step_size_down is None else step_size_down)
        self.step_ratio = step_size_up / self.total_size
        self.mode, self.gamma, self.cycle_momentum = mode, gamma, cycle_momentum
        self.own_scale = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.base_momentums = for_each_group("base_momentum", optimizer, base_momentum)
        self.max_momentums = for_each_group("max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for i, group in enumerate(optimizer.param_groups):
                group["lr"] = lows[i]
                if cycle_momentum:
                    group.update(max_momentum=self.max_momentums[i], base_momentum=self.base_momentums[i])
                    set_momentum(group, self.max_momentums[i])
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lows

    def scale_fn(self, x: float) -> float:
        """Return the scale of cycle ``x``, or in mode ``"exp_range"`` that of step ``x``."""
        if self.own_scale is not None:
            return self.own_scale(x)
        if self.mode == "exp_range":
            return self.gamma**x
        return 1.0 if self.mode == "triangular" else 1 / 2.0 ** (x - 1)

    def get_lr(self) -> list[float]:
        """Return every group's learning rate at step ``last_epoch``, whatever they are now, and set its momentum."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        done = 1.0 + self.last_epoch / self.total_size - cycle
        height = done / self.step_ratio if done <= self.step_ratio else (done - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            ends = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, ends, strict=True):
                set_momentum(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> State:
        """Return everything but the optimiser; of a function that is an object its attributes, of others None."""
        return {**super().state_dict(), "own_scale": attributes(self.own_scale)}

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from a ``state_dict``; the user makes the function again."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "own_scale"})
        if (saved := state_dict.get("own_scale")) is not None:
            vars(self.own_scale).update(saved)
