"""The right value where a wrong formula shows: at infinities, NaN, kinks and ties, and at the ends of integers.

Expected values are the mathematically right ones, or where there is a choice torch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import kernels
from minigrad.autograd import grad
from minigrad.nn import functional as F

INF, NAN = math.inf, math.nan


@pytest.fixture(params=kernels.CHOICES.values(), ids=kernels.CHOICES, autouse=True)
def backend(request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each kernel backend in turn."""
    monkeypatch.setattr(kernels, "_for_numpy", request.param)
    return request.param


def leaf(values: Any, dtype: Any = np.float64) -> Any:
    return minigrad.from_numpy(np.array(values, dtype=dtype)).requires_grad_()


def const(values: Any, dtype: Any = None) -> Any:
    return minigrad.from_numpy(np.array(values, dtype=dtype))


def gradient(function: Callable[[Any], Any], values: Any, cotangent: Any = 1.0, dtype: Any = np.float64) -> np.ndarray:
    x = leaf(values, dtype)
    y = function(x)
    (g,) = grad(y, x, const(np.broadcast_to(cotangent, y.shape), dtype))
    return np.asarray(g.numpy())


def second(function: Callable[[Any], Any], values: Any) -> np.ndarray:
    x = leaf(values)
    (g,) = grad(function(x).sum(), x, create_graph=True)
    return np.asarray(grad(g.sum(), x)[0].numpy()) if g.requires_grad else np.zeros(x.shape)


def assert_is(actual: Any, expected: Any, dtype: Any = None) -> None:
    actual = np.asarray(actual.detach().numpy() if isinstance(actual, minigrad.Tensor) else actual)
    assert np.allclose(actual, np.array(expected), rtol=1e-6, atol=1e-12, equal_nan=True), f"{actual} is not {expected}"
    assert dtype is None or actual.dtype == dtype


# --- What a mask cuts off is 0, however infinite ---


def test_triangles_of_infinities_are_zero_outside() -> None:
    everything = minigrad.full((3, 3), -INF)
    assert_is(minigrad.triu(everything, 1), [[0, -INF, -INF], [0, 0, -INF], [0, 0, 0]])
    assert_is(minigrad.tril(everything), [[-INF, 0, 0], [-INF, -INF, 0], [-INF, -INF, -INF]])
    assert_is(gradient(minigrad.tril, np.ones((2, 2)), [[1, INF], [NAN, 2]]), [[1, 0], [NAN, 2]])
    for dtype in (np.bool_, np.uint8, np.int64, np.float16):
        assert minigrad.tril(const(np.ones((2, 2)), dtype)).dtype == dtype


@pytest.mark.parametrize("size", [1, 10_000])  # compiled kernels serve large tensors only
def test_relu_of_a_negative_number_passes_nothing_to_it_and_of_nan_everything(size: int) -> None:
    g = gradient(lambda x: minigrad.relu(x).sqrt(), [-1.0, 4.0] * size)
    assert_is(g, [0, 0.25] * size)
    x = np.array([-1.0, 0.0, NAN, 2.0] * size)
    assert_is(gradient(minigrad.relu, x, [INF, NAN, 3, INF] * size), [0, 0, 3, INF] * size)


