"""minigrad/tiny.py computes the engine's values and gradients, operation by operation and for whole networks."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import tiny
from minigrad.nn import functional as F

#: The same operations in both libraries; everything else is spelled the same: ``+``, ``*``, ``@`` and ``sum()``.
TINY = SimpleNamespace(
    relu=tiny.Relu.apply,
    conv2d=tiny.Conv2d.apply,
    batch_norm=tiny.BatchNorm.apply,
)
ENGINE = SimpleNamespace(
    relu=F.relu,
    conv2d=F.conv2d,
    batch_norm=lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=1e-5),
)
Program = Callable[..., Any]


def diamond(lib: Any, x: Any, w: Any, v: Any) -> Any:
    """Return a residual block: ``hidden`` is used twice, and ``x`` by both paths."""
    hidden = lib.relu(x @ w)
    return x + hidden @ v + hidden


def network(lib: Any, x: Any, w1: Any, scale: Any, shift: Any, w2: Any) -> Any:
    """Convolution, batch norm and ReLU, with one kernel used at two depths."""
    features = lib.relu(lib.batch_norm(lib.conv2d(x, w1), scale, shift))
    return lib.conv2d(lib.conv2d(features, w2) * lib.conv2d(features, w2), w2)


CASES: dict[str, tuple[Program, list[tuple[int, ...]]]] = {
    "Add": (lambda lib, x, y: x + y, [(3, 4), (3, 4)]),
    "Mul": (lambda lib, x, y: x * y, [(3, 4), (3, 4)]),
    "Sum": (lambda lib, x: x.sum(), [(3, 4)]),
    "Relu": (lambda lib, x: lib.relu(x), [(3, 4)]),
    "MatMul": (lambda lib, x, y: x @ y, [(3, 4), (4, 2)]),
    "Conv2d": (lambda lib, x, w: lib.conv2d(x, w), [(2, 3, 5, 6), (4, 3, 3, 2)]),
    "BatchNorm": (lambda lib, x, w, b: lib.batch_norm(x, w, b), [(4, 3, 2, 5), (3,), (3,)]),
    "the same operand twice": (lambda lib, x: x * x + x, [(3, 4)]),
    "diamond": (diamond, [(5, 4), (4, 4), (4, 4)]),
    "network": (network, [(3, 1, 6, 6), (2, 1, 3, 3), (2,), (2,), (2, 2, 2, 2)]),
}


def run(make: Callable[[Any], Any], lib: Any, program: Program, arrays: list[Any]) -> list[Any]:
    """Return the value of a program, and the gradient for every input of its sum weighted by fixed random numbers."""
    inputs = [make(array) for array in arrays]
    result = program(lib, *inputs)
    weights = make(np.random.default_rng(1).standard_normal(result.array.shape))
    (result * weights).sum().backward()
    gradients = [x.grad if isinstance(x.grad, np.ndarray) else x.grad.numpy() for x in inputs]
    return [result.array, *gradients]


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_the_engine(name: str) -> None:
    program, shapes = CASES[name]
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape) for shape in shapes]
    found = run(tiny.Tensor, TINY, program, arrays)
    expected = run(lambda array: minigrad.tensor(array, requires_grad=True), ENGINE, program, arrays)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_every_operation_has_a_case_and_the_name_of_the_engines() -> None:
    operations = {cls.__name__ for cls in tiny.Function.__subclasses__()}
    assert operations <= set(CASES)
    engines = {cls.__name__ for cls in minigrad.autograd.Function.__subclasses__()}
    assert operations <= engines


def test_a_node_runs_after_every_user_of_its_output() -> None:
    order: list[tiny.Function] = []

    class Watched(tiny.Add):
        def backward(self, grad: Any) -> Any:
            order.append(self)
            return super().backward(grad)

    x = tiny.Tensor(1.0)
    first = Watched.apply(x, x)
    left, right = Watched.apply(first, x), Watched.apply(x, first)
    Watched.apply(Watched.apply(left, right), left).backward()
    assert [node.number for node in order] == sorted((node.number for node in order), reverse=True)
    assert len(order) == 5, "each node runs once"


def test_gradients_add_up_over_backward_passes() -> None:
    x = tiny.Tensor(2.0)
    for expected in (4.0, 8.0):
        (x * x).backward()
        assert float(x.grad) == expected


def test_the_loss_of_the_small_network_falls(capsys: pytest.CaptureFixture[str]) -> None:
    tiny.main()
    losses = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.05 * losses[0]
