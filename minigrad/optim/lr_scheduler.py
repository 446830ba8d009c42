"""Learning-rate schedules: call ``scheduler.step()`` after ``optimizer.step()``.

Most schedules are said twice. ``lr_at`` is the formula: the learning rate at step t of a group that began with
``base``. ``next_lr`` is the same as a recursion, in torch's form: the rate at step t from the rate that the group has
now. A step takes the recursion, so the factors of several schedules multiply, and a rate changed by hand counts.
Source: torch documentation, ``torch.optim.lr_scheduler``.
"""

from __future__ import annotations

import math
import types
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from minigrad.optim.optimizer import Optimizer


class LRScheduler:
    """Base of the schedules. A subclass defines ``lr_at``, and ``next_lr`` if it goes on from the present rates.

    Where groups differ by more than their first rate it defines ``get_lr`` instead. ``last_epoch`` is the step t.

    Raises:
        TypeError: if ``optimizer`` is none.
        KeyError: when resuming, if a group does not know its initial learning rate.
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
        self.last_epoch: Any = last_epoch
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
        if epoch is not None:
            warnings.warn("step(epoch) is deprecated: write step(), which goes on from the present rates", stacklevel=2)
            self._go_to(epoch)
        else:
            self.last_epoch += 1
            self._set(self.get_lr())

    def _go_to(self, step: float) -> None:
        """Set the rates of ``step``, whatever they are now, as far as there is a formula for them."""
        self.last_epoch = step
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

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a ``state_dict``."""
        self.__dict__.update(state_dict)


def _for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """Return one value for each group, from such a list or from one value for all.

    Raises:
        ValueError: if there are not as many values as groups.
    """
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, list | tuple) else [value] * groups
    if len(values) != groups:
        raise ValueError(f"expected {groups} values for {name}, one for each group, but got {len(values)}")
    return values


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

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a ``state_dict``; torch's has a count for each milestone."""
        super().load_state_dict(state_dict)
        if isinstance(self.milestones, Mapping):
            self.milestones = sorted(step for step, count in self.milestones.items() for _ in range(count))


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

    def lr_at(self, step: float, base_lr: float) -> float:
        return base_lr * (self.factor if step < self.total_iters else 1.0)

    def next_lr(self, lr: float, base_lr: float) -> float:
        if self.last_epoch == 0:
            return lr * self.factor
        if self.last_epoch != self.total_iters:
            return lr
        return lr * (1.0 / self.factor) if self.factor else base_lr


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

    def lr_at(self, step: float, base_lr: float) -> float:
        rise = self.end_factor - self.start_factor
        return base_lr * (self.start_factor + rise * min(self.total_iters, step) / self.total_iters)

    def next_lr(self, lr: float, base_lr: float) -> float:
        if self.last_epoch == 0:
            return lr * self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return lr
        rise = self.end_factor - self.start_factor
        return lr * (1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise))


class PolynomialLR(LRScheduler):
    """lr = base · (1 − t / total_iters)^power, and 0 from there on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: float, base_lr: float) -> float:
        return base_lr * (1.0 - min(self.total_iters, step) / self.total_iters) ** self.power

    def next_lr(self, lr: float, base_lr: float) -> float:
        if self._is_initial or self.last_epoch > self.total_iters:
            return lr
        left, before = (1.0 - step / self.total_iters for step in (self.last_epoch, self.last_epoch - 1))
        return lr * (left / before) ** self.power


class _ByFunctions(LRScheduler):
    """Schedules by functions of the step: one for all groups, or one for each.

    Raises:
        ValueError: if there are not as many functions as groups.
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        self.lr_lambdas: list[Callable[[int], float]] = _for_each_group("lr_lambda", optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser and the functions; of callable objects their attributes, else None."""
        objects = [
            f if hasattr(f, "__dict__") and not isinstance(f, types.FunctionType) else None for f in self.lr_lambdas
        ]
        saved = [None if f is None else dict(vars(f)) for f in objects]
        return {**super().state_dict(), "lr_lambdas": saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a ``state_dict``; the functions are the user's to make again."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for f, saved in zip(self.lr_lambdas, state_dict.get("lr_lambdas", ()), strict=False):
            if saved is not None:
                vars(f).update(saved)


class LambdaLR(_ByFunctions):
    """lr = base · f(t), with a function of the user's (or one for each group)."""

    def get_lr(self) -> list[float]:
        """Return every group's learning rate at step ``last_epoch``, whatever they are now."""
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_ByFunctions):
    """lr = base · f(1) · f(2) · … · f(t), with a function of the user's (or one for each group).

    Raises:
        TypeError: if one is no function.
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
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


class ExponentialLR(LRScheduler):
    """lr = base · gammaᵗ."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: float, base_lr: float) -> float:
        return base_lr * self.gamma**step

    def next_lr(self, lr: float, base_lr: float) -> float:
        return lr if self._is_initial else lr * self.gamma


