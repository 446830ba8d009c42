"""Schedules by functions of the user."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import TypeAlias

from minigrad.optim.lr_scheduler.schedule import LRScheduler, State, for_each_group
from minigrad.optim.optimizer import Optimizer

Factor: TypeAlias = Callable[[int], float]


class _ByFunctions(LRScheduler):
    """Schedules by functions of the step: one for all groups, or one for each.

    Raises:
        ValueError: if there are not as many functions as groups.
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        self.lr_lambdas = for_each_group("lr_lambda", optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> State:
        """Return everything but the optimiser; of functions that are objects their attributes, of others None."""
        return {**super().state_dict(), "lr_lambdas": [attributes(f) for f in self.lr_lambdas]}

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from a ``state_dict``; the user makes the functions again."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for f, saved in zip(self.lr_lambdas, state_dict.get("lr_lambdas", ()), strict=False):
            if saved is not None:
                vars(f).update(saved)


def attributes(function: Callable[..., object] | None) -> dict[str, object] | None:
    """Return the attributes of a function that is an object; None of others."""
    is_object = hasattr(function, "__dict__") and not isinstance(function, types.FunctionType)
    return dict(vars(function)) if is_object else None


class LambdaLR(_ByFunctions):
    """lr = base · f(t), with a function f, or one for each group."""

    def get_lr(self) -> list[float]:
        """Return every group's learning rate at step ``last_epoch``, whatever they are now."""
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_ByFunctions):
    """lr = base · f(1) · f(2) · … · f(t), with a function f, or one for each group.

    Raises:
        TypeError: if one is not a function.
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        for f in lr_lambda if isinstance(lr_lambda, list | tuple) else [lr_lambda]:
            if not callable(f):
                raise TypeError(f"lr_lambda should be a function, but got {type(f).__name__}")
        super().__init__(optimizer, lr_lambda, last_epoch)

    def get_lr(self) -> list[float]:
        """Return every group's learning rate at step ``last_epoch``, from what they are now."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if self._is_initial:
            return rates
        return [lr * f(self.last_epoch) for f, lr in zip(self.lr_lambdas, rates, strict=True)]
