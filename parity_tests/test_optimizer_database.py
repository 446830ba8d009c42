"""Every configuration and every error of torch's own database of optimizers (``OptimizerInfo``)."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import optim
from parity_tests.compare import assert_close
from parity_tests.tolerances import Tolerance

STEPS = 6
#: torch's ways of computing a step, which minigrad refuses by name.
WAYS = ("foreach", "fused", "capturable", "differentiable")


@functools.cache
def _database() -> dict[str, Any]:
    from torch.testing._internal.common_optimizers import optim_db

    return {info.optim_cls.__name__: info for info in optim_db}


#: torch keeps the rate of ASGD in float32.
TOLERANCES = {"ASGD": Tolerance(3e-8, 1e-12)}
NAMES = sorted(name for name in _database() if name in optim.__all__)


def _ours(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return minigrad.tensor(value.detach().numpy())
    if isinstance(value, tuple | list):
        return type(value)(map(_ours, value))
    return value


def _trajectory(engine: Any, kind: Any, options: dict[str, Any]) -> list[np.ndarray]:
    """Return the parameters after some steps down a curved valley."""
    random = np.random.default_rng(0)
    starts, targets = ([random.standard_normal(shape) for shape in ((4, 3), (5,))] for _ in range(2))
    parameters = [engine.tensor(start, requires_grad=True) for start in starts]
    optimizer = kind(parameters, **options)

    def closure() -> Any:
        optimizer.zero_grad()
        pairs = zip(parameters, targets, strict=True)
        loss = sum(((p - engine.tensor(t)) ** 2 + 0.1 * (p**4)).sum() for p, t in pairs)
        loss.backward()
        return loss

    for _ in range(STEPS):
        optimizer.step(closure)
    return [p.detach().numpy() for p in parameters]


@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_of_torchs_own_has_torchs_parameters(name: str) -> None:
    info = _database()[name]
    for given in info.optim_inputs_func(device="cpu"):
        if any(given.kwargs.get(way) for way in WAYS):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = _trajectory(torch, info.optim_cls, given.kwargs)
            ours = _trajectory(
                minigrad, getattr(optim, name), {key: _ours(value) for key, value in given.kwargs.items()}
            )
        for mine, expected in zip(ours, theirs, strict=True):
            assert_close(mine, expected, TOLERANCES.get(name, Tolerance(1e-9, 1e-12)), f"{name}, {given.desc}")


@pytest.mark.filterwarnings("error:.*duplicate parameters")
@pytest.mark.parametrize("name", NAMES)
def test_every_error_of_torchs_own_is_an_error_of_the_same_type(name: str) -> None:
    info = _database()[name]
    for case in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
        given = case.optimizer_error_input
        refused = NotImplementedError if any(given.kwargs.get(way) for way in WAYS) else case.error_type
        with pytest.raises((refused, case.error_type)) as error:
            _make_and_step(info, name, given)
        assert len(str(error.value)) > 15, "the message must say what was wrong"


def _make_and_step(info: Any, name: str, given: Any) -> None:
    options = {key: _ours(value) for key, value in given.kwargs.items()}
    parameters = given.params
    if isinstance(parameters, torch.Tensor):
        parameters = _ours(parameters)
    elif parameters is not None:
        twins: dict[int, Any] = {}
        parameters = [_parameter(p, twins) for p in parameters]
    else:
        parameters = [minigrad.ones(2, requires_grad=True)]
    optimizer = getattr(optim, name)(parameters, **options)
    optimizer.step(*([lambda: parameters[0].sum()] if info.step_requires_closure else []))


def _parameter(given: Any, twins: dict[int, Any]) -> Any:
    """Return minigrad's parameter for one of torch's, the same one each time, or the group of them."""
    if id(given) in twins:
        return twins[id(given)]
    if isinstance(given, torch.Tensor):
        mine = twins[id(given)] = minigrad.tensor(given.detach().numpy(), requires_grad=given.requires_grad)
        if not given.is_leaf:
            return mine * 1
        mine.grad = None if given.grad is None else minigrad.tensor(given.grad.numpy())
        return mine
    if isinstance(given, dict):
        return given | {"params": [_parameter(p, twins) for p in given["params"]]}
    return given
