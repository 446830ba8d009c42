"""Schedules that multiply the rate by a factor at some steps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from minigrad.optim.lr_scheduler.schedule import LRScheduler, State
from minigrad.optim.optimizer import Optimizer


class StepLR(LRScheduler):
    """lr = base · gammaᵏ with k = ⌊t / step_size⌋."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: float, base_lr: float) -> float:
        return base_lr * self.gamma ** (step // self.step_size)

    def next_lr(self, lr: float, base_lr: float) -> float:
        return lr if self.last_epoch == 0 or self.last_epoch % self.step_size != 0 else lr * self.gamma


class MultiStepLR(LRScheduler):
    """lr = base · gammaᵏ, where k is how many of the milestones have been reached."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: float, base_lr: float) -> float:
        return base_lr * self.gamma ** bisect_right(self.milestones, step)

    def next_lr(self, lr: float, base_lr: float) -> float:
        return lr * self.gamma ** self.milestones.count(self.last_epoch)

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from a ``state_dict``; torch's has a count for each milestone."""
        super().load_state_dict(state_dict)
        if isinstance(self.milestones, Mapping):
            self.milestones = sorted(step for step, count in self.milestones.items() for _ in range(count))


class ExponentialLR(LRScheduler):
    """lr = base · gammaᵗ."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: float, base_lr: float) -> float:
        return base_lr * self.gamma**step

    def next_lr(self, lr: float, base_lr: float) -> float:
        return lr if self._is_initial else lr * self.gamma
