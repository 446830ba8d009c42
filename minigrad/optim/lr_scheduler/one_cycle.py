"""One cycle: the rate up and down again, the momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minigrad.optim.lr_scheduler.momentum import refuse_without_momentum, set_momentum
from minigrad.optim.lr_scheduler.schedule import LRScheduler, for_each_group
from minigrad.optim.optimizer import Optimizer


class OneCycleLR(LRScheduler):
    """Raise the rate to ``max_lr`` and lower it to almost nothing, with momentum the other way (Smith & Topin 2017).

    The ends of the cycle, rates and momenta, stand in the optimiser's groups and thereby in its state.

    Args:
        max_lr: the highest rate, for all groups or one for each.
        total_steps: of the cycle; or give ``epochs`` and ``steps_per_epoch``.
        pct_start: the share of the cycle in which the rate rises.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        base_momentum, max_momentum: the lowest and highest momentum, for all groups or one for each.
        div_factor, final_div_factor: it starts at max_lr / div_factor and ends at that / final_div_factor.
        three_phase: come down as slowly as up, then a third phase to the final rate.

    Raises:
        ValueError: if no length is given, an option is out of range, or ``step`` goes beyond the cycle.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
            _check_positive(epochs=epochs, steps_per_epoch=steps_per_epoch)
            total_steps = epochs * steps_per_epoch
        _check_positive(total_steps=total_steps)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self.total_steps, self.linear, self.cycle_momentum = total_steps, anneal_strategy == "linear", cycle_momentum
        rise = pct_start * total_steps - 1
        last = total_steps - 1
        # Each phase: the step at which it ends, and what the rate and the momentum go between.
        up = (rise, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum"))
        if three_phase:
            down = (2 * rise, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum"))
            self.phases = [up, down, (last, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum"))]
        else:
            self.phases = [up, (last, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))]
        tops = for_each_group("max_lr", optimizer, max_lr)
        momenta = [for_each_group("momentum", optimizer, momentum) for momentum in (base_momentum, max_momentum)]
        if cycle_momentum:
            refuse_without_momentum(optimizer)
        if last_epoch == -1:
            for group, top, low, high in zip(optimizer.param_groups, tops, *momenta, strict=True):
                start = top / div_factor
                group.update(initial_lr=start, max_lr=top, min_lr=start / final_div_factor)
                if cycle_momentum:
                    group.update(base_momentum=low, max_momentum=high)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return every group's learning rate at step ``last_epoch``, whatever they are now, and set its momentum."""
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}"
            )
        share, lr_ends, momentum_ends = self._phase()
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[lr_ends[0]], group[lr_ends[1]], share))
            if self.cycle_momentum:
                set_momentum(group, self._between(group[momentum_ends[0]], group[momentum_ends[1]], share))
        return rates

    def _phase(self) -> tuple[float, Sequence[str], Sequence[str]]:
        """Return how much of its phase is over at step ``last_epoch``, and the phase's ends."""
        start = 0.0
        for end, lr_ends, momentum_ends in self.phases:
            if self.last_epoch <= end or end == self.phases[-1][0]:
                # A phase of no steps is over at once; torch divides by zero here.
                share = (self.last_epoch - start) / (end - start) if end != start else 1.0
                return share, lr_ends, momentum_ends
            start = end
        raise AssertionError("the last phase takes every step")

    def _between(self, start: float, end: float, share: float) -> float:
        if self.linear:
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _check_positive(**counts: object) -> None:
    for name, count in counts.items():
        if not isinstance(count, int) or count <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {count}")