@pytest.mark.parametrize(
    ("function", "inside"),
    [
        (lambda x: x.clamp(-1.0, 1.0), [0, 0, 1, 1, 0, 0]),
        (lambda x: x.clamp(min=-1.0), [0, 0, 1, 1, 1, 0]),
        (lambda x: x.clamp(minigrad.tensor(-1.0), minigrad.tensor(1.0)), [0, 0, 1, 1, 0, 0]),
        (lambda x: F.relu6(x), [0, 0, 0, 1, 1, 1]),
        (lambda x: minigrad.maximum(x, minigrad.zeros(6, dtype=x.dtype)), [0, 0, 0, 1, 1, 1]),
        (lambda x: x.masked_fill(x < 0, 0.0), [0, 0, 0, 1, 1, 1]),
        (lambda x: minigrad.where(x > 0, x, 0.0), [0, 0, 0, 1, 1, 0]),
        (minigrad.floor, [0] * 6),
        (minigrad.round, [0] * 6),
        (minigrad.trunc, [0] * 6),
        (minigrad.sign, [0] * 6),
        (lambda x: x**0, [0] * 6),
        (lambda x: minigrad.div(x, 2.0, rounding_mode="floor"), [0] * 6),
        (lambda x: x // 2.0, [0] * 6),
    ],
)
def test_an_infinite_gradient_stops_where_the_function_is_flat(function: Any, inside: list[int]) -> None:
    x = [-INF, -3.0, -0.5, 0.5, 3.0, NAN]
    assert_is(gradient(function, x, INF), np.where(inside, INF, 0))
    assert_is(gradient(function, x, 2.0), np.multiply(inside, 2.0))


def test_both_operands_of_a_maximum_get_the_gradient_where_one_is_nan_and_half_where_they_tie() -> None:
    for function in (minigrad.maximum, minigrad.minimum):
        x, y = leaf([NAN, 1.0, 2.0]), leaf([1.0, NAN, 2.0])
        gx, gy = grad(function(x, y).sum(), [x, y])
        assert_is(gx, [1, 1, 0.5])
        assert_is(gy, [1, 1, 0.5])


def test_clamp_gives_its_gradient_to_the_limit_that_was_taken() -> None:
    x, low, high = leaf([-2.0, 0.0, 2.0, 0.0, NAN]), leaf([-1.0] * 3 + [2.0, 0.0]), leaf([1.0] * 5)
    y = minigrad.clamp(x, low, high)
    assert_is(y, [-1, 0, 1, 1, NAN])
    gx, g_low, g_high = grad(y.sum(), [x, low, high])
    assert_is(gx, [0, 1, 0, 0, 0])
    assert_is(g_low, [1, 0, 0, 0, 0])
    assert_is(g_high, [0, 0, 1, 1, 0])
    assert_is(minigrad.clamp(const([0.0, 1.0]), const([NAN, 0.0])), [NAN, 1])


def test_the_padding_row_and_ignored_targets_get_no_gradient_however_infinite() -> None:
    index = const([0, 1, 0])
    for by_freq in (False, True):
        looked_up = partial(F.embedding, index, padding_idx=0, scale_grad_by_freq=by_freq)
        assert_is(gradient(looked_up, np.ones((2, 1)), [[INF], [2.0], [NAN]]), [[0], [2]])
    rows, targets = [[0.0, -INF], [-1.0, -2.0]], const([-100, 1])
    assert_is(F.nll_loss(const(rows), targets, reduction="sum"), 2)
    g = gradient(lambda x: F.nll_loss(x, targets, reduction="none"), rows, [NAN, 1.0])
    assert_is(g, [[0, 0], [0, -1]])
    g = gradient(lambda x: F.cross_entropy(x, targets, reduction="none"), [[0.0, 1.0], [0.0, 0.0]], [INF, 1.0])
    assert_is(g, [[0, 0], [0.5, -0.5]])


def test_one_nan_stays_in_the_cells_and_pixels_that_see_it() -> None:
    x = np.arange(64.0).reshape(1, 1, 8, 8)
    x[0, 0, 0, 0] = NAN
    for size, seen in ((4, 1), (3, 1), (5, 1), ((8, 2), 1)):
        assert np.isnan(F.adaptive_avg_pool2d(const(x), size).numpy()).sum() == seen
    assert np.isnan(F.avg_pool2d(const(x), 3, 1, 1).numpy()).sum() == 4
    assert np.isnan(F.interpolate(const(x), size=(16, 16), mode="bilinear").numpy()).sum() == 9
    g = np.zeros((1, 1, 3, 3))
    g[0, 0, 2, 2] = INF
    assert np.isnan(gradient(lambda t: F.adaptive_avg_pool2d(t, 3), x, g)).sum() == 0


def test_identity_resampling_keeps_infinities_apart() -> None:
    assert_is(F.interpolate(const([[[1.0, INF, 3.0]]]), size=3, mode="linear"), [[[1, NAN, 3]]])  # ∞ + 0 · ∞, as torch


# --- Slopes at kinks ---


def test_binary_cross_entropy_of_logits_at_zero_has_slope_one_half_minus_target() -> None:
    t = const([0.0, 1.0, 0.25])
    function = lambda x: F.binary_cross_entropy_with_logits(x, t, reduction="none")  # noqa: E731
    assert_is(gradient(function, [0.0, 0.0, 0.0]), [0.5, -0.5, 0.25])
    assert_is(gradient(function, [0.0, 0.0, 0.0], INF), [INF, -INF, INF])
    assert_is(second(function, [0.0, 0.0, 0.0]), [0.25] * 3)
    assert_is(gradient(function, [INF, -INF, 1000.0]), [1, -1, 0.75])
    weighted = lambda x: F.binary_cross_entropy_with_logits(  # noqa: E731
        x, t, weight=const(2.0), pos_weight=const(3.0), reduction="none"
    )
    assert_is(gradient(weighted, [0.0, 0.0, 0.0]), [1.0, -3.0, 0.0])  # 2·((1 − t + 3t)/2 − 3t)
    assert_is(weighted(const([0.0, 0.0, 0.0])), np.array([2.0, 6.0, 3.0]) * math.log(2))


def test_binary_cross_entropy_of_exact_probabilities_has_a_finite_slope() -> None:
    t = const([0.0, 1.0, 1.0, 0.0])
    function = lambda p: F.binary_cross_entropy(p, t, reduction="none")  # noqa: E731
    assert_is(function(const([0.0, 1.0, 0.0, 1.0])), [0, 0, 100, 100])
    assert_is(gradient(function, [0.0, 1.0, 0.0, 1.0]), [0, 0, -1e12, 1e12])
    assert_is(gradient(function, [0.5, 0.5, 0.25, 0.25]), [2, -2, -4, 4 / 3])
    assert_is(second(function, [0.5, 0.5, 0.25, 0.25]), [4, 4, 16, 16 / 9])
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        function(const([NAN, 0.0, 0.0, 0.0]))


def test_distances_that_are_infinite_have_a_slope() -> None:
    for loss in (F.smooth_l1_loss, F.huber_loss):
        x = [INF, -INF, 3.0, 0.5, 1.0, -1.0, NAN]
        g = gradient(lambda v, f=loss: f(v, minigrad.zeros(7, dtype=v.dtype), reduction="none"), x)
        assert_is(g, [1, -1, 1, 0.5, 1, -1, NAN])


@pytest.mark.parametrize(
    ("function", "at", "slope", "bend"),
    [
        (lambda x: F.elu(x, 2.0), [0.0, -INF, INF, 1.0], [2, 0, 1, 1], [0, 0, 0, 0]),
        (lambda x: F.leaky_relu(x, 0.1), [0.0, -INF, INF, 1.0], [0.1, 0.1, 1, 1], [0] * 4),
        (F.relu6, [0.0, 6.0, -INF, 3.0], [0, 0, 0, 1], [0] * 4),
        (F.hardswish, [-3.0, 3.0, 0.0, -4.0], [0, 1, 0.5, 0], [0, 0, 1 / 3, 0]),
        (F.softplus, [0.0, 800.0, -800.0, 21.0], [0.5, 1, 0, 1], [0.25, 0, 0, 0]),
        (F.silu, [0.0, 100.0, -800.0, 0.0], [0.5, 1, 0, 0.5], [0.5, 0, 0, 0.5]),
        (F.gelu, [0.0, 100.0, -100.0, 0.0], [0.5, 1, 0, 0.5], [math.sqrt(2 / math.pi), 0, 0, math.sqrt(2 / math.pi)]),
        (minigrad.abs, [0.0, INF, -INF, NAN], [0, 1, -1, 0], [0] * 4),
    ],
)
def test_activations_have_torchs_slope_at_kinks_and_ends(function: Any, at: Any, slope: Any, bend: Any) -> None:
    assert_is(gradient(function, at), slope)
    assert_is(second(function, at), bend)
    rising = np.isfinite(at) & (np.array(slope) != 0)
    assert_is(gradient(function, at, np.where(rising, INF, 1.0)), np.where(rising, INF, slope))


# --- Division ---


def test_floor_division_is_what_the_remainder_leaves() -> None:
    for dtype in (np.float32, np.float64):
        assert_is(const([1.0, 3.0, -1.0, 1.0], dtype) // const([0.1, 0.1, 0.1, -0.1], dtype), [9, 29, -10, -10], dtype)
        x, y = const([1.0, -1.0, INF, 1.0, NAN], dtype), const([INF, INF, 1.0, 0.0, 1.0], dtype)
        assert_is(x // y, [0, -1, NAN, INF, NAN])
    assert_is(minigrad.div(const([1.0]), 0.1, rounding_mode="floor"), [9])
    assert_is(minigrad.div(const([7.0, -7.0]), 2.0, rounding_mode="trunc"), [3, -3])


@pytest.mark.parametrize("mode", ["floor", "trunc"])
def test_integers_are_divided_exactly(mode: str) -> None:
    x, y = [2**53 + 1, -(2**53) - 1, 7, -7, 7, -7], [1, 1, 2, 2, -2, -2]
    quotient = minigrad.div(const(x), const(y), rounding_mode=mode)
    assert quotient.tolist() == [2**53 + 1, -(2**53) - 1, *([3, -4, -4, 3] if mode == "floor" else [3, -3, -3, 3])]
    assert quotient.dtype == minigrad.int64
    for function in (minigrad.floor_divide, minigrad.remainder, minigrad.fmod):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            function(const(x), 0)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        minigrad.div(const(x), 0, rounding_mode=mode)


def test_negative_powers_of_integers_are_exact_at_the_ends() -> None:
    x, y = const([2, 1, -1, -1, 0, 3], np.int8), const([-1, -128, -1, -128, -3, 4], np.int8)
    assert minigrad.pow(x, y).tolist() == [0, 1, -1, 1, 0, 81]


# --- Integers ---


def test_large_integers_do_not_pass_through_floats() -> None:
    big = 2**53 + 1
    x = const([big, 3])
    mask = const([False, True])
    assert x.masked_fill(mask, 0.0).tolist() == [big, 0]
    assert x.masked_fill(mask, const(2.5)).tolist() == [big, 2]
    assert minigrad.where(mask, 5, x).tolist() == [big, 5]
    assert x.clamp(min=4).tolist() == [big, 4]
    assert minigrad.maximum(x, const([0, 9])).tolist() == [big, 9]
    assert minigrad.triu(const([[big, big], [big, big]])).tolist() == [[big, big], [0, big]]
    assert F.avg_pool2d(const([[[[2**62, 2**62 + 1]]]]), 1).tolist() == [[[[2**62, 2**62 + 1]]]]


def test_numbers_beside_small_integers_come_round_as_in_torch() -> None:
    x = const([1, 200, 0], np.uint8)
    assert_is(x + 300, [45, 244, 44], np.uint8)
    assert_is(x - 300, [213, 156, 212], np.uint8)
    assert_is(-1 - x, [254, 55, 255], np.uint8)
    assert_is(x * -1, [255, 56, 0], np.uint8)
    assert_is(x // 300, [0, 4, 0], np.uint8)
    assert (x == 456).tolist() == [False, True, False]
    assert (x < -1).tolist() == [True, True, True]
    assert_is(x / 400, [0.0025, 0.5, 0], np.float32)  # a true division is of floats
    assert_is(const([5], np.int8) + 128, [-123], np.int8)
    assert_is(const([5, -1], np.int32) | 0xFFFFFFFF, [-1, -1], np.int32)
    assert_is(const([5, 6], np.int32) & 0xFFFFFFFE, [4, 6], np.int32)
    assert_is(3 ^ const([1, 2], np.uint8), [2, 1], np.uint8)
    with pytest.raises(OverflowError, match="64 bits"):
        x + 2**64


def test_filling_and_limiting_refuse_what_does_not_fit() -> None:
    x = const([1, 200, 0], np.uint8)
    everywhere = x == x
    for call in (
        lambda: x.masked_fill(everywhere, 256),
        lambda: x.masked_fill(everywhere, -256),
        lambda: x.masked_fill(everywhere, const(300)),
        lambda: x.clamp(max=256),
        lambda: minigrad.where(everywhere, 256, x),
        lambda: F.pad(x, (1, 1), value=-1.5),
        lambda: const([1.0], np.float16).float().masked_fill(const([True]), 1e300),
        lambda: minigrad.add(x, x, alpha=256),
        lambda: minigrad.add(x, x, alpha=0.5),
        lambda: x - const([True, False, True]),
    ):
        with pytest.raises(RuntimeError):
            call()
    assert_is(x.masked_fill(everywhere, -1), [255] * 3, np.uint8)
    assert_is(x.masked_fill(everywhere, 2.9), [2] * 3, np.uint8)
    assert_is(x.clamp(max=2.5), [1, 2.5, 0], np.float32)


# --- Images ---


def test_nearest_interpolation_takes_the_exact_pixel() -> None:
    for n, m in ((2, 98), (24, 88), (18, 66), (21, 77), (26, 46), (2, 82), (7, 3)):
        for dtype in (np.float32, np.float64, np.uint8):
            x = const(np.arange(n).reshape(1, 1, n), dtype)
            assert F.interpolate(x, size=m)[0, 0].tolist() == [i * n // m for i in range(m)]
    by_factor = F.interpolate(const(np.arange(33.0).reshape(1, 1, 33)), scale_factor=1.3)
    assert by_factor[0, 0, 39].item() == 30


def test_bytes_are_mixed_as_bytes() -> None:
    x = const(np.array([[0, 100], [200, 255]]).reshape(1, 1, 2, 2), np.uint8)
    y = F.interpolate(x, size=(2, 4), mode="bilinear")
    assert_is(y, [[[[0, 25, 75, 100], [200, 214, 241, 255]]]], np.uint8)
    assert F.interpolate(x, size=(2, 2), mode="bilinear").tolist() == x.tolist()
    with pytest.raises(NotImplementedError, match="int64"):
        F.interpolate(x.long(), size=(4, 4), mode="bilinear")


def test_averages_of_integers_are_refused_where_torch_has_none() -> None:
    x = minigrad.ones(1, 1, 4, 4)
    for call in (
        lambda: F.adaptive_avg_pool2d(x.long(), 2),
        lambda: F.adaptive_max_pool2d(x.long(), 2),
        lambda: F.avg_pool2d(x.int(), 2),
        lambda: F.max_pool2d(x.bool(), 2),
        lambda: F.elu(x.long()),
    ):
        with pytest.raises(NotImplementedError, match="not implemented for"):
            call()
    assert F.avg_pool2d(const([[[[-3, -4], [0, 0]]]]), 2).tolist() == [[[[-1]]]]  # rounded towards 0


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint8, np.float16, np.float32, np.float64])
def test_padding_takes_no_part_in_a_maximum(dtype: Any) -> None:
    least = -INF if np.dtype(dtype).kind == "f" else np.iinfo(dtype).min
    x = const(np.full((1, 1, 4, 4), least), dtype)
    y, at = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    assert_is(y, np.full((1, 1, 2, 2), least), dtype)
    assert at.tolist() == [[[[0, 1], [4, 5]]]]
    if np.dtype(dtype).kind == "f":
        g = gradient(lambda t: F.max_pool2d(t, 3, 2, 1), x.numpy(), [[[[4, 2], [INF, 1]]]], dtype)
        assert g[0, 0, :2, :2].tolist() == [[4, 2], [INF, 1]]
        assert not g[0, 0, 2:].any()


def test_adaptive_maximum_takes_the_last_nan() -> None:
    y, at = F.adaptive_max_pool2d(const([[[NAN, 1.0, NAN, 0.0, 7.0]]]), (1, 2), return_indices=True)
    assert_is(y, [[[NAN, NAN]]])
    assert at.tolist() == [[[2, 2]]]
