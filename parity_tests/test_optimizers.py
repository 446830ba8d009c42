"""Optimisers and schedules against torch's: fifty steps in float64, for every option."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import optim
from parity_tests.compare import assert_close
from parity_tests.tolerances import OPTIMIZER

STEPS = 50

#: One line makes the optimiser in both libraries: ``m`` is minigrad.optim or torch.optim.
OPTIMIZERS: dict[str, Callable[[Any, Any], Any]] = {
    "SGD": lambda m, p: m.SGD(p, lr=0.05),
    "SGD momentum": lambda m, p: m.SGD(p, lr=0.05, momentum=0.9),
    "SGD dampening": lambda m, p: m.SGD(p, lr=0.05, momentum=0.9, dampening=0.3),
    "SGD nesterov decay": lambda m, p: m.SGD(p, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.1),
    "SGD maximize": lambda m, p: m.SGD(p, lr=0.01, momentum=0.5, maximize=True, weight_decay=0.1),
    "Adam": lambda m, p: m.Adam(p, lr=0.05),
    "Adam options": lambda m, p: m.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=0.1, weight_decay=0.1),
    "Adam amsgrad": lambda m, p: m.Adam(p, lr=0.05, amsgrad=True),
    "Adam maximize": lambda m, p: m.Adam(p, lr=0.01, maximize=True),
    "AdamW": lambda m, p: m.AdamW(p, lr=0.05),
    "AdamW options": lambda m, p: m.AdamW(p, lr=0.05, weight_decay=0.3, amsgrad=True),
    "RMSprop": lambda m, p: m.RMSprop(p, lr=0.02),
    "RMSprop options": lambda m, p: m.RMSprop(p, lr=0.02, alpha=0.9, eps=1.0, weight_decay=0.1, momentum=0.9),
    "RMSprop centered": lambda m, p: m.RMSprop(p, lr=0.02, centered=True, momentum=0.5),
}

SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "StepLR": lambda m, o: m.StepLR(o, 7, gamma=0.5),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.001),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, 0.1, total_steps=STEPS + 1),
    "OneCycleLR linear": lambda m, o: m.OneCycleLR(
        o, 0.1, epochs=17, steps_per_epoch=3, anneal_strategy="linear", pct_start=0.5, div_factor=10
    ),
    "OneCycleLR three phases": lambda m, o: m.OneCycleLR(o, 0.1, total_steps=STEPS + 1, three_phase=True),
}


def _parameters() -> tuple[list[minigrad.Tensor], list[torch.Tensor]]:
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape) for shape in ((3, 4), (5,), ())]
    ours = [minigrad.tensor(a, requires_grad=True) for a in arrays]
    return ours, [torch.tensor(a, requires_grad=True) for a in arrays]


def _loss(parameters: list[Any], step: int) -> Any:
    """A loss with a gradient that differs every step, the same in both libraries."""
    a, b, c = parameters
    wave = (a * (1 + 0.1 * step)).tanh().sum() + (b * b[0]).sigmoid().mean() * 3
    return wave + (a * a).sum() * 0.3 + 0.1 * (c - step % 7) ** 2


def _step(optimizer: Any, parameters: list[Any], step: int, schedule: Any = None) -> None:
    optimizer.zero_grad()
    _loss(parameters, step).backward()
    optimizer.step()
    if schedule is not None:
        schedule.step()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizer_follows_torchs_trajectory(make: Any) -> None:
    ours, theirs = _parameters()
    our_optimizer, their_optimizer = make(optim, ours), make(torch.optim, theirs)
    for step in range(STEPS):
        _step(our_optimizer, ours, step)
        _step(their_optimizer, theirs, step)
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_close(a, b, OPTIMIZER, f"parameter {i} after step {step}")


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("make", [OPTIMIZERS["SGD momentum"], OPTIMIZERS["Adam"]], ids=["SGD", "Adam"])
def test_schedule_sets_torchs_learning_rates_and_momenta(make: Any, schedule: Any) -> None:
    ours, theirs = _parameters()
    our_optimizer, their_optimizer = make(optim, ours), make(torch.optim, theirs)
    our_schedule = schedule(optim.lr_scheduler, our_optimizer)
    their_schedule = schedule(torch.optim.lr_scheduler, their_optimizer)
    for step in range(STEPS):
        for key in their_optimizer.param_groups[0].keys() & {"lr", "momentum", "betas"}:
            our_value, their_value = (o.param_groups[0][key] for o in (our_optimizer, their_optimizer))
            assert our_value == pytest.approx(their_value, rel=1e-12), f"{key} at step {step}"
        assert our_schedule.get_last_lr() == pytest.approx(their_schedule.get_last_lr(), rel=1e-12)
        _step(our_optimizer, ours, step, our_schedule)
        _step(their_optimizer, theirs, step, their_schedule)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_close(a, b, OPTIMIZER, f"parameter {i}")


def test_parameter_groups_have_options_of_their_own() -> None:
    ours, theirs = _parameters()

    def groups(parameters: list[Any]) -> list[dict[str, Any]]:
        return [{"params": parameters[:1], "lr": 0.2, "weight_decay": 0.1}, {"params": parameters[1:]}]

    our_optimizer = optim.SGD(groups(ours), lr=0.01, momentum=0.9)
    their_optimizer = torch.optim.SGD(groups(theirs), lr=0.01, momentum=0.9)
    for step in range(STEPS):
        _step(our_optimizer, ours, step)
        _step(their_optimizer, theirs, step)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_close(a, b, OPTIMIZER, f"parameter {i}")


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_resumed_optimizer_goes_on_as_if_never_stopped(make: Any) -> None:
    straight, stopped = _parameters()[0], _parameters()[0]
    one, two = make(optim, straight), make(optim, stopped)
    for step in range(20):
        _step(one, straight, step)
        _step(two, stopped, step)
    resumed = make(optim, stopped)
    resumed.load_state_dict(two.state_dict())
    for step in range(20, 30):
        _step(one, straight, step)
        _step(resumed, stopped, step)
    for a, b in zip(straight, stopped, strict=True):
        assert a.tolist() == b.tolist()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_torchs_state_dict_is_taken_up(make: Any) -> None:
    ours, theirs = _parameters()
    their_optimizer = make(torch.optim, theirs)
    for step in range(10):
        _step(their_optimizer, theirs, step)
    for a, b in zip(ours, theirs, strict=True):
        a.data = minigrad.tensor(b.detach().numpy())
    state = their_optimizer.state_dict()
    state["state"] = {
        number: {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in values.items()}
        for number, values in state["state"].items()
    }
    our_optimizer = make(optim, ours)
    our_optimizer.load_state_dict(state)
    for step in range(10, 20):
        _step(our_optimizer, ours, step)
        _step(their_optimizer, theirs, step)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_close(a, b, OPTIMIZER, f"parameter {i}")


ERRORS: dict[str, Callable[[Any, Any], Any]] = {
    "negative lr": lambda m, x: m.SGD([x], lr=-1),
    "negative momentum": lambda m, x: m.SGD([x], lr=1, momentum=-1),
    "nesterov without momentum": lambda m, x: m.SGD([x], lr=1, nesterov=True),
    "beta of 1": lambda m, x: m.Adam([x], betas=(1.0, 0.9)),
    "negative eps": lambda m, x: m.RMSprop([x], eps=-1),
    "no parameters": lambda m, x: m.SGD([], lr=1),
    "a bare tensor": lambda m, x: m.SGD(x, lr=1),
    "no leaf": lambda m, x: m.SGD([x * 2], lr=1),
    "twice": lambda m, x: m.SGD([{"params": [x]}, {"params": [x]}], lr=1),
    "cycle too short": lambda m, x: m.lr_scheduler.OneCycleLR(m.SGD([x], lr=1), 0.1),
}


@pytest.mark.parametrize("make", ERRORS.values(), ids=ERRORS)
def test_bad_options_raise_torchs_type_of_error(make: Any) -> None:
    with pytest.raises(Exception) as theirs:
        make(torch.optim, torch.zeros(2, requires_grad=True))
    with pytest.raises(type(theirs.value)):
        make(optim, minigrad.zeros(2, requires_grad=True))