class CosineAnnealingLR(LRScheduler):
    """lr = min + (base − min) · (1 + cos(π·t / T_max)) / 2 (Loshchilov & Hutter 2016, without restarts)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:  # noqa: N803
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def lr_at(self, step: float, base_lr: float) -> float:
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * step / self.T_max)) / 2

    def next_lr(self, lr: float, base_lr: float) -> float:
        if self._is_initial:
            return lr
        step = self.last_epoch
        if (step - 1 - self.T_max) % (2 * self.T_max) == 0:  # up again from the minimum, where the quotient is n / 0
            return lr + (base_lr - self.eta_min) * (1 - math.cos(math.pi / self.T_max)) / 2
        now, before = (1 + math.cos(math.pi * t / self.T_max) for t in (step, step - 1))
        return now / before * (lr - self.eta_min) + self.eta_min


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from base to ``eta_min`` in T_0 steps, again in T_0 · T_mult, and so on (Loshchilov & Hutter 2016).

    Raises:
        ValueError: if T_0 is no positive integer, T_mult none of at least 1, or ``eta_min`` no number.
    """

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
        if not isinstance(eta_min, float | int):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        # The length of the present cycle, and how far into it the schedule is.
        self.T_i, self.T_cur = T_0, last_epoch  # type: int, float
        super().__init__(optimizer, last_epoch)

    def next_lr(self, lr: float, base_lr: float) -> float:
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next step, or to ``epoch``, which may lie between two: ``step(epoch + batch / batches)``.

        Raises:
            ValueError: if ``epoch`` is negative.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            if epoch < 0:
                raise ValueError(f"Expected non-negative epoch, but got {epoch}")
            self.T_cur, self.T_i = epoch, self.T_0
            while self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())


def _check_together(name: str, optimizer: Optimizer | None, schedulers: Sequence[Any]) -> None:
    """Raise an error unless the schedules can be stepped for their user: all of ``optimizer``, none by a metric."""
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
    """What schedules made of other schedules share: their state."""

    _schedulers: Sequence[Any]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser, with the states of the schedules."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
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
        self, optimizer: Optimizer, schedulers: list[Any], milestones: list[int], last_epoch: int = -1
    ) -> None:
        _check_together("SequentialLR", optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "SequentialLR expects one scheduler more than milestones, but got "
                f"{len(schedulers)} schedulers and {len(milestones)} milestones"
            )
        self.optimizer, self._schedulers, self._milestones = optimizer, schedulers, milestones
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:  # making the schedules has moved it
            group["lr"] = group["initial_lr"]
        _take_back_a_step(self)
        schedulers[bisect_right(milestones, 0)]._initial_step()
        self._note_rates()

    def step(self) -> None:  # type: ignore[override]
        """Go on to the next step of the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            self._schedulers[turn]._go_to(0)
        else:
            self._schedulers[turn].step()
        self._note_rates()


def _take_back_a_step(scheduler: Any) -> None:
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

    def __init__(self, schedulers: Sequence[Any], optimizer: Optimizer | None = None) -> None:
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
        self.min_lrs = _for_each_group("min_lr", optimizer, min_lr)
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.last_epoch, self.num_bad_epochs, self.cooldown_counter = 0, 0, 0
        self.best = math.inf if mode == "min" else -math.inf
        self._note_rates()

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Take the metric of this step, and reduce the learning rate if it is time to."""
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
        self._note_rates()

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "abs":
            return sign * metric > sign * (self.best + sign * self.threshold)
        return sign * metric > sign * self.best * (1 + sign * self.threshold)


class OneCycleLR(LRScheduler):
    """Up to ``max_lr`` and down again to almost nothing, momentum the other way (Smith & Topin 2017).

    The rates and momenta that the cycle goes between stand in the optimiser's groups, so its state has them.

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
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
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
        tops = _for_each_group("max_lr", optimizer, max_lr)
        momenta = [_for_each_group("momentum", optimizer, momentum) for momentum in (base_momentum, max_momentum)]
        if cycle_momentum and not optimizer.defaults.keys() & {"momentum", "betas"}:
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
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
                momentum = self._between(group[momentum_ends[0]], group[momentum_ends[1]], share)
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return rates

    def _phase(self) -> tuple[float, Sequence[str], Sequence[str]]:
        """Return how much of its phase is over at step ``last_epoch``, and the phase's ends."""
        start = 0.0
        for end, lr_ends, momentum_ends in self.phases:
            if self.last_epoch <= end or end == self.phases[-1][0]:
                return (self.last_epoch - start) / (end - start), lr_ends, momentum_ends
            start = end
        raise AssertionError("the last phase takes every step")

    def _between(self, start: float, end: float, share: float) -> float:
        if self.linear:
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _check_positive(**counts: Any) -> None:
    for name, count in counts.items():
        if not isinstance(count, int) or count <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {count}")
