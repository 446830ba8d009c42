"""The compiled loops over pixels: slices of channels, memory that held something else, threads, awkward numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.kernels import layout as kernels_layout
from minigrad.kernels.addresses import batches
from minigrad.kernels.compiled import backend as compiled_backend
from minigrad.kernels.compiled import layout
from minigrad.kernels.compiled.backend import Compiled
from minigrad.kernels.geometry import Window
from minigrad.kernels.layout import address
from minigrad.kernels.reference import Reference
from minigrad.kernels.rules import Move
from minigrad.kernels.threads import get_num_threads, set_num_threads
from minigrad.optim.sgd import SGDRule

reference: Any = Reference()
compiled: Any = Compiled()
TOLERANCE = {np.float64: 1e-11, np.float32: 3e-5}
dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


@pytest.fixture(autouse=True, scope="module")
def poisoned_memory() -> Iterator[None]:
    """Let new arrays hold NaN, and call the loops for any number of elements."""
    fresh = kernels_layout.empty

    def poisoned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        array = fresh(shape, dtype)
        array.fill(np.nan if array.dtype.kind == "f" else 99)
        return array

    with pytest.MonkeyPatch.context() as patch:
        for module in (kernels_layout, layout):
            patch.setattr(module, "empty", poisoned)
        for module in (compiled_backend, layout):
            patch.setattr(module, "FEW", 0)
        patch.setattr(compiled_backend, "TINY", 0)
        yield


def ordered(x: np.ndarray, order: str) -> np.ndarray:
    """Return x (N, C, H, W) in some order in memory."""
    if order == "contiguous":
        return x
    n, channels, height, width = x.shape
    joined = np.full((n, height, width, channels + 5), np.nan if x.dtype.kind == "f" else 99, x.dtype)
    joined[..., 2:-3] = x.transpose(0, 2, 3, 1)
    if order == "slice":
        return joined[..., 2:-3].transpose(0, 3, 1, 2)
    last = np.ascontiguousarray(joined[..., 2:-3]).transpose(0, 3, 1, 2)
    if order == "read-only":
        last.flags.writeable = False
    return last[::-1][::-1] if order == "reversed twice" else last


orders = st.sampled_from(["contiguous", "channels last", "read-only", "slice", "reversed twice"])
#: Few channels and many, beside the limits of folding (256) and of a block of columns (512).
channel_counts = st.sampled_from([1, 2, 3, 17, 64, 100, 257, 513, 600])


@st.composite
def images(draw: Any) -> np.ndarray:
    channels = draw(channel_counts)
    sides = st.integers(1, 4 if channels > 100 else 9)
    shape = (draw(st.sampled_from([1, 2, 5])), channels, draw(sides), draw(sides))
    return np.random.default_rng(draw(st.integers(0, 99))).standard_normal(shape)


@st.composite
def windows(draw: Any, x: np.ndarray) -> Window:
    """Return a window that fits x: any stride, padding, dilation, and overhang."""
    pairs = []
    for n in x.shape[2:]:
        kernel, dilation = draw(st.integers(1, min(n, 5))), draw(st.integers(1, 2))
        dilation = dilation if dilation * (kernel - 1) + 1 <= n else 1
        pairs.append((kernel, draw(st.integers(1, 3)), dilation, draw(st.integers(0, kernel // 2))))
    kernel, stride, dilation, before = ((a, b) for a, b in zip(*pairs, strict=True))
    return Window(kernel, stride, tuple((p, p) for p in before), dilation, draw(st.booleans()))


def assert_close(ours: Any, expected: Any, dtype: Any) -> None:
    for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in (ours, expected)), strict=True):
        assert a.shape == b.shape
        assert np.allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * np.abs(b).max(initial=1.0))
        if a.ndim == 4:
            assert layout.pixel_step(a) == a.shape[1]


@dtypes
@given(x=images(), data=st.data(), relu=st.booleans(), affine=st.booleans())
def test_batch_norm_of_any_memory_order(x: np.ndarray, data: Any, relu: bool, affine: bool, dtype: Any) -> None:
    g, (weight, bias) = x[::-1, ::-1] + 0.1, np.random.default_rng(1).standard_normal((2, x.shape[1]))
    if not affine:
        weight = bias = None
    ours = [ordered(a.astype(dtype), data.draw(orders)) for a in (x, g)]
    numbers: Any = [None if a is None else a.astype(dtype) for a in (weight, bias)]
    expected = reference.batch_norm(x, weight, bias, 0.1, relu)
    result = compiled.batch_norm(ours[0], *numbers, 0.1, relu)
    assert_close(result, expected, dtype)
    passed = np.where(result[0] > 0, g, 0) if relu else g
    result = compiled.batch_norm_backward(ours[1], ours[0], numbers[0], *result[1:], 0.1, numbers[1], relu)
    assert_close(result, reference.batch_norm_backward(passed, x, weight, *expected[1:], 0.1), dtype)
    assert_close(compiled.channel_sums(ours[1]), reference.channel_sums(g), dtype)
    added = result[0].copy(order="K")
    compiled.add_to_channels(added, ours[0][0, :, 0, 0])
    assert_close(added, result[0] + x[:1, :, :1, :1], dtype)
    statistics = [a.astype(dtype) for a in expected[1:]]
    result = compiled.normalize_channels(ours[0], *numbers, *statistics, 0.1, relu)
    assert_close(result, reference.normalize_channels(x, weight, bias, *expected[1:], 0.1, relu), dtype)


@dtypes
@given(x=images(), data=st.data())
def test_pooling_of_any_memory_order(x: np.ndarray, data: Any, dtype: Any) -> None:
    window, xs = data.draw(windows(x)), ordered(x.astype(dtype), data.draw(orders))
    y, taps = compiled.max_pool2d(xs, window)
    expected = reference.max_pool2d(x.astype(dtype), window)
    assert np.array_equal(y, expected[0])
    assert np.array_equal(taps, expected[1])
    assert taps.dtype == window.tap_dtype
    g: Any = np.random.default_rng(2).standard_normal(y.shape)
    gs, taps = (
        ordered(g.astype(dtype), data.draw(orders)),
        ordered(taps, data.draw(st.sampled_from(["contiguous", "channels last"]))),
    )
    assert_close(
        compiled.max_pool2d_scatter(gs, taps, x.shape, window),
        reference.max_pool2d_scatter(g, taps, x.shape, window),
        dtype,
    )
    for scale in (0.25, np.random.default_rng(0).random(y.shape[2:])):
        cast = scale if isinstance(scale, float) else scale.astype(dtype)
        assert_close(compiled.avg_pool2d(xs, window, cast), reference.avg_pool2d(x, window, scale), dtype)
        expected_dx = reference.avg_pool2d_backward(g, x.shape, window, scale)
        assert_close(compiled.avg_pool2d_backward(gs, x.shape, window, cast), expected_dx, dtype)


@dtypes
@given(x=images(), data=st.data())
def test_joining_of_any_memory_order(x: np.ndarray, data: Any, dtype: Any) -> None:
    xs = x.astype(dtype)
    parts = [ordered(a, data.draw(orders)) for a in (xs, xs[:, :1] + 1, xs[:, ::2] + 2)]
    assert_close(compiled.concatenate(parts, 1), np.concatenate(parts, 1), dtype)


def test_a_slice_of_channels_is_read_where_it_lies() -> None:
    joined = layout.empty_maps((2, 8, 3, 3), np.dtype(np.float32))
    found, step = layout.channels_last(joined[:, 2:5])
    assert step == 8
    assert address(found) == joined[:, 2:5].ctypes.data
    assert [layout.pixel_step(a) for a in (joined, joined[:, :, 1:], joined[:, ::2], joined[:, :, ::-1])] == [
        8,
        0,
        0,
        0,
    ]
    assert layout.pixel_step(joined[:1, 3:4, 1:2, 1:2]) == 1


def test_many_taps_are_numbered_in_two_bytes() -> None:
    x = np.random.default_rng(0).standard_normal((1, 2, 20, 20)).astype(np.float32)
    for window in (Window((20, 20)), Window((16, 16)), Window((17, 16))):
        y, taps = compiled.max_pool2d(x, window)
        assert np.array_equal(taps, reference.max_pool2d(x, window)[1])
        dx = compiled.max_pool2d_scatter(y, taps, x.shape, window)
        assert np.array_equal(dx, reference.max_pool2d_scatter(y, taps, x.shape, window))


@pytest.mark.parametrize("shape", [(8, 1, 90, 90), (3, 3, 99, 101), (4, 192, 9, 9), (2, 64, 35, 35), (64, 2048, 1, 1)])
def test_results_do_not_depend_on_the_number_of_threads(shape: tuple[int, ...]) -> None:
    x, g = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    window = Window((3, 3), (2, 1), ((1, 1), (1, 1)))

    def everything() -> list[np.ndarray]:
        y, mean, var = compiled.batch_norm(x, None, None, 1e-3, True)
        pooled, taps = compiled.max_pool2d(x, window)
        return [
            y, mean, var, *compiled.batch_norm_backward(g, x, None, mean, var, 1e-3, None, True), pooled, taps,
            compiled.max_pool2d_scatter(pooled, taps, shape, window), compiled.avg_pool2d(x, window, 0.3),
            compiled.avg_pool2d_backward(pooled, shape, window, 0.3), compiled.concatenate([x, g], 1),
        ]  # fmt: skip

    before, results = get_num_threads(), []
    try:
        for threads in (1, 2, 3, 2):
            set_num_threads(threads)
            results.append([a.tobytes() for a in everything()])
    finally:
        set_num_threads(before)
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("value", [0.0, 1e4, -3e7])
@pytest.mark.parametrize("outlier", [0.0, 1e3])
def test_a_variance_has_its_digits_far_from_zero_and_behind_an_outlier(value: float, outlier: float) -> None:
    x = np.random.default_rng(0).standard_normal((4, 3, 50, 50)) * max(1.0, abs(value) * 1e-3) + value
    x[0, :, 0, 0] += outlier  # as the corner of padded images that are otherwise all alike
    x = x.astype(np.float32)
    _, mean, var = compiled.batch_norm(x, None, None, 1e-3)
    exact = x.astype(np.float64)
    assert np.allclose(mean, exact.mean((0, 2, 3)), rtol=2e-7, atol=1e-6)
    assert np.allclose(var, exact.var((0, 2, 3)), rtol=2e-6)


def test_a_constant_channel_has_no_variance() -> None:
    y, mean, var = compiled.batch_norm(np.full((3, 5, 7, 7), 0.1, np.float32), None, None, 1e-3)
    assert (mean == np.float32(0.1)).all()
    assert (var == 0).all()
    assert (y == 0).all()


@dtypes
@pytest.mark.parametrize("gradient", ["contiguous", "channels last", "slice", "read-only"])
def test_an_optimiser_step_of_weights_that_lie_channels_last(gradient: str, dtype: Any) -> None:
    random = np.random.default_rng(0)
    p, g, b = random.standard_normal((3, 40, 20, 3, 3)).astype(dtype)
    rule = SGDRule(lr=0.1, momentum=0.9, decay=0.1, fresh=1.0, nesterov=True, maximize=False)
    ours = [ordered(p, "channels last"), ordered(g, gradient), ordered(b, "channels last")]
    batch, rest = batches([Move(rule, ours)], layout.FLOATS)
    assert len(batch) == 1  # the loop takes all of it
    assert not rest
    assert (address(batch[0].rows[0][1]) == address(ours[1])) == (gradient in ("channels last", "read-only"))
    compiled.move([Move(rule, ours)])
    expected = [p.copy(), g, b.copy()]
    reference.move([Move(rule, expected)])
    assert_close(tuple(ours[::2]), tuple(expected[::2]), dtype)
