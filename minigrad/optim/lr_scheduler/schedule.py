"""The base of all schedules: the optimiser, the step t, and how rates are set.

Most schedules state their formula twice. ``lr_at`` is the closed form: the learning rate at step t of a group that
began with ``base``. ``next_lr`` is the same as a recursion, in torch's form: the rate at step t from the present rate
of the group. A step takes the recursion, so the factors of several schedules multiply, and a rate changed by hand
counts.
Source: torch documentation, ``torch.optim.lr_scheduler``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar, cast

from minigrad.caller import warn
from minigrad.optim.optimizer import Optimizer

Value = TypeVar("Value")
#: The attributes of a schedule by name: numbers, lists, and states of other schedules.
State: TypeAlias = dict[str, Any]


class LRScheduler:
    """Base of the schedules. A subclass defines ``lr_at``, and ``next_lr`` if it goes on from the present rates.

    Where groups differ by more than their first rate it defines ``get_lr`` instead. ``last_epoch`` is the step t.

    Raises:
        TypeError: if ``optimizer`` is not an optimizer.
        KeyError: when resuming, if a group has no "initial_lr".
    """

    _is_initial = False  # while the constructor takes step 0

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        for i, group in enumerate(optimizer.param_groups):
            if "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming an optimizer; "
                    f"it must be set for last_epoch={last_epoch}"
                )
        self.optimizer = optimizer
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def lr_at(self, step: float, base_lr: float) -> float:
        """Return the learning rate at ``step`` of a group that began with ``base_lr``."""
        raise NotImplementedError(f"{type(self).__name__} has no formula for the learning rate at a step")

    def next_lr(self, lr: float, base_lr: float) -> float:
        """Return the learning rate at step ``last_epoch`` of a group whose rate is ``lr`` now."""
        return self.lr_at(self.last_epoch, base_lr)

    def get_lr(self) -> list[float]:
        """Return every group's learning rate at step ``last_epoch``, from what they are now."""
        groups = self.optimizer.param_groups
        return [self.next_lr(group["lr"], base) for group, base in zip(groups, self.base_lrs, strict=True)]

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next step and set every group's learning rate; with ``epoch``, go there by the formula."""
        if self.last_epoch == 0 and not self._is_initial and not self.optimizer.has_stepped:
            warn(
                "lr_scheduler.step() is called before optimizer.step(), so the first learning rate is never used; "
                "in each step of training call optimizer.step() first, then lr_scheduler.step()"
            )
        if epoch is not None:
            warn("step(epoch) is deprecated: write step(), which goes on from the present rates")
            self._go_to(epoch)
        else:
            self.last_epoch += 1
            self._set(self.get_lr())

    def _go_to(self, step: float) -> None:
        """Set the rates of ``step``, whatever they are now, as far as there is a formula for them."""
        self.last_epoch = cast(int, step)  # a step between two, in the deprecated form, stays as it is
        has_formula = type(self).lr_at is not LRScheduler.lr_at
        self._set([self.lr_at(step, base) for base in self.base_lrs] if has_formula else self.get_lr())

    def _initial_step(self) -> None:
        self._is_initial = True
        self.step()
        self._is_initial = False

    def _set(self, rates: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._note_rates()

    def _note_rates(self) -> None:
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that the last step set, one a group."""
        return self._last_lr

    def state_dict(self) -> State:
        """Return everything but the optimiser."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from a ``state_dict``."""
        self.__dict__.update(state_dict)


def for_each_group(name: str, optimizer: Optimizer, value: Value | Sequence[Value]) -> list[Value]:
    """Return one value for each group, from a list of them or from one value for all.

    Raises:
        ValueError: if there are not as many values as groups.
    """
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, list | tuple) else [cast(Value, value)] * groups
    if len(values) != groups:
        raise ValueError(f"expected {groups} values for {name}, one for each group, but got {len(values)}")
    return values
