"""Learning-rate schedules: call ``scheduler.step()`` after ``optimizer.step()``.

Each schedule is a formula for the learning rate of every group at step t, given what it was at step 0.
Source: torch documentation, ``torch.optim.lr_scheduler``.
"""

from __future__ import annotations

import math
from typing import Any

from minigrad.optim.optimizer import Optimizer


class LRScheduler:
    """Base of the schedules. A subclass defines ``lr_at(step, base_lr)``."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        for i, group in enumerate(optimizer.param_groups):
            if "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming an optimizer; "
                    f"it must be set for last_epoch={last_epoch}"
                )
        self.optimizer = optimizer
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def lr_at(self, step: int, base_lr: float) -> float:
        """The learning rate at ``step`` of a group that began with ``base_lr``."""
        raise NotImplementedError

    def step(self) -> None:
        """Goes on to the next step and sets every group's learning rate."""
        self.last_epoch += 1
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.lr_at(self.last_epoch, base)

    def get_last_lr(self) -> list[float]:
        """The learning rates now, one a group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues from a ``state_dict``."""
        self.__dict__.update(state_dict)


class StepLR(LRScheduler):
    """lr = base · gammaᵏ with k = ⌊t / step_size⌋."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: int, base_lr: float) -> float:
        return base_lr * self.gamma ** (step // self.step_size)


class ExponentialLR(LRScheduler):
    """lr = base · gammaᵗ."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: int, base_lr: float) -> float:
        return base_lr * self.gamma**step


class CosineAnnealingLR(LRScheduler):
    """lr = min + (base − min) · (1 + cos(π·t / T_max)) / 2 (Loshchilov & Hutter 2016, without restarts)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:  # noqa: N803
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: int, base_lr: float) -> float:
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * step / self.T_max)) / 2


class OneCycleLR(LRScheduler):
    """Up to ``max_lr`` and down again to almost nothing, momentum the other way (Smith & Topin 2017).

    Args:
        max_lr: the highest rate, for all groups or one for each.
        total_steps: of the cycle; or give ``epochs`` and ``steps_per_epoch``.
        pct_start: the share of the cycle in which the rate rises.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        div_factor, final_div_factor: it starts at max_lr / div_factor and ends at that / final_div_factor.
        three_phase: come down as slowly as up, then a third phase to the final rate.

    Raises:
        ValueError: if no length is given, an option is out of range, or ``step`` goes beyond the cycle.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
            total_steps = epochs * steps_per_epoch
        if not isinstance(total_steps, int) or total_steps <= 0:
            raise ValueError(f"Expected positive integer total_steps, but got {total_steps}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self.total_steps, self.linear = total_steps, anneal_strategy == "linear"
        rise = float(pct_start * total_steps) - 1
        last = total_steps - 1
        # Each phase: the step at which it ends, and the levels it goes between.
        if three_phase:
            self.phases = [(rise, "initial", "max"), (2 * rise, "max", "initial"), (last, "initial", "final")]
        else:
            self.phases = [(rise, "initial", "max"), (last, "max", "final")]
        self.cycle_momentum = cycle_momentum
        groups = optimizer.param_groups
        tops = list(max_lr) if isinstance(max_lr, list | tuple) else [max_lr] * len(groups)
        if len(tops) != len(groups):
            raise ValueError(f"expected {len(groups)} values for max_lr, got {len(tops)}")
        self.levels = [
            {"max": top, "initial": top / div_factor, "final": top / div_factor / final_div_factor} for top in tops
        ]
        momentum_levels = {"initial": max_momentum, "max": base_momentum, "final": max_momentum}
        self.momentum_levels = momentum_levels
        if cycle_momentum and not any(key in groups[0] for key in ("momentum", "betas")):
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        if last_epoch == -1:
            for group, level in zip(groups, self.levels, strict=True):
                group["lr"] = level["initial"]
        super().__init__(optimizer, last_epoch)

    def step(self) -> None:
        self.last_epoch += 1
        if self.last_epoch >= self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}"
            )
        for group, level in zip(self.optimizer.param_groups, self.levels, strict=True):
            group["lr"] = self._level_at(self.last_epoch, level)
            if self.cycle_momentum:
                momentum = self._level_at(self.last_epoch, self.momentum_levels)
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum

    def _level_at(self, step: int, levels: dict[str, float]) -> float:
        start = 0.0
        for end, low, high in self.phases:
            if step <= end or end == self.phases[-1][0]:
                share = (step - start) / (end - start)
                return self._between(levels[low], levels[high], share)
            start = end
        raise AssertionError("the last phase takes every step")

    def _between(self, start: float, end: float, share: float) -> float:
        if self.linear:
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
