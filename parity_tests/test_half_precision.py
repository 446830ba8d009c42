"""float16: what is computed in several steps is rounded once, so it differs from torch's by one rounding at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad

UNIT = 2.0**-10  # the distance of two float16 numbers near 1

_VALUES = [0, 0.1, 1, 2, 3, 5, 8, 11, 12, 17, 20, 21, 60, 100, 300, 1000, 6e-8, 6e-5, 0.02]
POINTS = np.array([sign * value for value in _VALUES for sign in (1, -1)], np.float16)
_RNG = np.random.default_rng(0)


def _random(*shape: int) -> np.ndarray:
    return _RNG.standard_normal(shape).astype(np.float16)


IMAGES, LABELS = _random(4, 6, 9, 9), _RNG.integers(0, 50, 64)
SCORES, OTHERS = _random(64, 50) * 3, _random(64, 50) * 3
WEIGHTS = _RNG.standard_normal(6).astype(np.float32)  # as in a network whose sums and statistics stay float32

#: A formula and its operands, with m for either library and F for its ``nn.functional``.
FORMULAS: dict[str, tuple[Callable[..., Any], list[np.ndarray]]] = {
    **{
        name: (lambda m, F, x, name=name: getattr(m, name)(x), [POINTS])
        for name in ("exp", "sin", "cos", "tanh", "sigmoid", "expm1", "abs", "sign", "relu", "square", "neg")
    },
    **{
        name: (lambda m, F, x, name=name: getattr(m, name)(x), [np.abs(POINTS[2:])])
        for name in ("log", "sqrt", "log1p", "reciprocal")
    },
    **{
        f"F.{name}": (lambda m, F, x, name=name: getattr(F, name)(x), [POINTS])
        for name in ("elu", "silu", "hardswish", "softplus", "gelu", "relu6", "leaky_relu")
    },
    "gelu.tanh": (lambda m, F, x: F.gelu(x, approximate="tanh"), [POINTS]),
    "softplus.beta": (lambda m, F, x: F.softplus(x, beta=3.0, threshold=10.0), [POINTS]),
    "elu.alpha": (lambda m, F, x: F.elu(x, alpha=1.3), [POINTS]),
    "mul.number": (lambda m, F, x: x * 0.1, [POINTS]),
    "mul.large": (lambda m, F, x: x * 1e5, [POINTS / 1000]),
    "div.number": (lambda m, F, x: x / 0.3, [POINTS]),
    "pow": (lambda m, F, x: x**3, [SCORES]),
    "softmax": (lambda m, F, x, y: F.softmax(x, 1) * y, [SCORES, OTHERS]),
    "log_softmax": (lambda m, F, x, y: F.log_softmax(x, 1) * y, [SCORES, OTHERS]),
    **{
        name: (lambda m, F, x, name=name: getattr(x, name)(1), [SCORES])
        for name in ("sum", "mean", "var", "std", "amax", "logsumexp", "cumsum")
    },
    "norm": (lambda m, F, x: m.norm(x, dim=1), [SCORES]),
    "norm.3": (lambda m, F, x: m.norm(x, p=3, dim=1), [SCORES]),
    **{
        f"{name}.{reduction}": (
            lambda m, F, x, y, name=name, reduction=reduction: getattr(F, name)(x, y, reduction=reduction),
            [SCORES, OTHERS],
        )
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
        for reduction in ("none", "mean", "sum")
    },
    **{
        f"cross_entropy.{reduction}": (
            lambda m, F, x, t, reduction=reduction: F.cross_entropy(x, t, reduction=reduction, label_smoothing=0.1),
            [SCORES, LABELS],
        )
        for reduction in ("none", "mean", "sum")
    },
    "cosine_similarity": (lambda m, F, x, y: F.cosine_similarity(x, y), [SCORES, OTHERS]),
    "layer_norm": (lambda m, F, x, w: F.layer_norm(x, (9,), w), [IMAGES, np.linspace(-1, 1, 9).astype(np.float32)]),
    "group_norm": (lambda m, F, x, w: F.group_norm(x, 3, w), [IMAGES, WEIGHTS]),
    "batch_norm": (lambda m, F, x, w: F.batch_norm(x, None, None, w, w, True), [IMAGES, WEIGHTS]),
    "batch_norm.evaluation": (
        lambda m, F, x, w: F.batch_norm(x, m.ones(6), m.ones(6) * 3, w, w, False),
        [IMAGES, WEIGHTS],
    ),
    "avg_pool2d": (lambda m, F, x: F.avg_pool2d(x, 3, 1, 1), [IMAGES]),
    "adaptive_avg_pool2d": (lambda m, F, x: F.adaptive_avg_pool2d(x, 1), [IMAGES]),
    "linear": (lambda m, F, x, w, b: F.linear(x, w, b), [_random(3000, 16), _random(8, 16), _random(8)]),
    "matmul": (lambda m, F, x, y: x @ y, [_random(30, 500), _random(500, 5)]),
    "conv2d": (lambda m, F, x, w: F.conv2d(x, w, padding=1), [IMAGES, _random(8, 6, 3, 3)]),
    "broadcast": (lambda m, F, x, b: x + b, [_random(9000, 4), _random(4)]),
    "index_select": (
        lambda m, F, x: m.index_select(x, 0, m.zeros(5000, dtype=m.int64)),
        [_random(3, 2)],
    ),
}


def _value_and_gradients(m: Any, formula: Callable[..., Any], operands: list[np.ndarray]) -> list[np.ndarray]:
    tensors = [m.tensor(operand.copy()) for operand in operands]
    leaves = [t.requires_grad_(True) for t in tensors if t.is_floating_point()]
    y = formula(m, m.nn.functional, *tensors)
    y.backward(m.tensor(np.random.default_rng(1).standard_normal(tuple(y.shape)).astype(np.float16)))
    assert y.dtype == m.float16
    return [y.detach().numpy(), *[leaf.grad.numpy() for leaf in leaves if leaf.grad is not None]]


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.filterwarnings("ignore")
def test_half_precision_differs_from_torchs_by_one_rounding(name: str) -> None:
    theirs, ours = (_value_and_gradients(m, *FORMULAS[name]) for m in (torch, minigrad))
    for expected, found in zip(theirs, ours, strict=True):
        assert found.dtype == expected.dtype
        expected, found = (array.astype(np.float64) for array in (expected, found))
        largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
        np.testing.assert_allclose(found, expected, rtol=2 * UNIT, atol=largest * 2 * UNIT)
