"""Learning-rate schedules by their formulas."""

from __future__ import annotations

import math

import pytest

import minigrad
from inception.schedules import SCHEDULES, Plan
from minigrad import optim
from minigrad.optim import lr_scheduler


def _optimizer(lr: float = 0.1) -> optim.SGD:
    return optim.SGD([minigrad.ones(1, requires_grad=True)], lr=lr)


def test_warmup_and_a_cosine_with_a_floor_work_together() -> None:
    optimizer = _optimizer()
    warmup = lr_scheduler.LinearLR(optimizer, 0.1, total_iters=4)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, 8, eta_min=0.01)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
    warmup.step()
    cosine.step()
    warmed = 0.1 * (0.1 + 0.9 / 4)
    share = (1 + math.cos(math.pi / 8)) / 2  # of what lies above the floor
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01 + (warmed - 0.01) * share, rel=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: lr_scheduler.StepLR(o, 3, 0.5),
        lambda o: lr_scheduler.MultiStepLR(o, [2, 2, 5], 0.5),
        lambda o: lr_scheduler.ConstantLR(o, 0.25, 4),
        lambda o: lr_scheduler.LinearLR(o, 0.2, 0.9, 5),
        lambda o: lr_scheduler.PolynomialLR(o, 6, 1.5),
        lambda o: lr_scheduler.ExponentialLR(o, 0.8),
        lambda o: lr_scheduler.CosineAnnealingLR(o, 5, 0.01),
    ],
)
def test_stepping_follows_the_formula(make: object) -> None:
    optimizer = _optimizer()
    schedule = make(optimizer)  # type: ignore[operator]
    for step in range(14):
        assert schedule.get_last_lr()[0] == pytest.approx(schedule.lr_at(step, 0.1), rel=1e-12, abs=1e-17)
        schedule.step()


def test_a_rate_changed_by_hand_counts() -> None:
    optimizer = _optimizer()
    schedule = lr_scheduler.StepLR(optimizer, 2, 0.5)
    schedule.step()
    optimizer.param_groups[0]["lr"] = 8.0
    assert schedule.get_last_lr() == [0.1]
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == 4.0


def test_one_cycle_takes_as_many_steps_as_it_was_made_for() -> None:
    schedule = lr_scheduler.OneCycleLR(_optimizer(), 1.0, total_steps=10, cycle_momentum=False)
    for _ in range(10):
        schedule.step()
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        schedule.step()


def test_one_cycle_without_a_step_of_warm_up_starts_at_the_highest_rate() -> None:
    optimizer = _optimizer()
    schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=0.4, total_steps=5, pct_start=0.2)
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(4):
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(0.4)
    assert rates == sorted(rates, reverse=True)


def test_a_schedule_of_the_users_own_gives_the_rates() -> None:
    class Halving(lr_scheduler.LRScheduler):
        def get_lr(self) -> list[float]:
            rates = [group["lr"] for group in self.optimizer.param_groups]
            return rates if self.last_epoch == 0 else [lr / 2 for lr in rates]

    schedule = Halving(_optimizer())
    schedule.step()
    schedule.step()
    assert schedule.get_last_lr() == [0.025]


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_schedules_of_recipes_give_every_number_of_steps_a_rate(name: str) -> None:
    for steps in (1, 2, 3, 4, 5, 9, 10, 30):
        for warmup in (0.0, 0.1, 0.2, 0.25, 0.5, 1.0):
            optimizer = _optimizer()
            schedule = SCHEDULES[name](optimizer, Plan(0.1, steps, max(1, steps // 3), warmup))
            rates = []
            for _ in range(steps):
                rates.append(optimizer.param_groups[0]["lr"])
                if schedule is not None:
                    schedule.step()
            assert all(0 < rate <= 0.1 for rate in rates), (steps, warmup)
            highest = rates.index(max(rates))
            assert rates[: highest + 1] == sorted(rates[: highest + 1]), (steps, warmup)  # up once
            assert rates[highest:] == sorted(rates[highest:], reverse=True), (steps, warmup)  # and down once
            if warmup == 0.2:
                assert max(rates) > 0.06, steps
