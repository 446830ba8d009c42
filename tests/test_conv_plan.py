"""The plans of compiled convolutions: right for every batch and map, soon made, and kept in bounded memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad
from minigrad.kernels import plan_cache
from minigrad.kernels.compiled import conv_plan
from minigrad.kernels.compiled.backend import Compiled
from minigrad.kernels.geometry import Window
from minigrad.kernels.reference import Reference
from minigrad.nn import functional as F

reference, compiled = Reference(), Compiled()

TOLERANCE = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 3e-5}


def _hold_to_the_reference(shape: tuple[int, ...], out: int, window: Window, dtype: Any) -> None:
    """Compare the output and both gradients, which sum up to some thousand products of standard normal numbers."""
    random = np.random.default_rng(0)
    x, w = random.standard_normal(shape), random.standard_normal((out, shape[1], *window.kernel))
    y = reference.conv2d(x, w, window, 1)
    g = random.standard_normal(y.shape)
    expected = y, *reference.conv2d_backward(x, w, g, window, 1, True, True)
    x, w, g = (a.astype(dtype) for a in (x, w, g))
    found = compiled.conv2d(x, w, window, 1), *compiled.conv2d_backward(x, w, g, window, 1, True, True)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        scale = max(1.0, np.abs(theirs).max(initial=0.0))
        assert np.allclose(ours, theirs, rtol=0, atol=TOLERANCE[np.dtype(dtype)] * scale)


@st.composite
def _large_batches(draw: Any) -> tuple[Any, ...]:
    """Batches of 65 to 1,000 images of 1 to 8 pixels a side, and windows that may reach far beyond them."""
    n = draw(st.sampled_from([65, 66, 100, 129, 130, 136, 139, 200, 250, 500, 999, 1000]) | st.integers(65, 1000))
    size = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    kernel = tuple(draw(st.sampled_from([1, 2, 3, 3, 4, 5, 7, 9, 17])) for _ in range(2))
    stride = draw(st.sampled_from([(1, 1), (1, 1), (1, 1), (2, 2), (1, 2), (3, 1)]))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2), (3, 3)]))
    padding = []
    for n_axis, k, d in zip(size, kernel, dilation, strict=True):
        least = max(0, d * (k - 1) + 1 - n_axis)  # or the window would have no position
        before = draw(st.integers(0, d * (k - 1)) | st.just((k - 1) * d // 2))
        padding.append((before, max(least - before, draw(st.integers(0, d * (k - 1))))))
    window = Window((kernel[0], kernel[1]), stride, (padding[0], padding[1]), dilation)
    channels, out = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    positions = np.prod(window.output_size(*size))
    assume(n * positions * kernel[0] * kernel[1] * channels * out < 5e5)
    return (n, channels, *size), out, window, draw(st.sampled_from([np.float32, np.float64]))


@given(_large_batches())
def test_convolutions_of_large_batches_of_small_maps_equal_the_reference(case: tuple[Any, ...]) -> None:
    _hold_to_the_reference(*case)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "kernel", "padding"),
    [
        ((200, 8, 2, 2), (3, 3), (1, 1)),  # the last maps of a VGG on images of 32 × 32
        ((250, 8, 1, 1), (3, 3), (1, 1)),
        ((129, 3, 4, 4), (5, 5), (2, 2)),
        ((137, 3, 2, 4), (3, 7), (1, 3)),
        ((65, 3, 2, 2), (3, 3), (1, 1)),
        ((17, 2, 3, 11), (1, 17), (0, 8)),
        ((33, 2, 3, 15), (1, 17), (0, 8)),
        ((11, 2, 2, 79), (1, 17), (0, 40)),
    ],
)
def test_convolutions_in_which_no_position_sees_all_taps_equal_the_reference(
    shape: tuple[int, ...], kernel: tuple[int, int], padding: tuple[int, int], dtype: Any
) -> None:
    pads = (padding[0], padding[0]), (padding[1], padding[1])
    _hold_to_the_reference(shape, 4, Window(kernel, (1, 1), pads), dtype)


def _lines_run(work: Callable[[], object]) -> int:
    """Return the number of lines of conv_plan.py that are run, counting every iteration of a loop."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != conv_plan.__file__:
            return None
        count += event == "line"
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("images", [1, 3, 16])
@pytest.mark.parametrize("stride", [1, 2])
def test_planning_takes_no_more_python_for_a_large_map_than_for_a_small_one(images: int, stride: int) -> None:
    window = Window((3, 3), (stride, stride), ((1, 1), (1, 1)))

    def plan(size: int) -> None:
        problem = conv_plan.problem(images, size, size + 1, window, 16, 8)
        assert problem.suits
        conv_plan.forward(problem)
        conv_plan.backward(problem)
        conv_plan.columns(problem, 64, 1, 4)

    small, large = (_lines_run(lambda size=size: plan(size)) for size in (61, 610))
    assert small > 50
    assert large <= 1.5 * small


def test_only_the_plans_that_are_used_are_made(monkeypatch: Any) -> None:
    planned: list[str] = []
    for name in ("forward", "backward", "lines", "columns"):
        whole = getattr(conv_plan, name)

        def note(*arguments: Any, name: str = name, whole: Any = whole) -> Any:
            planned.append(name)
            return whole(*arguments)

        monkeypatch.setattr(conv_plan, name, note)
    minigrad.manual_seed(0)
    image, weight = minigrad.randn(1, 2, 37, 41), minigrad.randn(3, 2, 3, 3)
    kernels_are_compiled = minigrad.kernels.compiles()
    with minigrad.no_grad():
        F.conv2d(image, weight)
    assert planned == (["forward"] if kernels_are_compiled else [])
    planned.clear()
    F.conv2d(image, weight.requires_grad_()).sum().backward()
    assert set(planned) == ({"forward", "lines", "columns"} if kernels_are_compiled else set())


def test_plans_of_images_of_many_sizes_stay_within_the_limit(monkeypatch: Any) -> None:
    monkeypatch.setattr(plan_cache, "LIMIT", 2**20)
    window = Window((3, 3), (1, 1), ((1, 1), (1, 1)))

    def plan(size: int) -> conv_plan.Plan:
        return conv_plan.forward(conv_plan.problem(1, size, size, window, 16, 8))

    for size in range(200, 230):
        plan(size)
        assert plan_cache.kept_bytes() <= 2**20
    assert plan(229) is plan(229)  # the last one is still there
    assert plan(1500) is plan(1500)  # larger than the limit: kept until the next one
    plan(200)
    assert plan_cache.kept_bytes() <= 2**20
