"""Checkpointing keeps nothing, draws the same dropout twice, and has the same gradients of every order."""

from __future__ import annotations

import tracemalloc
from typing import Any

import minigrad
from minigrad import autograd, nn
from minigrad.nn import functional as F
from minigrad.recompute import checkpoint


def _model() -> Any:
    minigrad.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3)).double()


def test_gradients_of_arguments_and_parameters_are_those_without_checkpoint() -> None:
    model, x = _model(), minigrad.randn(5, 4, dtype=minigrad.float64, requires_grad=True)
    results = []
    for run in (model, lambda x: checkpoint(model, x)):
        minigrad.manual_seed(1)
        y = run(x)
        results.append([y, *autograd.grad((y * y).sum(), [x, *model.parameters()])])
    for a, b in zip(*results, strict=True):
        assert a.tolist() == b.tolist()


def test_gradients_of_gradients_pass_through_a_checkpoint() -> None:
    w = minigrad.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=minigrad.float64, requires_grad=True)
    x = minigrad.tensor([0.3, -0.7], dtype=minigrad.float64, requires_grad=True)
    results = []
    for run in (lambda x: (w @ x).tanh(), lambda x: checkpoint(lambda x: (w @ x).tanh(), x)):
        (first,) = autograd.grad(run(x).sum(), x, create_graph=True)
        results.append(autograd.grad((first * first).sum(), [x, w]))
    for a, b in zip(*results, strict=True):
        assert abs((a - b).numpy()).max() < 1e-14


def test_a_tuple_of_outputs_and_arguments_that_are_no_tensors() -> None:
    x = minigrad.ones(3, requires_grad=True)

    def both(x: Any, factor: float, *, offset: float) -> Any:
        return x * factor, x.sum() + offset

    y, total = checkpoint(both, x, 3.0, offset=2.0)
    assert (y.tolist(), total.item()) == ([3.0, 3.0, 3.0], 5.0)
    (y.sum() + total).backward()
    assert x.grad.tolist() == [4.0, 4.0, 4.0]


def test_nothing_inside_is_kept_until_backward() -> None:
    x = minigrad.randn(400, 400, requires_grad=True)

    def deep(x: Any) -> Any:
        for _ in range(10):
            x = F.sigmoid(x)
        return x

    kept = []
    for run in (deep, lambda x: checkpoint(deep, x)):
        tracemalloc.start()
        y = run(x)
        kept.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        del y
    assert kept[1] < kept[0] / 4


def test_without_gradients_it_only_calls() -> None:
    with minigrad.no_grad():
        assert not checkpoint(lambda x: x * 2, minigrad.ones(2, requires_grad=True)).requires_grad
    assert not checkpoint(lambda x: x * 2, minigrad.ones(2)).requires_grad
