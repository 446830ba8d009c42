"""Optimisers and schedules against torch's: fifty steps in float64, for every option."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import optim
from minigrad.testing.close import as_numpy
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
    "Adam decoupled": lambda m, p: m.Adam(p, lr=0.05, weight_decay=0.1, decoupled_weight_decay=True),
    "NAdam": lambda m, p: m.NAdam(p, lr=0.05),
    "NAdam options": lambda m, p: m.NAdam(p, 0.02, (0.8, 0.95), 0.1, weight_decay=0.1, momentum_decay=0.1),
    "NAdam decoupled": lambda m, p: m.NAdam(p, 0.02, weight_decay=0.1, decoupled_weight_decay=True, maximize=True),
    "RAdam": lambda m, p: m.RAdam(p, lr=0.05),
    "RAdam options": lambda m, p: m.RAdam(p, lr=0.05, betas=(0.8, 0.9), eps=0.1, weight_decay=0.1),
    "RAdam decoupled": lambda m, p: m.RAdam(p, 0.02, weight_decay=0.1, decoupled_weight_decay=True, maximize=True),
    "Adagrad": lambda m, p: m.Adagrad(p, lr=0.2),
    "Adagrad options": lambda m, p: m.Adagrad(
        p, lr=0.2, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5, eps=0.1
    ),
    "Adagrad maximize": lambda m, p: m.Adagrad(p, lr=0.1, maximize=True),
    "Adamax": lambda m, p: m.Adamax(p, lr=0.05),
    "Adamax options": lambda m, p: m.Adamax(p, lr=0.05, betas=(0.7, 0.9), eps=0.1, weight_decay=0.1),
    "Adamax maximize": lambda m, p: m.Adamax(p, lr=0.02, maximize=True),
    "RMSprop maximize": lambda m, p: m.RMSprop(p, lr=0.01, maximize=True),
    "Adadelta": lambda m, p: m.Adadelta(p),
    "Adadelta options": lambda m, p: m.Adadelta(p, lr=0.5, rho=0.7, eps=0.01, weight_decay=0.1),
    "Adadelta maximize": lambda m, p: m.Adadelta(p, lr=0.1, maximize=True),
    "ASGD": lambda m, p: m.ASGD(p, lr=0.05),
    "ASGD options": lambda m, p: m.ASGD(p, lr=0.05, lambd=0.1, alpha=0.5, t0=20, weight_decay=0.1),
    "ASGD maximize": lambda m, p: m.ASGD(p, lr=0.01, maximize=True),
    "Rprop": lambda m, p: m.Rprop(p),
    "Rprop options": lambda m, p: m.Rprop(p, lr=0.05, etas=(0.4, 1.5), step_sizes=(0.001, 0.2), maximize=True),
    "RMSprop centered": lambda m, p: m.RMSprop(p, lr=0.02, centered=True, momentum=0.5),
}

SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "StepLR": lambda m, o: m.StepLR(o, 7, gamma=0.5),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.9),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, [5, 20, 20, 31], gamma=0.3),
    "ConstantLR": lambda m, o: m.ConstantLR(o, factor=0.25, total_iters=7),
    "LinearLR": lambda m, o: m.LinearLR(o, start_factor=0.2, end_factor=0.9, total_iters=13),
    "PolynomialLR": lambda m, o: m.PolynomialLR(o, total_iters=40, power=1.7),
    "LambdaLR": lambda m, o: m.LambdaLR(o, lambda step: 0.95**step / (1 + step % 3)),
    "CosineAnnealingWarmRestarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 6),
    "CosineAnnealingWarmRestarts longer": lambda m, o: m.CosineAnnealingWarmRestarts(o, 5, T_mult=2, eta_min=0.002),
    "CosineAnnealingLR beyond": lambda m, o: m.CosineAnnealingLR(o, T_max=15),
    "SequentialLR": lambda m, o: m.SequentialLR(
        o,
        [m.LinearLR(o, 0.1, total_iters=5), m.CosineAnnealingLR(o, T_max=20), m.ExponentialLR(o, 0.9)],
        milestones=[5, 25],
    ),
    "SequentialLR of absolute ones": lambda m, o: m.SequentialLR(
        o,
        [
            m.ConstantLR(o, 0.1, total_iters=9),
            m.CosineAnnealingWarmRestarts(o, 4),
            m.LambdaLR(o, lambda t: 1 / (t + 1)),
        ],
        milestones=[10, 30],
    ),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.001),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, 0.1, total_steps=STEPS + 1),
    "OneCycleLR linear": lambda m, o: m.OneCycleLR(
        o, 0.1, epochs=17, steps_per_epoch=3, anneal_strategy="linear", pct_start=0.5, div_factor=10
    ),
    "CyclicLR": lambda m, o: m.CyclicLR(o, 0.001, 0.1, step_size_up=7, mode="triangular2"),
    "OneCycleLR three phases": lambda m, o: m.OneCycleLR(o, 0.1, total_steps=STEPS + 1, three_phase=True),
}


@pytest.fixture(autouse=True)
def _both_keep_numbers_in_float64() -> Iterator[None]:
    """Let optimisers keep numbers of their own, such as the rate of ASGD, in float64."""
    torch.set_default_dtype(torch.float64)
    minigrad.set_default_dtype(minigrad.float64)
    yield
    torch.set_default_dtype(torch.float32)
    minigrad.set_default_dtype(minigrad.float32)


def _parameters() -> tuple[list[minigrad.Tensor], list[torch.Tensor]]:
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape) for shape in ((3, 4), (5,), ())]
    ours = [minigrad.tensor(a, requires_grad=True) for a in arrays]
    return ours, [torch.tensor(a, requires_grad=True) for a in arrays]


def _loss(parameters: list[Any], step: int) -> Any:
    """Return a loss with a gradient that differs every step, the same in both libraries."""
    a, b, c = parameters
    wave = (a * (1 + 0.1 * step)).tanh().sum() + (b * b[0]).sigmoid().mean() * 3
    return wave + (a * a).sum() * 0.3 + 0.1 * (c - step % 7) ** 2


def _step(optimizer: Any, parameters: list[Any], step: int, schedule: Any = None) -> None:
    optimizer.zero_grad()
    _loss(parameters, step).backward()
    optimizer.step()
    if schedule is not None:
        schedule.step()


@pytest.mark.device
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizer_follows_torchs_trajectory(make: Any) -> None:
    ours, theirs = _parameters()
    our_optimizer, their_optimizer = make(optim, ours), make(torch.optim, theirs)
    for step in range(STEPS):
        _step(our_optimizer, ours, step)
        _step(their_optimizer, theirs, step)
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_close(a, b, OPTIMIZER, f"parameter {i} after step {step}")


@pytest.mark.device
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


@pytest.mark.device
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


@pytest.mark.device
def test_named_parameters_and_a_tensor_as_learning_rate_are_taken() -> None:
    ours, theirs = _parameters()
    our_optimizer = optim.Adam(zip("abc", ours, strict=True), lr=minigrad.tensor(0.1))
    their_optimizer = torch.optim.Adam(zip("abc", theirs, strict=True), lr=torch.tensor(0.1))
    assert our_optimizer.param_groups[0]["param_names"] == their_optimizer.param_groups[0]["param_names"]
    assert our_optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


@pytest.mark.device
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_groups_and_gradients_are_kept_as_torch_keeps_them(make: Any) -> None:
    torchs_own = {"foreach", "fused", "capturable", "differentiable"}
    found = []
    for m in (minigrad, torch):
        moved, still, empty = (
            m.ones(2, requires_grad=True),
            m.ones(2, requires_grad=True),
            m.ones(0, requires_grad=True),
        )
        optimizer = make(
            m.optim, [{"params": (p for p in [moved, still])}, {"params": []}, {"lr": 0.5, "params": empty}]
        )
        (moved * moved).sum().backward()
        empty.sum().backward()
        optimizer.step()
        gradient = moved.grad
        optimizer.zero_grad(set_to_none=False)
        kept = moved.grad is gradient, gradient.tolist(), still.grad
        optimizer.zero_grad()
        groups = [{name for name in group if name not in torchs_own} for group in optimizer.param_groups]
        state = optimizer.state_dict()
        numbers = sorted(state["state"]), [group["params"] for group in state["param_groups"]]
        found.append((kept, moved.grad, still.tolist(), groups, list(optimizer.param_groups[0])[:2], numbers))
    assert found[0] == found[1]


@pytest.mark.device
def test_betas_that_are_tensors_are_numbers() -> None:
    x = minigrad.ones(2, requires_grad=True)
    optimizer = optim.Adam([x], betas=(minigrad.tensor(0.5), minigrad.tensor(0.75)))
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.75)
    x.sum().backward()
    optimizer.step()
    assert x.tolist() == pytest.approx([0.999, 0.999])


@pytest.mark.device
def test_a_replaced_parameter_keeps_its_number() -> None:
    numbers = []
    for m in (minigrad, torch):
        net = m.nn.Sequential(m.nn.Linear(2, 3), m.nn.Linear(3, 1))
        net[0].weight = m.nn.Parameter(m.zeros(3, 2))
        net[1] = m.nn.Linear(3, 4)
        optimizer = m.optim.SGD(net.parameters(), lr=0.1)
        numbers.append([tuple(p.shape) for p in optimizer.param_groups[0]["params"]])
    assert numbers[0] == numbers[1] == [(3, 2), (3,), (4, 3), (4,)]


@pytest.mark.device
def test_a_parameter_twice_in_a_group_is_warned_about() -> None:
    x = minigrad.zeros(2, requires_grad=True)
    with pytest.warns(UserWarning, match="duplicate"):
        optim.SGD([x, x], lr=1)


@pytest.mark.device
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


@pytest.mark.device
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_torchs_state_dict_is_taken_up(make: Any) -> None:
    ours, theirs = _parameters()
    their_optimizer = make(torch.optim, theirs)
    for step in range(10):
        _step(their_optimizer, theirs, step)
    for a, b in zip(ours, theirs, strict=True):
        a.data = minigrad.tensor(as_numpy(b))
    state = their_optimizer.state_dict()
    state["state"] = {
        number: {name: as_numpy(value) if isinstance(value, torch.Tensor) else value for name, value in values.items()}
        for number, values in state["state"].items()
    }
    our_optimizer = make(optim, ours)
    our_optimizer.load_state_dict(state)
    for step in range(10, 20):
        _step(our_optimizer, ours, step)
        _step(their_optimizer, theirs, step)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_close(a, b, OPTIMIZER, f"parameter {i}")


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_torch_takes_up_our_state_dict(make: Any) -> None:
    ours, theirs = _parameters()
    our_optimizer = make(optim, ours)
    for step in range(10):
        _step(our_optimizer, ours, step)
    for a, b in zip(ours, theirs, strict=True):
        b.data = torch.from_dlpack(a.detach().clone())
    state = our_optimizer.state_dict()
    state["state"] = {
        number: {
            name: torch.from_dlpack(value.clone()) if isinstance(value, minigrad.Tensor) else value
            for name, value in values.items()
        }
        for number, values in state["state"].items()
    }
    their_optimizer = make(torch.optim, theirs)
    their_optimizer.load_state_dict(state)
    for step in range(10, 20):
        _step(our_optimizer, ours, step)
        _step(their_optimizer, theirs, step)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_close(a, b, OPTIMIZER, f"parameter {i}")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max", "patience": 2},
        {"patience": 1, "cooldown": 3, "factor": 0.5, "threshold_mode": "abs", "threshold": 0.05},
        {"mode": "max", "threshold_mode": "abs", "patience": 0, "min_lr": 0.004},
        {"patience": 0, "min_lr": [0.001], "eps": 0.002},
    ],
)
@pytest.mark.device
def test_reduce_on_plateau_sets_torchs_learning_rates(options: dict[str, Any]) -> None:
    ours, theirs = _parameters()
    our_optimizer, their_optimizer = optim.SGD(ours, lr=0.1), torch.optim.SGD(theirs, lr=0.1)
    our_schedule = optim.lr_scheduler.ReduceLROnPlateau(our_optimizer, **options)
    their_schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(their_optimizer, **options)
    random = np.random.default_rng(0)
    for step in range(STEPS):
        metric = 1 / (1 + step // 4) + 0.1 * random.random()
        our_schedule.step(metric)
        their_schedule.step(metric)
        assert our_schedule.get_last_lr() == pytest.approx(their_schedule.get_last_lr(), rel=1e-12), step


class Decay:
    """A factor that has a state of its own."""

    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, step: int) -> float:
        return self.base**step


#: Schedules with random options; those made twice from one seed are the same.
RANDOM_SCHEDULES: dict[str, Callable[[Any, Any, np.random.Generator], Any]] = {
    "StepLR": lambda m, o, r: m.StepLR(o, int(r.integers(1, 6)), gamma=r.uniform(0.3, 1.2)),
    "MultiStepLR": lambda m, o, r: m.MultiStepLR(o, r.integers(0, 20, 4).tolist(), gamma=r.uniform(0.3, 1.2)),
    "ConstantLR": lambda m, o, r: m.ConstantLR(o, r.uniform(0.1, 1), total_iters=int(r.integers(0, 12))),
    "LinearLR": lambda m, o, r: m.LinearLR(o, *r.uniform(0.1, 1, 2), total_iters=int(r.integers(1, 12))),
    "ExponentialLR": lambda m, o, r: m.ExponentialLR(o, r.uniform(0.7, 1.1)),
    "PolynomialLR": lambda m, o, r: m.PolynomialLR(o, int(r.integers(1, 25)), power=r.uniform(0.5, 2)),
    "CosineAnnealingLR": lambda m, o, r: m.CosineAnnealingLR(o, int(r.integers(1, 9)), eta_min=r.uniform(0, 0.02)),
    "CosineAnnealingWarmRestarts": lambda m, o, r: m.CosineAnnealingWarmRestarts(
        o, int(r.integers(1, 5)), int(r.integers(1, 3)), r.uniform(0, 0.02)
    ),
    "OneCycleLR": lambda m, o, r: m.OneCycleLR(
        o,
        r.uniform(0.1, 1, 2).tolist(),
        total_steps=25,
        pct_start=float(r.uniform(0.2, 0.45)),
        anneal_strategy=["cos", "linear"][r.integers(2)],
        base_momentum=[0.8, 0.7],
        div_factor=r.uniform(2, 30),
        three_phase=bool(r.integers(2)),
    ),
    "CyclicLR": lambda m, o, r: m.CyclicLR(
        o,
        r.uniform(0, 0.1, 2).tolist(),
        r.uniform(0.1, 1),
        step_size_up=int(r.integers(1, 6)),
        step_size_down=[None, 3][r.integers(2)],
        mode=["triangular", "triangular2", "exp_range"][r.integers(3)],
        gamma=r.uniform(0.9, 1),
        scale_fn=[None, Decay(0.9)][r.integers(2)],
        scale_mode=["cycle", "iterations"][r.integers(2)],
        base_momentum=[0.8, 0.7],
    ),
    "LambdaLR": lambda m, o, r: m.LambdaLR(o, [Decay(r.uniform(0.8, 1)), lambda t: 1 / (t + 1)]),
    "MultiplicativeLR": lambda m, o, r: m.MultiplicativeLR(o, Decay(r.uniform(0.95, 1))),
    "SequentialLR": lambda m, o, r: m.SequentialLR(
        o,
        [
            m.LinearLR(o, 0.3, total_iters=4),
            m.CosineAnnealingLR(o, 5, eta_min=0.003),
            m.MultiStepLR(o, [0, 2], 0.5),
            m.CosineAnnealingWarmRestarts(o, 3, eta_min=0.001),
        ],
        sorted(r.integers(1, 22, 3).tolist()),
    ),
    "ChainedScheduler": lambda m, o, r: m.ChainedScheduler(
        [m.ConstantLR(o, 0.4, 6), m.CosineAnnealingLR(o, 7, eta_min=0.01), m.ExponentialLR(o, 0.9)]
    ),
}


def _scheduled(m: Any, parameters: list[Any], names: list[str], seed: int) -> tuple[Any, list[Any]]:
    random = np.random.default_rng(seed)
    groups = [{"params": parameters[:1], "lr": 0.3}, {"params": parameters[1:]}]
    optimizer = m.SGD(groups, lr=0.1, momentum=0.9)
    return optimizer, [RANDOM_SCHEDULES[name](m.lr_scheduler, optimizer, random) for name in names]


@pytest.mark.device
@pytest.mark.parametrize("first", RANDOM_SCHEDULES)
@pytest.mark.parametrize("seed", range(len(RANDOM_SCHEDULES)))
@pytest.mark.filterwarnings("ignore:Detected call")  # torch's, after resuming
def test_schedules_stepped_together_with_rates_changed_by_hand_give_torchs_rates(first: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    names = [first, list(RANDOM_SCHEDULES)[seed], *random.choice(list(RANDOM_SCHEDULES), seed % 2).tolist()]
    random.shuffle(names)
    makers = [
        lambda m=m, p=p: _scheduled(m, p, names, seed) for m, p in zip((optim, torch.optim), _parameters(), strict=True)
    ]
    pairs = [make() for make in makers]
    for step in range(25):
        event, factor = random.integers(6), random.uniform(0.2, 2)
        for i, (optimizer, schedules) in enumerate(pairs):
            optimizer.step()
            if event == 0:
                optimizer.param_groups[step % 2]["lr"] *= factor
            if event == 1:  # stopped, and resumed from the state
                fresh, resumed = makers[i]()
                fresh.load_state_dict(copy.deepcopy(optimizer.state_dict()))
                for new, old in zip(resumed, schedules, strict=True):
                    new.load_state_dict(copy.deepcopy(old.state_dict()))
                pairs[i] = optimizer, schedules = fresh, resumed
            for schedule in schedules:
                schedule.step()
        for group, expected in zip(pairs[0][0].param_groups, pairs[1][0].param_groups, strict=True):
            assert (group["lr"], group["momentum"]) == (expected["lr"], expected["momentum"]), (names, step)
        for ours, theirs in zip(pairs[0][1], pairs[1][1], strict=True):
            assert ours.get_last_lr() == theirs.get_last_lr()


@pytest.mark.device
@pytest.mark.parametrize(
    "name", [name for name in RANDOM_SCHEDULES if name not in ("SequentialLR", "ChainedScheduler")]
)
@pytest.mark.filterwarnings("ignore")  # torch deprecates most of it
def test_a_schedule_goes_to_a_step_where_torchs_goes(name: str) -> None:
    pairs = [_scheduled(m, p, [name], 3) for m, p in zip((optim, torch.optim), _parameters(), strict=True)]
    fractions = name == "CosineAnnealingWarmRestarts"
    for step in (3, None, 9.25 if fractions else 9, None, None, 0, None):
        for _, (schedule,) in pairs:
            schedule.step(step) if step is not None else schedule.step()
        assert pairs[0][1][0].get_last_lr() == pytest.approx(pairs[1][1][0].get_last_lr(), rel=1e-14)


#: Options for schedules that begin in the middle.
IN_THE_MIDDLE: dict[str, tuple[Any, ...]] = {
    "StepLR": (5, 0.5),
    "MultiStepLR": ([5, 6], 0.5),
    "ConstantLR": (0.5, 5),
    "LinearLR": (0.2, 0.9, 6),
    "ExponentialLR": (0.9,),
    "PolynomialLR": (9,),
    "CosineAnnealingLR": (5, 0.01),
    "CosineAnnealingWarmRestarts": (3, 1, 0.01),
    "LambdaLR": (Decay(0.9),),
    "MultiplicativeLR": (Decay(0.9),),
    "OneCycleLR": (0.5, 25),
    "CyclicLR": (0.1, 0.5, 3),
}


@pytest.mark.device
@pytest.mark.parametrize("name", IN_THE_MIDDLE)
def test_a_schedule_begins_in_the_middle_where_torchs_does(name: str) -> None:
    rates = []
    for m, parameters in zip((optim, torch.optim), _parameters(), strict=True):
        optimizer, _ = _scheduled(m, parameters, [name], 1)
        schedule = getattr(m.lr_scheduler, name)(optimizer, *IN_THE_MIDDLE[name], last_epoch=4)
        rates.append([])
        for _ in range(8):
            rates[-1].append(schedule.get_last_lr())
            optimizer.step()
            schedule.step()
    assert rates[0] == rates[1]


@pytest.mark.device
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_a_resumed_schedule_goes_on_as_if_never_stopped(schedule: Any) -> None:
    optimizers = [optim.SGD(_parameters()[0], lr=0.1, momentum=0.9) for _ in range(2)]
    straight, stopped = (schedule(optim.lr_scheduler, optimizer) for optimizer in optimizers)
    for _ in range(20):
        straight.step()
        stopped.step()
    fresh = optim.SGD(_parameters()[0], lr=0.1, momentum=0.9)
    resumed = schedule(optim.lr_scheduler, fresh)
    fresh.load_state_dict(optimizers[1].state_dict())
    resumed.load_state_dict(stopped.state_dict())
    for _ in range(20):
        straight.step()
        resumed.step()
        assert resumed.get_last_lr() == straight.get_last_lr()


@pytest.mark.device
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "betas": (0.8, 0.95)}, {"maximize": True}])
def test_lion_follows_its_paper(options: dict[str, Any]) -> None:
    ours, theirs = _parameters()
    optimizer = optim.Lion(ours, lr=0.01, **options)
    (b1, b2), decay = options.get("betas", (0.9, 0.99)), options.get("weight_decay", 0.0)
    momenta = [torch.zeros_like(p) for p in theirs]
    for step in range(STEPS):
        _step(optimizer, ours, step)
        gradients = torch.autograd.grad(_loss(theirs, step), theirs)
        with torch.no_grad():
            for p, g, m in zip(theirs, gradients, momenta, strict=True):
                g = -g if options.get("maximize") else g
                p -= 0.01 * (torch.sign(b1 * m + (1 - b1) * g) + decay * p)
                m.copy_(b2 * m + (1 - b2) * g)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_close(a, b, OPTIMIZER, f"parameter {i}")


@pytest.mark.device
@pytest.mark.parametrize("option", ["foreach", "fused", "capturable", "differentiable"])
def test_torchs_own_ways_of_computing_are_refused_by_name(option: str) -> None:
    with pytest.raises(NotImplementedError, match=option):
        optim.Adam([minigrad.zeros(2, requires_grad=True)], **{option: True})
    optim.Adam([minigrad.zeros(2, requires_grad=True)], **{option: False})


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
    "plateau factor": lambda m, x: m.lr_scheduler.ReduceLROnPlateau(m.SGD([x], lr=1), factor=1.0),
    "plateau mode": lambda m, x: m.lr_scheduler.ReduceLROnPlateau(m.SGD([x], lr=1), "best"),
    "no optimizer": lambda m, x: m.lr_scheduler.StepLR(x, 3),
    "restart T_0": lambda m, x: m.lr_scheduler.CosineAnnealingWarmRestarts(m.SGD([x], lr=1), 0),
    "linear factor": lambda m, x: m.lr_scheduler.LinearLR(m.SGD([x], lr=1), 0.0),
    "constant factor": lambda m, x: m.lr_scheduler.ConstantLR(m.SGD([x], lr=1), 2.0),
    "lambdas": lambda m, x: m.lr_scheduler.LambdaLR(m.SGD([x], lr=1), [abs, abs]),
    "no schedules": lambda m, x: m.lr_scheduler.SequentialLR(m.SGD([x], lr=1), [], []),
    "negative momentum decay": lambda m, x: m.NAdam([x], momentum_decay=-1),
    "negative accumulator": lambda m, x: m.Adagrad([x], initial_accumulator_value=-1),
    "some without names": lambda m, x: m.SGD([("x", x), x], lr=1),
    "groups without names": lambda m, x: m.SGD([{"params": [("x", x)]}, {"params": [x * 1]}], lr=1),
    "rate of two elements": lambda m, x: m.SGD([x], lr=x),
    "a set as a group": lambda m, x: m.SGD([{"params": {x}}], lr=1),
    "a dict for the groups": lambda m, x: m.SGD({"params": [x]}, lr=1),
    "a group that is no dict": lambda m, x: m.SGD([x], lr=1).add_param_group([x * 1]),
    "a group without parameters": lambda m, x: m.SGD([{"lr": 1}], lr=1),
    "a parameter again": lambda m, x: m.SGD([x], lr=1).add_param_group({"params": [x]}),
    "a parameter and a group": lambda m, x: m.SGD([x, {"params": [x]}], lr=1),
    "one beta a tensor": lambda m, x: m.Adam([x], betas=(0.9, x.sum())),
    "the other beta a tensor": lambda m, x: m.AdamW([x], betas=(x.sum(), 0.9)),
    "schedules of another optimizer": lambda m, x: m.lr_scheduler.ChainedScheduler(
        [m.lr_scheduler.ExponentialLR(m.SGD([x], lr=1), 0.9)], m.SGD([x], lr=1)
    ),
    "no schedules to chain": lambda m, x: m.lr_scheduler.ChainedScheduler([]),
    "no function": lambda m, x: m.lr_scheduler.MultiplicativeLR(m.SGD([x], lr=1), 3),
    "share of steps as an integer": lambda m, x: m.lr_scheduler.OneCycleLR(m.SGD([x], lr=1), 0.1, 9, pct_start=1),
    "unknown cycle": lambda m, x: m.lr_scheduler.CyclicLR(m.SGD([x], lr=1), 0.1, 1.0, mode="square"),
    "no momentum to cycle": lambda m, x: m.lr_scheduler.CyclicLR(m.Adagrad([x], lr=1), 0.1, 1.0),
    "two ends for one group": lambda m, x: m.lr_scheduler.CyclicLR(m.SGD([x], lr=1), [0.1, 0.2], 1.0),
    "cycles of no optimizer": lambda m, x: m.lr_scheduler.CyclicLR(x, 0.1, 1.0),
    "no epochs": lambda m, x: m.lr_scheduler.OneCycleLR(m.SGD([x], lr=1), 0.1, epochs=0, steps_per_epoch=3),
    "eta_min of no number": lambda m, x: m.lr_scheduler.CosineAnnealingWarmRestarts(m.SGD([x], lr=1), 1, 1, "0"),
    "cycle too short": lambda m, x: m.lr_scheduler.OneCycleLR(m.SGD([x], lr=1), 0.1),
}


@pytest.mark.device
@pytest.mark.parametrize("make", ERRORS.values(), ids=ERRORS)
def test_bad_options_raise_torchs_type_of_error(make: Any) -> None:
    with pytest.raises(Exception) as theirs:
        make(torch.optim, torch.zeros(2, requires_grad=True))
    with pytest.raises(type(theirs.value)):
        make(optim, minigrad.zeros(2, requires_grad=True))


#: Options of L-BFGS, and the number of steps to compare.
LBFGS: dict[str, dict[str, Any]] = {
    "plain": {"lr": 0.1},
    "few pairs": {"lr": 0.2, "history_size": 3, "max_iter": 7},
    "line search": {"line_search_fn": "strong_wolfe"},
    "short line search": {"line_search_fn": "strong_wolfe", "max_iter": 4, "max_eval": 7, "history_size": 2},
    "tolerant": {"lr": 0.5, "tolerance_grad": 0.05, "tolerance_change": 0.01},
    "far first step": {"lr": 5.0, "line_search_fn": "strong_wolfe"},
}


def _valley(parameters: list[Any]) -> Any:
    """Return a loss with a minimum at the end of a curved valley."""
    a, b, c = parameters
    return (a * a).sum() * 0.5 + ((b - b[0] ** 2) ** 2).sum() + (1 - b[0]) ** 2 + (c - 1) ** 4


@pytest.mark.parametrize("options", LBFGS.values(), ids=LBFGS)
def test_lbfgs_follows_torchs_trajectory(options: dict[str, Any]) -> None:
    ours, theirs = _parameters()
    sides = (optim.LBFGS(ours, **options), ours), (torch.optim.LBFGS(theirs, **options), theirs)
    for step in range(4):
        losses: list[list[float]] = [[], []]
        for (optimizer, parameters), seen in zip(sides, losses, strict=True):

            def closure(optimizer: Any = optimizer, parameters: Any = parameters, seen: Any = seen) -> Any:
                optimizer.zero_grad()
                loss = _valley(parameters)
                loss.backward()
                seen.append(loss.item())
                return loss

            first = optimizer.step(closure)
            assert first.item() == seen[0]
        assert len(losses[0]) == len(losses[1]), f"evaluations in step {step}"
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-8)
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            np.testing.assert_allclose(as_numpy(a), as_numpy(b), rtol=1e-6, atol=1e-7, err_msg=f"parameter {i}")
    state = sides[0][0].state_dict()["state"][0]
    assert sorted(state) == sorted(set(sides[1][0].state_dict()["state"][0]) - {"al"})


def test_lbfgs_continues_from_a_state_dict_and_refuses_what_it_cannot_do() -> None:
    ours, _ = _parameters()
    others = copy.deepcopy(ours)
    first = optim.LBFGS(ours, line_search_fn="strong_wolfe", max_iter=3)

    def step(optimizer: Any, parameters: Any) -> None:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = _valley(parameters)
            loss.backward()
            return loss

        optimizer.step(closure)

    step(first, ours)
    for mine, theirs in zip(others, ours, strict=True):
        mine.data.copy_(theirs.detach())
    second = optim.LBFGS(others, line_search_fn="strong_wolfe", max_iter=3)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for optimizer, parameters in ((first, ours), (second, others)):
        step(optimizer, parameters)
    for a, b in zip(ours, others, strict=True):
        assert as_numpy(a).tolist() == as_numpy(b).tolist()
    with pytest.raises(ValueError, match="parameter groups"):
        optim.LBFGS([{"params": ours[:1]}, {"params": ours[1:]}])
    with pytest.raises(TypeError, match="closure"):
        first.step()
    wrong = optim.LBFGS(ours, line_search_fn="armijo")
    with pytest.raises(RuntimeError, match="strong_wolfe"):
        step(wrong, ours)


@pytest.mark.parametrize("options", [{}, {"anneal_strategy": "linear", "anneal_epochs": 4}, {"anneal_epochs": 0}])
def test_swalr_sets_torchs_rates_after_another_schedule(options: dict[str, Any]) -> None:
    rates = []
    for m, parameters in zip((optim, torch.optim), _parameters(), strict=True):
        optimizer = m.SGD(parameters, lr=0.1)
        first = m.lr_scheduler.ExponentialLR(optimizer, 0.9)
        last = m.swa_utils.SWALR(optimizer, swa_lr=0.01, **options)
        seen = []
        for step in range(20):
            optimizer.step()
            (first if step < 5 else last).step()
            seen.append(optimizer.param_groups[0]["lr"])
        rates.append(seen)
    assert rates[0] == pytest.approx(rates[1], rel=1e-12)


def test_averaged_models_and_their_statistics_equal_torchs() -> None:
    found = []
    for m in (minigrad, torch):
        model = m.nn.Sequential(m.nn.Linear(2, 2), m.nn.BatchNorm1d(2))
        swa = m.optim.swa_utils
        averages = [
            swa.AveragedModel(model),
            swa.AveragedModel(model, avg_fn=swa.get_ema_avg_fn(0.7)),
            swa.AveragedModel(model, multi_avg_fn=swa.get_ema_multi_avg_fn(0.6), use_buffers=False),
        ]
        for step in range(4):
            for i, parameter in enumerate(model.parameters()):
                parameter.data.fill_(step * step + i + 1.0)
            for average in averages:
                average.update_parameters(model)
        batches = [m.arange(8.0).reshape(4, 2) * k for k in (1.0, -0.5, 0.2)]
        for average in averages:
            swa.update_bn([(batch, 0) for batch in batches], average)
        found.append([as_numpy(value).tolist() for average in averages for value in average.state_dict().values()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def own_momentum(m: Any) -> Any:
    """An optimiser of one's own, as programs write it: with a state that it finds empty."""

    class OwnMomentum(m.optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr, "beta": 0.5})

        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    if len(state) == 0:
                        state["step"], state["mean"] = 0, m.zeros_like(p.data)
                    state["step"] += 1
                    state["mean"].mul_(group["beta"]).add_(p.grad.data, alpha=1 - group["beta"])
                    p.data.add_(state["mean"], alpha=-group["lr"] / state["step"])

    return OwnMomentum


def test_an_optimizer_of_ones_own_keeps_a_state_and_continues_from_it_as_in_torch() -> None:
    found = []
    for m, parameters in zip((minigrad, torch), _parameters(), strict=True):
        groups = [{"params": parameters[:1], "lr": 0.3}, {"params": iter(parameters[1:])}]
        optimizer = own_momentum(m)(groups, lr=0.1)
        seen = [optimizer.param_groups[0] is groups[0], groups[1]["lr"], len(optimizer.state)]
        for step in range(4):
            _step(optimizer, parameters, step)
            groups[0]["lr"] *= 0.5
            if step == 1:
                state = copy.deepcopy(optimizer.state_dict())
                optimizer = own_momentum(m)([dict(group) for group in groups], lr=7.0)
                optimizer.load_state_dict(state)
                groups = optimizer.param_groups
        seen += [group["lr"] for group in optimizer.param_groups]
        found.append((seen, [as_numpy(p.detach()) for p in parameters], sorted(optimizer.state_dict()["state"][2])))
    (ours, values, names), (theirs, expected, expected_names) = found
    assert (ours, names) == (theirs, expected_names)
    for value, wanted in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-12)
