"""The accelerated kernels equal the reference, for every option and memory order."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import math
import os
import re
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.kernels.blocked.backend import Blocked
from minigrad.kernels.blocked.executor import parallel
from minigrad.kernels.compiled import backend as compiled_backend
from minigrad.kernels.compiled.backend import Compiled
from minigrad.kernels.compiled.load import load
from minigrad.kernels.geometry import Window
from minigrad.kernels.gpu import backend as gpu_backend
from minigrad.kernels.reference import Reference
from minigrad.kernels.rules import Move, Rule, loop_of
from minigrad.kernels.threads import evenly, get_num_threads, set_num_threads
from minigrad.optim.adam import AdamRule
from minigrad.optim.rmsprop import RMSpropRule
from minigrad.optim.sgd import SGDRule

reference, blocked, compiled = Reference(), Blocked(), Compiled()

#: float32 against a float64 reference: the rounding of sums of a few hundred terms.
TOLERANCE = {np.float64: 1e-11, np.float32: 3e-5}


def assert_equal(ours: Any, expected: Any, dtype: Any) -> None:
    """Assert that every array is as close to the float64 reference as its precision allows."""
    for a, b in zip(_tuple(ours), _tuple(expected), strict=True):
        if b is None:
            assert a is None
            continue
        assert a.shape == b.shape
        scale = np.abs(b[np.isfinite(b)]).max(initial=1.0)
        assert np.allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * scale)


def _tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def _random(shape: tuple[int, ...], seed: int, channels_first: bool) -> np.ndarray:
    """Return a float64 array N C H W, stored in this order or as C N H W."""
    array = np.random.default_rng(seed).standard_normal(shape)
    return np.ascontiguousarray(array.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3) if channels_first else array


@st.composite
def convolutions(draw: Any) -> tuple[Any, ...]:
    groups = draw(st.sampled_from([1, 1, 1, 2]))
    kernel = (draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = tuple((draw(st.integers(0, 7)), draw(st.integers(0, 7))) for _ in range(2))
    window = Window(kernel, stride, padding, dilation)
    size = []
    for axis in (0, 1):
        smallest = max(1, dilation[axis] * (kernel[axis] - 1) + 1 - sum(padding[axis]))
        size.append(draw(st.integers(smallest, smallest + 8)))
    c, o, n = groups * draw(st.integers(1, 9)), groups * draw(st.integers(1, 9)), draw(st.integers(1, 4))
    seed, layout = draw(st.integers(0, 1000)), draw(st.booleans())
    x = _random((n, c, *size), seed, layout)
    w = _random((o, c // groups, *kernel), seed + 1, draw(st.booleans()))
    g = _random((n, o, *window.output_size(*size)), seed + 2, draw(st.booleans()))
    return x, w, g, window, groups


@pytest.fixture(scope="module", autouse=True)
def _compile_for_the_smallest_arrays() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled_backend, "LITTLE", 0)
        patch.setattr(compiled_backend, "TINY", 0)
        patch.setattr(compiled_backend, "FEW", 0)
        yield


@pytest.fixture(params=[compiled, blocked], ids=["compiled", "blocked"], scope="module")
def kernels(request: Any) -> Any:
    """Run a test with each of the accelerated backends."""
    return request.param


dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


@dtypes
@given(case=convolutions())
def test_convolution_and_both_gradients_equal_the_reference(kernels: Any, case: tuple[Any, ...], dtype: Any) -> None:
    x, w, g, window, groups = case
    xs, ws, gs = (a.astype(dtype) for a in (x, w, g))
    assert_equal(kernels.conv2d(xs, ws, window, groups), reference.conv2d(x, w, window, groups), dtype)
    for needs in ((True, True), (True, False), (False, True)):
        ours = kernels.conv2d_backward(xs, ws, gs, window, groups, *needs)
        assert_equal(ours, reference.conv2d_backward(x, w, g, window, groups, *needs), dtype)
    ours = kernels.conv2d_input(gs, ws, x.shape, window, groups)
    assert_equal(ours, reference.conv2d_input(g, w, x.shape, window, groups), dtype)
    ours = kernels.conv2d_weight(xs, gs, w.shape, window, groups)
    assert_equal(ours, reference.conv2d_weight(x, g, w.shape, window, groups), dtype)


@pytest.mark.parametrize("count", [33, 40, 100, 500])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_of_many_images_equal_the_reference(kernels: Any, count: int, stride: int) -> None:
    window = Window((3, 3), (stride, stride), ((1, 1), (1, 1)))
    x, w = _random((count, 1, 28, 28), 0, True).astype(np.float32), _random((4, 1, 3, 3), 1, False).astype(np.float32)
    expected = reference.conv2d(x, w, window, 1)
    g = _random(expected.shape, 2, True).astype(np.float32)
    assert_equal(kernels.conv2d(x, w, window, 1), expected, np.float32)
    dx, dw = kernels.conv2d_backward(x, w, g, window, 1, True, True)
    expected_dx, expected_dw = reference.conv2d_backward(x, w, g, window, 1, True, True)
    assert_equal(dx, expected_dx, np.float32)
    assert np.allclose(dw, expected_dw, rtol=1e-3, atol=1e-3 * np.abs(expected_dw).max())


@pytest.mark.parametrize(
    ("channels", "out", "kernel", "padding", "size"),
    [(80, 192, (3, 3), 0, 40), (64, 96, (3, 3), 1, 35), (48, 64, (5, 5), 2, 20), (128, 128, (1, 7), 3, 17)],
)
def test_convolutions_larger_than_a_block_equal_the_reference(
    kernels: Any, channels: int, out: int, kernel: tuple[int, int], padding: int, size: int
) -> None:
    pads = tuple((min(padding, k // 2),) * 2 for k in kernel)
    window = Window(kernel, (1, 1), pads)
    x, w = _random((2, channels, size, size), 0, True), _random((out, channels, *kernel), 1, False)
    expected = reference.conv2d(x, w, window, 1)
    g = _random(expected.shape, 2, True)
    assert_equal(kernels.conv2d(x, w, window, 1), expected, np.float64)
    ours = kernels.conv2d_backward(x, w, g, window, 1, True, True)
    assert_equal(ours, reference.conv2d_backward(x, w, g, window, 1, True, True), np.float64)


@st.composite
def poolings(draw: Any) -> tuple[Any, Window]:
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    pads = tuple((draw(st.integers(0, k // 2)),) * 2 for k in kernel)
    window = Window(kernel, stride, pads, ceil_mode=draw(st.booleans()))
    size = tuple(draw(st.integers(k, k + 8)) for k in kernel)
    x = _random(
        (draw(st.integers(1, 3)), draw(st.integers(1, 5)), *size), draw(st.integers(0, 99)), draw(st.booleans())
    )
    return np.round(x * 2) / 2 if draw(st.booleans()) else x, window  # rounded, so that many elements tie


@dtypes
@given(case=poolings())
def test_pooling_equals_the_reference(kernels: Any, case: tuple[Any, Window], dtype: Any) -> None:
    x, window = case
    xs = x.astype(dtype)
    y, taps = reference.max_pool2d(xs, window)
    our_y, our_taps = kernels.max_pool2d(xs, window)
    assert np.array_equal(our_y, y)
    assert np.array_equal(our_taps, taps)
    g = _random(y.shape, 5, True)
    ours = kernels.max_pool2d_scatter(g.astype(dtype), taps, x.shape, window)
    assert_equal(ours, reference.max_pool2d_scatter(g, taps, x.shape, window), dtype)
    assert_equal(kernels.max_pool2d_gather(xs, taps, window), reference.max_pool2d_gather(xs, taps, window), dtype)
    for scale in (0.25, np.random.default_rng(0).random(y.shape[-2:])):
        cast = scale if isinstance(scale, float) else scale.astype(dtype)
        assert_equal(kernels.avg_pool2d(xs, window, cast), reference.avg_pool2d(x, window, scale), dtype)
        ours = kernels.avg_pool2d_backward(g.astype(dtype), x.shape, window, cast)
        assert_equal(ours, reference.avg_pool2d_backward(g, x.shape, window, scale), dtype)


@dtypes
@given(
    shape=st.tuples(*(st.integers(2, 6) for _ in range(4))),
    layout=st.booleans(),
    affine=st.booleans(),
    eps=st.sampled_from([1e-3, 1.0]),
)
def test_batch_norm_equals_the_reference(
    kernels: Any, shape: Any, layout: bool, affine: bool, eps: float, dtype: Any
) -> None:
    x, g = _random(shape, 0, layout), _random(shape, 1, not layout)
    weight, bias = (np.random.default_rng(2).random((2, shape[1]))) if affine else (None, None)
    cast = [None if a is None else a.astype(dtype) for a in (x, g, weight, bias)]
    expected = reference.batch_norm(x, weight, bias, eps)
    assert_equal(kernels.batch_norm(cast[0], cast[2], cast[3], eps), expected, dtype)
    statistics = [a.astype(dtype) for a in expected[1:]]
    ours = kernels.batch_norm_backward(cast[1], cast[0], cast[2], *statistics, eps)
    assert_equal(ours, reference.batch_norm_backward(g, x, weight, *expected[1:], eps), dtype)
    z, *statistics = kernels.batch_norm(cast[0], cast[2], cast[3], eps, True)
    ours = kernels.batch_norm_backward(cast[1], cast[0], cast[2], *statistics, eps, cast[3], True)
    passed = np.where(z > 0, g, 0)
    assert_equal(ours, reference.batch_norm_backward(passed, x, weight, *expected[1:], eps), dtype)


@given(shape=st.lists(st.integers(0, 40), min_size=1, max_size=4).map(tuple), transposed=st.booleans())
def test_elementwise_kernels_equal_the_reference(kernels: Any, shape: tuple[int, ...], transposed: bool) -> None:
    random = np.random.default_rng(0)
    x, g = random.standard_normal(shape), random.standard_normal(shape)
    if transposed:
        x, g = x.T, g.T
    assert np.array_equal(kernels.relu(x), reference.relu(x))
    assert np.array_equal(kernels.pass_where_positive(g, x), reference.pass_where_positive(g, x))
    assert np.array_equal(kernels.clamp(x, -1, 0.5), reference.clamp(x, -1, 0.5))
    assert np.array_equal(kernels.pass_where_between(g, x, -1, 0.5), reference.pass_where_between(g, x, -1, 0.5))
    ours, expected = x.copy(), x.copy()

    @dataclasses.dataclass
    class Plain(Rule):
        def step(self, p: np.ndarray, g: np.ndarray) -> None:
            p -= 0.1 * g

    kernels.move([Move(Plain(), [ours, g])])
    reference.move([Move(Plain(), [expected, g])])
    assert np.array_equal(ours, expected)


def test_relu_keeps_nan_and_writes_in_place(kernels: Any) -> None:
    x = np.array([-1.0, np.nan, 2.0])
    assert np.isnan(kernels.relu(x)[1])
    assert kernels.relu(x, out=x) is x
    assert x[0] == 0


#: What a mask must not multiply, and what a maximum must not confuse with padding.
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, -np.inf, np.nan]


def special_values(shape: tuple[int, ...], seed: int, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).choice(SPECIAL, shape).astype(dtype)


def assert_same(ours: Any, expected: Any) -> None:
    """Bit for bit, but for the sign of 0 and which NaN it is."""
    for a, b in zip(_tuple(ours), _tuple(expected), strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


half_to_double = pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])


@half_to_double
@pytest.mark.parametrize("images", [2, 300])  # compiled loops serve large arrays only
def test_a_gradient_passes_relu_by_choice_so_infinities_where_it_is_cut_vanish(
    kernels: Any, images: int, dtype: Any
) -> None:
    g, y = special_values((images, 4, 6, 6), 0, dtype), special_values((images, 4, 6, 6), 1, dtype)
    passed = kernels.pass_where_positive(g, y)
    assert_same(passed, np.where((y > 0) | np.isnan(y), g, dtype(0)))
    assert_same(passed, reference.pass_where_positive(g, y))
    assert_same(kernels.relu(y), reference.relu(y))
    assert_same(kernels.clamp(y, 0, 1), reference.clamp(y, 0, 1))
    clamped = y.copy()
    between = kernels.clamp_in_place(clamped, 0, 1)
    assert_same((clamped, between), (reference.clamp(y, 0, 1), ~((y <= 0) | (y >= 1))))
    assert_same(kernels.pass_where(g, between), np.where(between, g, dtype(0)))
    passed = kernels.pass_where_between(g, y, 0, 1)
    assert_same(passed, np.where((y > 0) & (y < 1) | np.isnan(y), g, dtype(0)))
    assert_same(passed, reference.pass_where_between(g, y, 0, 1))


@dtypes
def test_the_relu_after_batch_norm_cuts_infinite_gradients_off(kernels: Any, dtype: Any) -> None:
    x = _random((4, 3, 5, 5), 0, True).astype(dtype)
    z, mean, var = kernels.batch_norm(x, None, None, 1e-3, True)
    g = np.where(z > 0, _random(z.shape, 2, True), np.inf).astype(dtype)
    ours = kernels.batch_norm_backward(g, x, None, mean, var, 1e-3, None, True)
    assert_equal(ours, reference.batch_norm_backward(np.where(z > 0, g, 0), x, None, mean, var, 1e-3), dtype)
    x[0, 1, 2, 3] = np.nan  # there the gradient passes
    g[0, 1, 2, 3] = np.inf
    dx, _, grad_bias = kernels.batch_norm_backward(g, x, None, mean, var, 1e-3, None, True)
    assert np.isnan(dx).any(axis=(0, 2, 3)).tolist() == [False, True, False]
    assert np.isinf(grad_bias).tolist() == [False, True, False]


@dtypes
def test_the_relu_after_batch_norm_passes_backward_just_where_its_output_was_positive(kernels: Any, dtype: Any) -> None:
    assert_passed_where_positive(kernels, dtype)


def assert_passed_where_positive(kernels: Any, dtype: Any) -> None:
    """Assert it exactly, though a fifth of the outputs are 0 but for rounding."""
    channels = 50
    x = np.random.default_rng(0).integers(0, 5, (6, channels, 12, 12)).astype(dtype) / dtype(7)
    weight = np.random.default_rng(1).random(channels).astype(dtype)
    _, mean, var = kernels.batch_norm(x, weight, None, 1e-3)
    bias = ((mean - dtype(2) / dtype(7)) * (weight / np.sqrt(var + dtype(1e-3)))).astype(dtype)
    z, mean, var = kernels.batch_norm(x, weight, bias, 1e-3, True)
    assert (z[x == dtype(2) / dtype(7)] < 1e-6).all()
    grad_bias = kernels.batch_norm_backward(np.ones_like(x), x, weight, mean, var, 1e-3, bias, True)[2]
    assert np.array_equal(grad_bias, (z > 0).sum((0, 2, 3)))
    flat = np.full_like(x, 0.1)
    _, mean, var = kernels.batch_norm(flat, None, None, 1e-3, True)
    for result in kernels.batch_norm_backward(np.ones_like(x), flat, None, flat[0, :, 0, 0], var, 1e-3, None, True):
        assert not result.any()  # at the kink nothing passes


@half_to_double
@given(case=poolings(), seed=st.integers(0, 99))
def test_pooling_of_infinities_and_nan_equals_the_reference(
    kernels: Any, case: tuple[Any, Window], seed: int, dtype: Any
) -> None:
    shape, window = case[0].shape, case[1]
    for x in (special_values(shape, seed, dtype), np.full(shape, -np.inf, dtype)):
        y, taps = reference.max_pool2d(x, window)
        assert_same(kernels.max_pool2d(x, window), (y, taps))
        g = special_values(y.shape, seed + 1, dtype)
        ours = kernels.max_pool2d_scatter(g, taps, shape, window)
        assert_same(ours, reference.max_pool2d_scatter(g, taps, shape, window))
        assert_same(kernels.max_pool2d_gather(x, taps, window), reference.max_pool2d_gather(x, taps, window))
        ours, theirs = (k.avg_pool2d(x, window, 0.25) for k in (kernels, reference))
        assert np.array_equal(np.isnan(ours), np.isnan(theirs))
        ours, theirs = (k.avg_pool2d_backward(g, shape, window, 0.25) for k in (kernels, reference))
        assert np.array_equal(np.isnan(ours), np.isnan(theirs))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("backend", [compiled, blocked, reference], ids=["compiled", "blocked", "reference"])
def test_padding_never_wins_a_maximum(backend: Any, dtype: Any) -> None:
    least = -np.inf if np.dtype(dtype).kind == "f" else np.iinfo(dtype).min
    window = Window((3, 3), (2, 2), ((1, 1), (1, 1)))
    y, taps = backend.max_pool2d(np.full((2, 1, 4, 4), least, dtype), window)
    assert (y == least).all()
    assert (taps == [[4, 3], [1, 0]]).all()  # the first element that is none of the padding
    y, _ = backend.max_pool2d(np.arange(16).reshape(1, 1, 4, 4).astype(dtype) + np.dtype(dtype).type(least), window)
    if np.dtype(dtype).kind != "f":
        assert (y == np.array([[5, 7], [13, 15]]) + least).all()


def test_the_last_nan_of_a_window_wins_as_in_torch(kernels: Any) -> None:
    x = np.array([1.0, np.nan, np.nan, 3.0]).reshape(1, 1, 2, 2)
    for backend in (kernels, reference):
        y, taps = backend.max_pool2d(x, Window((2, 2)))
        assert np.isnan(y).all()
        assert taps.tolist() == [[[[2]]]]


@given(case=convolutions())
def test_inner_taps_are_the_taps_that_do_not_see_padding(case: tuple[Any, ...]) -> None:
    x, _, _, window, _ = case
    xp, is_input = window.pad(x, np.nan), window.pad(np.ones_like(x), 0) == 1
    seen_by = {(i, j): (xp[seen], is_input[seen]) for i, j, seen in window.taps(*x.shape[-2:])}
    for i, j, at, seen in window.inner_taps(*x.shape[-2:]):
        values, inside = seen_by[i, j]
        assert inside[at].all()
        assert inside.sum() == inside[at].size
        assert np.array_equal(values[at], x[seen])


def test_results_lie_channels_last(kernels: Any) -> None:
    x, window = _random((4, 8, 9, 9), 0, False).astype(np.float32), Window((3, 3))
    y, mean, var = kernels.batch_norm(x, None, None, 1e-3)
    pooled, taps = kernels.max_pool2d(x, window)
    results = [
        y,
        pooled,
        taps,
        kernels.avg_pool2d(x, window, 1.0),
        kernels.batch_norm_backward(x, y, None, mean, var, 1)[0],
    ]
    results += [kernels.max_pool2d_scatter(pooled, taps, x.shape, window), kernels.concatenate([y, y, y, y, y, y], 1)]
    if kernels is compiled:
        results.append(kernels.concatenate([y] * 16, 1))
    assert [a.transpose(0, 2, 3, 1).flags.c_contiguous for a in results] == [True] * len(results)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_timing(kernels: Any, threads: int) -> None:
    before = get_num_threads()
    set_num_threads(threads)
    try:
        x, w = _random((5, 16, 20, 20), 0, True), _random((8, 16, 3, 3), 1, False)
        g = _random((5, 8, 18, 18), 2, True)
        window = Window((3, 3))
        first = kernels.conv2d_backward(x, w, g, window, 1, True, True)
        for _ in range(5):
            again = kernels.conv2d_backward(x, w, g, window, 1, True, True)
            assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    finally:
        set_num_threads(before)


@pytest.mark.parametrize("groups", [1, 2, 16])
def test_results_without_numba_do_not_depend_on_the_number_of_threads(groups: int) -> None:
    before, found = get_num_threads(), []
    x, w = _random((4, 16, 21, 21), 0, True), _random((16, 16 // groups, 3, 3), 1, False)
    window = Window((3, 3), padding=((1, 1), (1, 1)))
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            y = blocked.conv2d(x, w, window, groups)
            z, mean, var = blocked.batch_norm(y, None, None, 1e-3, True)
            gradients = blocked.batch_norm_backward(z, y, None, mean, var, 1e-3, None, True)
            both = blocked.conv2d_backward(x, w, y, window, groups, True, True)
            found.append([y, z, mean, var, *gradients, *both, *blocked.max_pool2d(y, window)])
    finally:
        set_num_threads(before)
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_parallel_keeps_the_order_and_passes_errors_on() -> None:
    assert [i for part in parallel(lambda jobs: jobs, list(range(10))) for i in part] == list(range(10))
    assert evenly(5, 2) == [slice(0, 2), slice(2, 5)]

    def fail(jobs: list[int]) -> None:
        raise ValueError(f"jobs {jobs}")

    with pytest.raises(ValueError, match="jobs"):
        parallel(fail, [1, 2, 3])
    with pytest.raises(RuntimeError, match="positive"):
        set_num_threads(0)


# --- Threads ---


def test_kernels_may_be_called_from_several_threads_at_once(kernels: Any) -> None:
    x, w = _random((4, 8, 20, 20), 0, False), _random((8, 8, 3, 3), 1, False)
    expected = kernels.conv2d(x, w, Window((3, 3)), 1)
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            if not np.array_equal(kernels.conv2d(x, w, Window((3, 3)), 1), expected):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_kernels_work_in_a_child_after_fork(kernels: Any) -> None:
    x, w = _random((4, 8, 20, 20), 0, False), _random((8, 8, 3, 3), 1, False)
    expected = kernels.conv2d(x, w, Window((3, 3)), 1)  # starts the helpers of the parent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking where there are threads, which is the point
        child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(kernels.conv2d(x, w, Window((3, 3)), 1), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_helper_that_fell_asleep_wakes_up() -> None:
    x, w = _random((4, 8, 20, 20), 0, False), _random((8, 8, 3, 3), 1, False)
    expected = reference.conv2d(x, w, Window((3, 3)), 1)
    for pause in (0.0, 0.05, 0.0, 0.2):
        time.sleep(pause)
        assert_equal(compiled.conv2d(x, w, Window((3, 3)), 1), expected, np.float64)


def test_more_threads_than_cores_and_a_changing_number_of_them_give_the_same_results() -> None:
    x, w = _random((4, 8, 20, 20), 0, False), _random((8, 8, 3, 3), 1, False)
    g = _random((4, 8, 18, 18), 2, False)
    expected = compiled.conv2d_backward(x, w, g, Window((3, 3)), 1, True, True)
    before = get_num_threads()
    try:
        for count in (1, 5, 2, 1, 3):
            set_num_threads(count)
            again = compiled.conv2d_backward(x, w, g, Window((3, 3)), 1, True, True)
            assert all(np.array_equal(a, b) for a, b in zip(again, expected, strict=True))
    finally:
        set_num_threads(before)


def test_read_only_arrays_are_not_written_and_give_the_same_results(kernels: Any) -> None:
    x, w = _random((4, 8, 20, 20), 0, False), _random((8, 8, 3, 3), 1, False)
    expected = [kernels.conv2d(x, w, Window((3, 3)), 1), kernels.relu(x), kernels.add(x, x)]
    x.flags.writeable = w.flags.writeable = False
    again = [kernels.conv2d(x, w, Window((3, 3)), 1), kernels.relu(x), kernels.add(x, x)]
    assert all(np.array_equal(a, b) for a, b in zip(again, expected, strict=True))


# --- Optimisers ---


def _parameter(shape: tuple[int, ...], dtype: Any, columns: int) -> list[Any]:
    """Return a parameter, its gradient and state (positive, as squares are)."""
    random = np.random.default_rng(math.prod(shape))
    return [np.abs(random.standard_normal(shape)).astype(dtype) + 0.1 for _ in range(columns)]


RULES = [
    SGDRule(lr=0.1, momentum=m, decay=d, fresh=f, nesterov=n, maximize=x)
    for m, d, f, n, x in [(0.9, 0.0, 1.0, False, False), (0.9, 0.1, 0.7, True, True), (0.0, 0.1, 1.0, False, True)]
] + [
    AdamRule(0.1, 0.3, 0.4, beta1=0.9, beta2=0.99, eps=1e-8, decay=decay, decoupled=decoupled, maximize=maximize)
    for decay, decoupled, maximize in [(0.0, False, False), (0.1, False, True), (0.1, True, False)]
] + [
    RMSpropRule(lr=0.1, alpha=0.9, eps=0.1, decay=decay, momentum=momentum, maximize=maximize)
    for decay, momentum, maximize in [(0.0, 0.0, False), (0.1, 0.9, True), (0.1, 0.9, False)]
]  # fmt: skip


def _moves(rule: Rule, dtype: Any, everything: bool) -> list[Move]:
    """Moves of parameters of several shapes; with every array that the rule may have, or those that it always has."""
    moves = []
    for shape in [(3,), (64, 5, 3, 3), (70_001,)]:
        p, g, *state = _parameter(shape, dtype, 2 + len(rule.arrays))
        has = {"": True, "momentum": getattr(rule, "momentum", 0), "amsgrad": everything, "centered": everything}
        kept = [a if has[option] else None for a, option in zip(state, rule.arrays.values(), strict=True)]
        moves.append(Move(rule, [p, g, *kept]))
        if isinstance(rule, RMSpropRule) and everything:  # the squares' mean is at least the mean's square
            moves[-1].arrays[2] += moves[-1].arrays[4] ** 2
    return moves


@dtypes
@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("rule", RULES, ids=[f"{type(rule).__name__} {i}" for i, rule in enumerate(RULES)])
def test_optimiser_loops_equal_their_formulas(kernels: Any, rule: Rule, everything: bool, dtype: Any) -> None:
    moves = _moves(rule, dtype, everything)
    expected = copy.deepcopy(moves)
    reference.move(expected)
    kernels.move(moves)
    for (_, ours), (_, theirs) in zip(moves, expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if b is not None:
                assert_equal(a, b.astype(np.float64), dtype)


def test_an_optimiser_step_of_arrays_in_another_memory_order_is_the_same() -> None:
    p, g, b = _parameter((40, 30), np.float32, 3)
    expected = [a.copy() for a in (p, g, b)]
    RULES[0].step(*expected)
    turned = [p, np.asfortranarray(g), b]
    compiled.move([Move(RULES[0], turned)])
    assert_equal(tuple(turned), tuple(a.astype(np.float64) for a in expected), np.float32)


def test_every_registered_loop_takes_the_numbers_and_arrays_of_its_rule() -> None:
    loops = load("rules")
    source = Path(gpu_backend.SOURCE).read_text(encoding="utf-8")
    for rule in (SGDRule, AdamRule, RMSpropRule):
        numbers = [field.name for field in dataclasses.fields(rule)]
        name = loop_of(rule(*[0.5] * len(numbers)))
        assert name is not None
        compiled_arguments = list(inspect.signature(getattr(loops, name).py_func).parameters)
        assert compiled_arguments == ["team", "blocks", "table", "like", *numbers]
        cuda_arguments = re.search(rf"__global__ void {name}\(([^)]*)\)", source)
        assert cuda_arguments is not None
        cuda_names = [re.findall(r"\w+", argument)[-1] for argument in cuda_arguments[1].split(",")]
        assert cuda_names == ["blocks", "table", "width", *numbers]


def test_only_the_very_class_of_a_rule_has_its_loop() -> None:
    class Derived(SGDRule):
        def step(self, p: Any, g: Any, b: Any) -> None:
            p += 100

    @dataclasses.dataclass
    class sgd(Rule):  # noqa: N801
        lr: float

        def step(self, p: Any, g: Any) -> None:
            p -= self.lr * g

    assert loop_of(Derived(0.1, 0.0, 0.0, 1.0, False, False)) is None
    assert loop_of(sgd(0.1)) is None
    p, g = np.zeros(3), np.ones(3)
    compiled.move(
        [Move(Derived(0.1, 0.0, 0.0, 1.0, False, False), [p, g, None]), Move(sgd(0.5), [q := np.zeros(3), g])]
    )
    assert p.tolist() == [100] * 3
    assert q.tolist() == [-0.5] * 3
