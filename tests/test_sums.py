"""Long sums, half precision, and other places where a number can lose its value on the way."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn
from minigrad.kernels import sums
from minigrad.nn import functional as F

HALF = minigrad.float16
EPSILON = 2.0**-24  # the rounding error of one float32 operation


# --- Sums of float32, over every kind of dimension ---

SHAPES = [(1_000_003,), (400_001, 2), (2, 400_001), (100, 100, 50, 2), (300, 7, 300), (3, 1, 40_000, 2)]


def _dims(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    n = len(shape)
    return [tuple(d for d in range(n) if mask >> d & 1) for mask in range(1, 2**n)]


LAYOUTS = {
    "in order": lambda x: x,
    "transposed": lambda x: x.T,
    "every other": lambda x: x[::2],
    "backwards": lambda x: x[..., ::-1],
    "repeated": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_error_of_a_sum_hardly_grows_with_its_length(shape: tuple[int, ...], layout: str) -> None:
    x = LAYOUTS[layout](np.random.default_rng(0).random(shape, dtype=np.float32))
    for dims in _dims(x.shape):
        for keepdims in (False, True):
            exact = np.sum(x, axis=dims, keepdims=keepdims, dtype=np.float64)
            total = sums.total(x, dims, keepdims)
            assert (total.dtype, total.shape) == (np.float32, exact.shape)
            np.testing.assert_allclose(total, exact, rtol=32 * EPSILON)


def test_millions_of_rows_are_summed_to_seven_digits() -> None:
    x = minigrad.full((4_000_000, 2), 0.1)
    np.testing.assert_allclose(x.sum(0).numpy(), 4e6 * float(np.float32(0.1)), rtol=1e-6)
    np.testing.assert_allclose(x.mean(0).numpy(), float(np.float32(0.1)), rtol=1e-6)
    assert minigrad.ones(2**24 + 2**20, 2).sum(0).tolist() == [2**24 + 2**20] * 2  # 2²⁴ + 1 is no float32


def test_undoing_a_broadcast_over_many_rows_keeps_its_digits() -> None:
    bias = minigrad.zeros(2, requires_grad=True)
    (minigrad.zeros(1_000_000, 2) + bias).backward(minigrad.full((1_000_000, 2), 0.1))
    np.testing.assert_allclose(bias.grad.numpy(), 1e6 * float(np.float32(0.1)), rtol=1e-6)


@pytest.mark.parametrize("layer", ["linear", "conv1d", "layer_norm"])
def test_the_gradient_of_a_bias_keeps_its_digits_over_many_rows(layer: str) -> None:
    bias = minigrad.zeros(2, requires_grad=True)
    x = minigrad.ones(400_000, 2)
    if layer == "linear":
        y = F.linear(x, minigrad.ones(2, 2), bias)
    elif layer == "conv1d":
        y = F.conv1d(x.reshape(400_000, 2, 1), minigrad.ones(2, 2, 1), bias)
    else:
        y = F.layer_norm(x, (2,), bias=bias)
    y.backward(minigrad.full(y.shape, 0.1))
    np.testing.assert_allclose(bias.grad.numpy(), 4e5 * float(np.float32(0.1)), rtol=1e-6)


def test_a_running_sum_of_float32_keeps_its_digits() -> None:
    x = minigrad.full((2_000_000,), 0.1)
    ends = x.cumsum(0).numpy()[[9, 999, 999_999, 1_999_999]]
    np.testing.assert_allclose(ends, np.array([10, 1000, 1e6, 2e6]) * float(np.float32(0.1)), rtol=1e-7)


def test_the_spread_of_large_numbers_keeps_its_digits() -> None:
    x = minigrad.tensor(np.array([[100.0, -100.0]], np.float32).repeat(1_000_000, 0))
    np.testing.assert_allclose(x.std(0).numpy(), 0, atol=1e-2)
    assert minigrad.full((100_000,), 0.1).std().item() == 0
    y = minigrad.tensor([10_000.0, 10_001.0, 10_002.0])
    assert y.var().item() == 1
    assert minigrad.tensor([1e30, 3e30]).std().item() == pytest.approx(math.sqrt(2) * 1e30)


def test_the_variance_of_float32_is_differentiated_twice() -> None:
    x = minigrad.tensor([1.0, 2.0, 4.0], requires_grad=True)
    (first,) = minigrad.autograd.grad(x.var(), x, create_graph=True)
    (second,) = minigrad.autograd.grad(first[0], x)
    np.testing.assert_allclose(first.detach().numpy(), [-4 / 3, -1 / 3, 5 / 3], rtol=1e-6)
    np.testing.assert_allclose(second.numpy(), [2 / 3, -1 / 3, -1 / 3], rtol=1e-6)


# --- float16 is added up in float32 ---


def test_half_precision_sums_grow_beyond_2048_ones() -> None:
    assert minigrad.ones(4096, 2, dtype=HALF).sum(0).tolist() == [4096, 4096]
    assert minigrad.ones(2, 4096, dtype=HALF).sum(1).tolist() == [4096, 4096]
    assert minigrad.ones(4096, dtype=HALF).cumsum(0)[-1].item() == 4096
    assert minigrad.full((70_000,), 1.0, dtype=HALF).sum().item() == math.inf  # which 70,000 is in float16


@pytest.mark.parametrize("shape", [(1000,), (100_000,)], ids=str)
def test_the_mean_of_half_precision_neither_overflows_nor_vanishes(shape: tuple[int, ...]) -> None:
    x = minigrad.full(shape, 100.0, dtype=HALF, requires_grad=True)
    assert x.mean().item() == 100
    x.mean().backward(minigrad.tensor(1000.0, dtype=HALF))
    np.testing.assert_allclose(x.grad.float().numpy(), 1000 / shape[0], rtol=1e-3)


def test_variance_norm_and_product_of_half_precision_do_not_overflow_on_the_way() -> None:
    x = minigrad.full((1000,), 300.0, dtype=HALF)
    x[0] = 0.0
    assert x.norm().item() == pytest.approx(300 * math.sqrt(999), rel=1e-3)
    assert x.var().item() == pytest.approx(90, rel=1e-3)
    assert x.std().item() == pytest.approx(math.sqrt(90), rel=1e-3)
    assert minigrad.tensor([300.0, 300.0, 1e-3, 1e-3], dtype=HALF).prod().item() == pytest.approx(0.09, rel=2e-3)
    assert minigrad.zeros(100_000, dtype=HALF).logsumexp(0).item() == pytest.approx(math.log(100_000), rel=1e-3)


def test_gradient_norms_of_half_precision_do_not_overflow() -> None:
    p = minigrad.tensor([1.0, 2.0], dtype=HALF, requires_grad=True)
    p.grad = minigrad.tensor([300.0, 400.0], dtype=HALF)
    assert nn.utils.clip_grad_norm_([p], 1.0).item() == 500
    np.testing.assert_allclose(p.grad.float().numpy(), [0.6, 0.8], rtol=2e-3)


def test_normalisation_of_half_precision_does_not_overflow() -> None:
    values = (np.random.default_rng(0).random((4, 6, 8, 8)) * 60_000).astype(np.float16)
    x, exact = minigrad.tensor(values), minigrad.tensor(values).double()
    for normalize in (
        lambda x: F.layer_norm(x, (8, 8)),
        lambda x: F.group_norm(x, 2),
        lambda x: F.instance_norm(x),
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: F.batch_norm(x.flatten(1), None, None, training=True),
        lambda x: F.normalize(x),
        lambda x: F.avg_pool2d(x, 8),
        lambda x: F.avg_pool2d(x, 3, 1, 1),
        lambda x: F.adaptive_avg_pool2d(x, 1),
    ):
        y = normalize(x)
        assert y.dtype == HALF
        np.testing.assert_allclose(y.double().numpy(), normalize(exact).numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("weights", [minigrad.float16, minigrad.float32], ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_of_half_precision_is_half_whatever_the_weights(weights: Any, training: bool) -> None:
    x = minigrad.randn(4, 3, 5, 5).half().requires_grad_(True)
    w = minigrad.ones(3, dtype=weights, requires_grad=True)
    b = minigrad.zeros(3, dtype=weights, requires_grad=True)
    mean, var = minigrad.zeros(3, dtype=weights), minigrad.ones(3, dtype=weights)
    y = F.batch_norm(x, mean, var, w, b, training)
    assert (y.dtype, mean.dtype) == (HALF, weights)
    y.sum().backward()
    assert [t.grad.dtype for t in (x, w, b)] == [HALF, weights, weights]


def test_convolutions_and_lookups_of_half_precision_add_up_in_float32() -> None:
    ones = minigrad.ones(1, 64, 9, 9, dtype=HALF)
    w = minigrad.ones(2, 64, 9, 9, dtype=HALF, requires_grad=True)
    assert F.conv2d(ones, w).flatten().tolist() == [64 * 81] * 2
    many = minigrad.ones(5000, 1, 2, 2, dtype=HALF)
    single = minigrad.ones(1, 1, 1, 1, dtype=HALF, requires_grad=True)
    F.conv2d(many, single).backward(minigrad.ones(5000, 1, 2, 2, dtype=HALF))
    assert single.grad.item() == 20_000
    table = minigrad.ones(2, 1, dtype=HALF, requires_grad=True)
    F.embedding(minigrad.zeros(5000, dtype=minigrad.int64), table).sum().backward()
    assert table.grad.flatten().tolist() == [5000, 0]
    rows = minigrad.ones(1, 2, dtype=HALF, requires_grad=True)
    rows.expand(5000, 2).sum().backward()
    assert rows.grad.flatten().tolist() == [5000, 5000]


# --- Formulas of several steps ---


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (F.softplus, lambda x: np.where(x > 20, x, np.log1p(np.exp(np.minimum(x, 20))))),
        (F.silu, lambda x: x / (1 + np.exp(-x))),
        (F.elu, lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
        (F.hardswish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
        (F.gelu, lambda x: x * 0.5 * (1 + np.array([math.erf(v / math.sqrt(2)) for v in x]))),
        (F.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
        (F.tanh, np.tanh),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_activations_of_half_precision_are_rounded_once(function: Any, expected: Any) -> None:
    x = np.concatenate([np.linspace(-12, 25, 300), [-500.0, 300.0, 6e4, 1e-3, 0.0]]).astype(np.float16)
    with np.errstate(over="ignore"):
        exact = expected(x.astype(np.float64))
    y = function(minigrad.tensor(x))
    assert y.dtype == HALF
    np.testing.assert_allclose(y.double().numpy(), exact, rtol=2.0**-11, atol=2.0**-22)  # half a unit in the last place


def test_the_gradient_of_half_precision_is_rounded_once() -> None:
    x = minigrad.tensor([12.0, 15.0, 19.0, -15.0], dtype=HALF, requires_grad=True)
    F.softplus(x).sum().backward()
    np.testing.assert_allclose(x.grad.double().numpy(), [1, 1, 1, math.exp(-15)], rtol=0.1)
    big = minigrad.tensor([-300.0, 300.0], dtype=HALF, requires_grad=True)
    F.gelu(big, approximate="tanh").sum().backward()
    assert big.grad.tolist() == [0, 1]


def test_softmax_of_half_precision_counts_all_its_terms() -> None:
    x = minigrad.zeros(4096, 2, dtype=HALF)
    np.testing.assert_allclose(F.softmax(x, 0).float().numpy(), 1 / 4096)
    np.testing.assert_allclose(F.log_softmax(x, 0).float().numpy(), -math.log(4096), rtol=1e-3)


@pytest.mark.parametrize("loss", [F.mse_loss, F.smooth_l1_loss, F.huber_loss, F.l1_loss], ids=lambda f: f.__name__)
def test_the_mean_of_a_loss_in_half_precision_does_not_overflow(loss: Any) -> None:
    x, y = minigrad.full((3000,), 30.0, dtype=HALF), minigrad.zeros(3000, dtype=HALF)
    value = loss(x, y)
    assert value.dtype == HALF
    assert value.item() == pytest.approx(loss(x.double(), y.double()).item(), rel=1e-3)


def test_cross_entropy_of_half_precision_is_rounded_once() -> None:
    rng = np.random.default_rng(0)
    x, t = minigrad.tensor((rng.standard_normal((5000, 50)) * 9).astype(np.float16)), rng.integers(0, 50, 5000)
    for options in ({}, {"label_smoothing": 0.1}):
        value = F.cross_entropy(x, minigrad.tensor(t), **options)
        exact = F.cross_entropy(x.double(), minigrad.tensor(t), **options)
        assert value.item() == pytest.approx(exact.item(), rel=1e-3)


def test_a_number_beside_half_precision_need_not_be_a_float16() -> None:
    x = minigrad.tensor([0.5], dtype=HALF)
    assert (x * 1e5).item() == pytest.approx(5e4, rel=1e-3)
    assert (x / 1e5).item() == pytest.approx(5e-6, rel=2e-2)
    assert (1e5 / (x * 1000)).item() == pytest.approx(200, rel=1e-3)
    x.requires_grad_(True)
    (x * 1e5).sum().backward(minigrad.tensor(0.5, dtype=HALF))
    assert x.grad.item() == pytest.approx(5e4, rel=1e-3)


# --- Random numbers stay below their bound ---


@pytest.mark.parametrize("dtype", [minigrad.float16, minigrad.float32, minigrad.float64], ids=str)
def test_uniform_numbers_never_reach_their_upper_bound(dtype: Any) -> None:
    minigrad.manual_seed(0)
    x = minigrad.rand(300_000, dtype=dtype).double().numpy()
    assert x.min() >= 0
    assert x.max() < 1
    assert abs(x.mean() - 0.5) < 0.01
    for low, high in ((-1.0, 1.0), (0.1, 0.11), (1000.0, 1001.0), (-3.0, -2.0)):
        drawn = minigrad.empty(300_000, dtype=dtype).uniform_(low, high).double().numpy()
        assert drawn.max() < high
        assert drawn.min() >= dtype.type(low)
        assert nn.init.uniform_(minigrad.empty(300_000, dtype=dtype), low, high).double().numpy().max() < high
    assert minigrad.empty(3, dtype=dtype).uniform_(2.0, 2.0).tolist() == [2, 2, 2]


def test_random_integers_of_a_floating_dtype_never_reach_their_upper_bound() -> None:
    minigrad.manual_seed(0)
    assert minigrad.randint(0, 4096, (100_000,), dtype=HALF).float().numpy().max() < 4096  # 4095 is no float16
    assert minigrad.randint(2**24, 2**24 + 4, (1000,), dtype=minigrad.float32).numpy().max() < 2**24 + 4


def test_a_negative_seed_counts_back_from_2_to_the_64() -> None:
    assert minigrad.manual_seed(-1).initial_seed() == 2**64 - 1
    minigrad.manual_seed(0)


# --- The dtype of tensor([...]) ---


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([np.float64(1.5)], "float64"),
        ([np.float32(1.5), 2.0], "float32"),
        ([np.float16(1), 1], "float16"),
        ([np.array([1 / 3, 2.0]), np.array([3.0, 4.0])], "float64"),
        ([[np.ones(2)], [[1.0, 2.0]]], "float64"),
        ([np.ones(2, np.float32), [1.0, 2.0]], "float32"),
        ([np.ones(2, np.int64), [1.5, 2.0]], "float32"),
        ([np.ones(2, np.uint8), np.ones(2, np.int8)], "int16"),
        ([minigrad.tensor(1.5, dtype=minigrad.float64), 1], "float64"),
        ([[minigrad.tensor(1.5, dtype=minigrad.float16)], [2]], "float16"),
        ([1, 2.5], "float32"),
        ([True, 2], "int64"),
        ([True, False], "bool"),
        ([], "float32"),
        ([[], []], "float32"),
        (np.float64(1.5), "float64"),
        (1.5, "float32"),
    ],
    ids=str,
)
def test_a_list_has_the_dtype_that_holds_all_its_elements(data: Any, dtype: str) -> None:
    assert minigrad.tensor(data).dtype.name == dtype
    assert minigrad.as_tensor(data).dtype.name == dtype


def test_doubles_in_a_list_keep_their_digits() -> None:
    assert minigrad.tensor([np.float64(1 / 3)]).item() == 1 / 3
    assert minigrad.as_tensor(1 / 3, dtype=minigrad.float64).item() == 1 / 3


def test_numbers_that_do_not_fit_a_dtype_are_refused_or_wrap_as_in_torch() -> None:
    for make in (lambda v, d: minigrad.tensor([v], dtype=d), lambda v, d: minigrad.full((1,), v, dtype=d)):
        with pytest.raises(RuntimeError, match="overflow"):
            make(300, minigrad.uint8)
        with pytest.raises(RuntimeError, match="overflow"):
            make(math.nan, minigrad.int32)
        assert make(-1, minigrad.uint8).tolist() == [255]
        assert make(-1.7, minigrad.int8).tolist() == [-1]
    assert minigrad.tensor([1e5], dtype=HALF).tolist() == [math.inf]
    with pytest.raises(RuntimeError, match="overflow"):
        minigrad.full((2,), 1e5, dtype=HALF)
    x = minigrad.zeros(2, dtype=minigrad.int8)
    with pytest.raises(RuntimeError, match="overflow"):
        x[0] = 128
    assert x.tolist() == [0, 0]


# --- Norms, extremes, products at the edges ---


@pytest.mark.parametrize(
    ("p", "values", "norm", "gradient"),
    [
        (-1, [0.0, 1.0, 2.0], 0.0, [0.0, 0.0, 0.0]),
        (-1, [-1.0, 1.0], 0.5, [-0.25, 0.25]),
        (-2.5, [0.0, 0.0], 0.0, [0.0, 0.0]),
        (-1, [math.inf, 1.0], 1.0, [0.0, 1.0]),
        (0, [0.0, math.inf, math.nan], 2.0, [0.0, 0.0, 0.0]),
        (0.5, [0.0, 1.0, 1.0], 4.0, [0.0, 2.0, 2.0]),
        (2, [0.0, 0.0], 0.0, [0.0, 0.0]),
        (2, [3.0, 4.0], 5.0, [0.6, 0.8]),
        (3, [0.0, 0.0], 0.0, [0.0, 0.0]),
        (math.inf, [-2.0, 1.0, 2.0], 2.0, [-0.5, 0.0, 0.5]),
        (-math.inf, [-2.0, 1.0, 0.0], 0.0, [0.0, 0.0, 0.0]),
        (2, [], 0.0, []),
    ],
    ids=str,
)
def test_norms_of_every_order(p: float, values: list[float], norm: float, gradient: list[float]) -> None:
    x = minigrad.tensor(values, dtype=minigrad.float64, requires_grad=True)
    y = minigrad.norm(x, p=p)
    y.backward()
    assert y.item() == pytest.approx(norm)
    np.testing.assert_allclose(x.grad.numpy(), gradient, rtol=1e-12)


def test_nans_share_the_gradient_of_max_and_min() -> None:
    for extreme in (minigrad.max, minigrad.min):
        x = minigrad.tensor([1.0, math.nan, 3.0, math.nan], requires_grad=True)
        y = extreme(x)
        y.backward()
        assert math.isnan(y.item())
        assert x.grad.tolist() == [0, 0.5, 0, 0.5]
        values, indices = extreme(x, 0)
        assert math.isnan(values.item())
        assert indices.item() == 1


def test_the_sign_of_nan_is_0() -> None:
    x = minigrad.tensor([math.nan, -0.0, -2.0, math.inf], requires_grad=True)
    assert minigrad.sign(x.detach()).tolist() == [0, 0, -1, 1]
    x.abs().sum().backward()
    assert x.grad.tolist() == [0, 0, -1, 1]


@pytest.mark.parametrize("dtype", [minigrad.float16, minigrad.float32], ids=str)
def test_activations_pass_nan_on(dtype: Any) -> None:
    for function in (F.elu, F.relu6, F.hardswish, F.silu, F.gelu, F.softplus, F.sigmoid, F.tanh, F.leaky_relu):
        assert math.isnan(function(minigrad.tensor([math.nan], dtype=dtype)).item()), function.__name__


@pytest.mark.parametrize("function", [F.silu, F.gelu, lambda x: F.gelu(x, approximate="tanh")])
def test_an_infinite_gradient_is_multiplied_once_by_the_slope(function: Any) -> None:
    x = minigrad.zeros(1, requires_grad=True)
    function(x).backward(minigrad.tensor([math.inf]))
    assert x.grad.tolist() == [math.inf]  # the slope is ½, of which no part may meet ∞ by itself


@pytest.mark.parametrize("loss", [F.smooth_l1_loss, F.huber_loss], ids=lambda f: f.__name__)
def test_an_infinite_distance_has_the_slope_of_a_large_one(loss: Any) -> None:
    x = minigrad.tensor([math.inf, -math.inf, 0.5], requires_grad=True)
    loss(x, minigrad.zeros(3), reduction="sum").backward()
    assert x.grad.tolist() == [1, -1, 0.5]


def test_the_gradient_of_a_weight_of_frozen_batch_norm_keeps_its_digits() -> None:
    x = minigrad.tensor(np.random.default_rng(0).standard_normal((10_000, 2)).astype(np.float32) + 1000)
    gradients = []
    for dtype in (minigrad.float32, minigrad.float64):
        w, b = minigrad.ones(2, dtype=dtype, requires_grad=True), minigrad.zeros(2, dtype=dtype, requires_grad=True)
        mean, var = minigrad.full((2,), 1000.0, dtype=dtype), minigrad.ones(2, dtype=dtype)
        F.batch_norm(x.to(dtype), mean, var, w, b).sum().backward()
        gradients.append(w.grad.double().numpy())
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-4)


def test_a_sum_has_the_dtype_asked_for() -> None:
    x = minigrad.ones(3, dtype=minigrad.int8)
    for reduce in (minigrad.sum, minigrad.prod, lambda x, dtype: minigrad.cumsum(x, 0, dtype=dtype)):
        assert reduce(x, dtype=minigrad.int8).dtype == minigrad.int8
    assert minigrad.sum(x).dtype == minigrad.int64


def test_addmm_with_beta_0_ignores_its_input() -> None:
    x = minigrad.full((2, 2), math.nan, requires_grad=True)
    y = minigrad.addmm(x, minigrad.ones(2, 3), minigrad.ones(3, 2), beta=0, alpha=2)
    y.sum().backward()
    assert y.tolist() == [[6, 6], [6, 6]]
    assert x.grad.tolist() == [[0, 0], [0, 0]]


def test_reductions_of_nothing_have_their_limit() -> None:
    x = minigrad.zeros(2, 0)
    assert minigrad.logsumexp(x, 1).tolist() == [-math.inf, -math.inf]
    assert (x.sum(1).tolist(), x.prod(1).tolist(), x.norm(dim=1).tolist()) == ([0, 0], [1, 1], [0, 0])
    assert all(math.isnan(v) for v in x.mean(1).tolist() + x.var(1).tolist() + x.std(1).tolist())
    y = F.softmax(x, 1)
    assert y is not x
    assert y.shape == (2, 0)
    empty = minigrad.zeros(0, 3, 4, 4, requires_grad=True)
    F.instance_norm(empty).sum().backward()
    assert empty.grad.shape == (0, 3, 4, 4)


def test_numpys_names_of_arguments_are_understood() -> None:
    x = minigrad.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert x.sum(axis=1, keepdims=True).tolist() == [[3], [8]]
    assert minigrad.max(x, axis=0).indices.tolist() == [1, 1]
    assert minigrad.stack([x, x], axis=2).shape == (2, 2, 2)
    with pytest.raises(TypeError, match="both dim and axis"):
        x.mean(dim=0, axis=0)


def test_clipping_warns_of_an_exhausted_generator() -> None:
    parameters = nn.Linear(2, 2).parameters()
    list(parameters)
    with pytest.warns(UserWarning, match="empty generator"):
        nn.utils.clip_grad_norm_(parameters, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.utils.clip_grad_norm_([], 1.0)


def test_a_module_becomes_half_precision() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).half()
    y = net(minigrad.randn(2, 3, 5, 5).half())
    assert {t.dtype for t in (y, *net.parameters())} == {HALF}
