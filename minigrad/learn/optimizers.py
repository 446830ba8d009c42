"""Optimisers whose formula is a learner's function."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from minigrad.learn.engine_runs import numbers
from minigrad.nn.parameter import Parameter
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.states import Group, State
from minigrad.tensor import Tensor
from minigrad.typing import Array

Move = Callable[[Optimizer, list[tuple[Tensor, Group]]], None]


def replaced_move(step: Callable[[Array, Array, State, Group], None], fits: Callable[[Group], bool]) -> Move:
    """Return what stands in place of an optimiser's ``_move``: ``step(p, g, state, group)`` for each parameter.

    Groups that do not fit the learner's formula are moved by the engine.
    """
    original = Optimizer._move

    def move(optimizer: Optimizer, moved: list[tuple[Tensor, Group]]) -> None:
        if not all(fits(group) for _, group in moved):
            original(optimizer, moved)
            return
        for p, group in moved:
            assert p.grad is not None
            step(p.array, p.grad.array, optimizer.state.setdefault(p, {}), group)
            p._written_in_place()

    return move


def moved_by(make: Callable[[Iterable[Tensor]], Optimizer]) -> list[Array]:
    """Return two parameters after four steps of an optimiser with fixed gradients."""
    params = [Parameter(Tensor(numbers(2, 3))), Parameter(Tensor(numbers(3)))]
    optimizer = make(params)
    for step in range(4):
        for p in params:
            p.grad = Tensor(numbers(*p.shape, seed=step + 1))
        optimizer.step()
    return [np.array(p.array) for p in params]
