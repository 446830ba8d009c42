"""Learning-rate schedules: call ``scheduler.step()`` after ``optimizer.step()``.

Each schedule is a formula for the learning rate of every group at step t, given what it was at step 0.
Source: torch documentation, ``torch.optim.lr_scheduler``.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from minigrad.optim.optimizer import Optimizer


class LRScheduler:
    """Base of the schedules. A subclass defines ``lr_at(step, base_lr)``.

    Several schedules of one optimiser multiply, as in torch: where somebody else has changed a learning rate since
    the last step, ``step`` scales it by lr_at(t) / lr_at(t − 1). Schedules with ``absolute`` set it, whatever it was.

    Raises:
        TypeError: if ``optimizer`` is none.
        KeyError: when resuming, if a group does not know its initial learning rate.
    """

    absolute = False

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
        self.step()

    def lr_at(self, step: int, base_lr: float) -> float:
        """The learning rate at ``step`` of a group that began with ``base_lr``."""
        raise NotImplementedError

    def step(self) -> None:
        """Goes on to the next step and sets every group's learning rate."""
        self.last_epoch += 1
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            before = base if self.last_epoch == 0 else self.lr_at(self.last_epoch - 1, base)
            now = self.lr_at(self.last_epoch, base)
            ours = self.absolute or group["lr"] == before or before == 0
            group["lr"] = now if ours else group["lr"] * (now / before)

    def restart(self) -> None:
        """Goes back to step 0, whatever the learning rates are."""
        self.last_epoch = 0
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.lr_at(0, base)

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


class MultiStepLR(LRScheduler):
    """lr = base · gammaᵏ, where k is how many of the milestones have been reached."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: int, base_lr: float) -> float:
        return base_lr * self.gamma ** bisect_right(self.milestones, step)


class ConstantLR(LRScheduler):
    """lr = base · factor for ``total_iters`` steps, then base.

    Raises:
        ValueError: if the factor is not in [0, 1].
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0.0 <= factor <= 1.0:
            raise ValueError(f"Constant multiplicative factor expected to be between 0 and 1, got {factor}")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: int, base_lr: float) -> float:
        return base_lr * self.factor if step < self.total_iters else base_lr


class LinearLR(LRScheduler):
    """lr = base · f, where f goes from start_factor to end_factor in ``total_iters`` even steps.

    Raises:
        ValueError: if a factor is not in [0, 1], or the first is 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0.0 < start_factor <= 1.0:
            raise ValueError(f"Starting factor expected to be greater than 0 and at most 1, got {start_factor}")
        if not 0.0 <= end_factor <= 1.0:
            raise ValueError(f"Ending factor expected to be between 0 and 1, got {end_factor}")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: int, base_lr: float) -> float:
        share = min(step, self.total_iters) / self.total_iters
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * share)


class PolynomialLR(LRScheduler):
    """lr = base · (1 − t / total_iters)^power, and 0 from there on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: int, base_lr: float) -> float:
        return base_lr * (1 - min(step, self.total_iters) / self.total_iters) ** self.power


class LambdaLR(LRScheduler):
    """lr = base · f(t), with a function of the user's (or one for each group).

    Raises:
        ValueError: if there are not as many functions as groups.
    """

    absolute = True

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, list | tuple) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(self.lr_lambdas)}")
        super().__init__(optimizer, last_epoch)

    def step(self) -> None:
        self.last_epoch += 1
        self._set()

    def restart(self) -> None:
        self.last_epoch = 0
        self._set()

    def _set(self) -> None:
        for group, base, factor in zip(self.optimizer.param_groups, self.base_lrs, self.lr_lambdas, strict=True):
            group["lr"] = base * factor(self.last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and the functions, which are the user's to make again."""
        return {key: value for key, value in super().state_dict().items() if key != "lr_lambdas"}


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


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from base to ``eta_min`` in T_0 steps, again in T_0 · T_mult, and so on (Loshchilov & Hutter 2016).

    Raises:
        ValueError: if T_0 is no positive integer, or T_mult none of at least 1.
    """

    absolute = True

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,  # noqa: N803
        T_mult: int = 1,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: int, base_lr: float) -> float:
        length = self.T_0
        while step >= length:
            step -= length
            length *= self.T_mult
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * step / length)) / 2


class SequentialLR(LRScheduler):
    """One schedule after the other: the next begins, at its step 0, at each milestone.

    Raises:
        ValueError: if there is not one milestone fewer than schedules, or a schedule has another optimiser or is a
            ``ReduceLROnPlateau``.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[Any], milestones: list[int], last_epoch: int = -1
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError("SequentialLR expects at least one scheduler, but got no scheduler.")
        for i, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"SequentialLR does not support ReduceLROnPlateau, whose step needs a metric; got one at index {i}"
                )
            if scheduler.optimizer is not optimizer:
                raise ValueError(
                    f"SequentialLR expects all schedulers to belong to the same optimizer; that at index {i} does not"
                )
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "SequentialLR expects one scheduler more than milestones, but got "
                f"{len(schedulers)} schedulers and {len(milestones)} milestones"
            )
        self.optimizer, self._schedulers, self._milestones = optimizer, schedulers, milestones
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:  # making the schedules has moved it
            group["lr"] = group["initial_lr"]
        schedulers[bisect_right(milestones, 0)].restart()

    def step(self) -> None:
        """Goes on to the next step of the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            self._schedulers[turn].restart()
        else:
            self._schedulers[turn].step()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, with the states of the schedules."""
        state = {key: value for key, value in self.__dict__.items() if key not in ("optimizer", "_schedulers")}
        return {**state, "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues from a ``state_dict``."""
        self.__dict__.update({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the learning rate by ``factor`` when a metric has not improved for ``patience`` steps.

    Args:
        mode: ``"min"`` if smaller metrics are better, ``"max"`` if larger ones are.
        threshold, threshold_mode: how much better counts: ``"rel"`` is a share of the best, ``"abs"`` an amount.
        cooldown: how many steps to wait after a reduction.
        min_lr: below which it never goes, for all groups or one for each.
        eps: smaller reductions are left out.

    Raises:
        ValueError: for a factor of 1 or more, an unknown mode, or another number of ``min_lr`` than of groups.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: Any = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError(f"Factor should be < 1.0, got {factor}")
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, list | tuple) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ValueError(f"expected {groups} min_lrs, got {len(self.min_lrs)}")
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.last_epoch, self.num_bad_epochs, self.cooldown_counter = 0, 0, 0
        self.best = math.inf if mode == "min" else -math.inf

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Takes the metric of this step, and reduces the learning rate if it is time to."""
        self.last_epoch += 1
        if self._is_better(float(metrics)):
            self.best, self.num_bad_epochs = float(metrics), 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lr = max(group["lr"] * self.factor, least)
                if group["lr"] - lr > self.eps:
                    group["lr"] = lr

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "abs":
            return sign * metric > sign * (self.best + sign * self.threshold)
        return sign * metric > sign * self.best * (1 + sign * self.threshold)


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

    def restart(self) -> None:
        self.last_epoch = -1
        self.step()

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
