"""Schedules made of other schedules: one after the other, or together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from minigrad.optim.lr_scheduler.plateau import ReduceLROnPlateau
from minigrad.optim.lr_scheduler.schedule import LRScheduler, State
from minigrad.optim.optimizer import Optimizer


def _check_together(name: str, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
    """Raise an error unless all schedules belong to ``optimizer`` and none takes a metric."""
    if len(schedulers) < 1:
        raise ValueError(f"{name} expects at least one scheduler, but got no scheduler.")
    for i, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(f"{name} expects schedulers, but at index {i} is a {type(scheduler).__name__}")
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError(
                f"{name} does not support ReduceLROnPlateau, whose step needs a metric; got one at index {i}"
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                f"{name} expects all schedulers to belong to the same optimizer; that at index {i} does not"
            )


class _OfSchedules(LRScheduler):
    """Base of schedules that are made of other schedules."""

    _schedulers: Sequence[LRScheduler]

    def state_dict(self) -> State:
        """Return everything but the optimiser, with the states of the schedules."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from a ``state_dict``."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_OfSchedules):
    """One schedule after the other: the next begins, at its step 0, at each milestone.

    Raises:
        ValueError: if there is not one milestone fewer than schedules, or a schedule has another optimiser or is a
            ``ReduceLROnPlateau``.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        _check_together("SequentialLR", optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "SequentialLR expects one scheduler more than milestones, but got "
                f"{len(schedulers)} schedulers and {len(milestones)} milestones"
            )
        self.optimizer, self._schedulers, self._milestones = optimizer, schedulers, milestones
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:  # making the schedules has changed it
            group["lr"] = group["initial_lr"]
        _take_back_a_step(self)
        schedulers[bisect_right(milestones, 0)]._initial_step()
        self._note_rates()

    def step(self) -> None:  # type: ignore[override]
        """Take the next step of the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            self._schedulers[turn]._go_to(0)
        else:
            self._schedulers[turn].step()
        self._note_rates()


def _take_back_a_step(scheduler: LRScheduler) -> None:
    """Undo the count of the steps that the schedules of a ``SequentialLR`` took when they were made."""
    for part in getattr(scheduler, "_schedulers", ()):
        if hasattr(part, "_schedulers"):
            _take_back_a_step(part)
        else:
            part.last_epoch -= 1


class ChainedScheduler(_OfSchedules):
    """Several schedules stepped together: their factors multiply.

    Raises:
        ValueError: if there is none, or one has another optimiser or is a ``ReduceLROnPlateau``.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if optimizer is None and schedulers:
            optimizer = schedulers[0].optimizer
        _check_together("ChainedScheduler", optimizer, schedulers)
        self.optimizer, self._schedulers = schedulers[0].optimizer, schedulers
        self._note_rates()

    def step(self) -> None:  # type: ignore[override]
        """Take a step of every schedule, in order."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._note_rates()
