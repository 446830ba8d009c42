"""The compiled convolution equals the reference, reads and writes nothing but its arrays, and uses nothing but what is
in them.

Compiled code may read or write outside of an array, and nobody notices. So here every array ends, or begins, at a page
that may not be touched: a process that does is ended by the system. And memory that has not been written is NaN.
"""

from __future__ import annotations

import ctypes
import math
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.kernels.compiled import backend, layout
from minigrad.kernels.compiled.backend import Compiled
from minigrad.kernels.compiled.load import load
from minigrad.kernels.geometry import Window
from minigrad.kernels.reference import Reference
from minigrad.kernels.threads import get_num_threads, set_num_threads

pytest.importorskip("numba", reason="without Numba nothing is compiled")
_library = ctypes.CDLL(None)
if not hasattr(_library, "mprotect"):
    pytest.skip("this system has no mprotect", allow_module_level=True)

reference, compiled = Reference(), Compiled()
TOLERANCE = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 3e-5}
_at_the_end = True
_kept: list[mmap.mmap] = []


def _guarded(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an array of NaN between two pages that may not be touched, next to one of them."""
    dtype, page = np.dtype(dtype), mmap.PAGESIZE
    size = math.prod(shape) * dtype.itemsize
    pages = -(-max(size, 1) // page)
    memory = mmap.mmap(-1, (pages + 2) * page)
    _kept.append(memory)
    whole = np.frombuffer(memory, np.uint8)
    for first in (0, (pages + 1) * page):
        assert _library.mprotect(ctypes.c_void_p(whole.ctypes.data + first), ctypes.c_size_t(page), 0) == 0
    start = (pages + 1) * page - size if _at_the_end else page
    array = whole[start : start + size].view(dtype).reshape(shape)
    array[...] = np.nan
    return array


@pytest.fixture(scope="module", autouse=True)
def _guard_all_memory() -> Iterator[None]:
    """Give the kernels guarded memory for results, copies and packed operands, and no shape to leave to NumPy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "LITTLE", 0)
        patch.setattr(layout, "empty", _guarded)
        patch.setattr(load("conv.convolution"), "empty", _guarded)
        yield


def _placed(values: np.ndarray, order: str) -> np.ndarray:
    """Return values N C H W in guarded memory: channels last, with gaps between the pixels, or channels first."""
    n, c, h, w = values.shape
    if order == "first":
        array = _guarded((n, c, h, w), values.dtype)
    elif order == "last":
        array = _guarded((n, h, w, c), values.dtype).transpose(0, 3, 1, 2)
    else:  # a slice of the channels of a joined array: its first ones, or its last
        joined = _guarded((n, h, w, c + 5), values.dtype)
        array = (joined[..., :c] if order == "left" else joined[..., 5:]).transpose(0, 3, 1, 2)
    array[...] = values
    return array


@st.composite
def _cases(draw: Any) -> tuple[Any, ...]:
    kernel = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    stride = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 2), (3, 1)]))
    padding = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(2))
    window = Window(kernel, stride, padding, dilation)
    n = draw(st.sampled_from([1, 2, 3, 8, 33]))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 7, 40]))
    most = 70 // groups
    channels = draw(st.sampled_from([1, 3, 6, 16, 17, 33, 70]).filter(lambda c: c <= most or c == 1))
    outputs = draw(st.sampled_from([1, 3, 8, 17, 32, 70]).filter(lambda c: c <= most or c == 1))
    size = []
    for axis in (0, 1):
        smallest = max(1, dilation[axis] * (kernel[axis] - 1) + 1 - sum(padding[axis]))
        size.append(draw(st.integers(smallest, smallest + 9)))
    if n <= 3 and draw(st.booleans()):
        size[1] += draw(st.sampled_from([20, 110]))
    if draw(st.integers(0, 9)) == 0:
        window = Window((size[0], size[1]))  # sees the whole image
    x_shape, w_shape = (n, groups * channels, *size), (groups * outputs, channels, *window.kernel)
    orders = [draw(st.sampled_from(["last", "left", "right", "first"])) for _ in range(3)]
    return x_shape, w_shape, window, groups, orders, draw(st.booleans()), draw(st.integers(1, 3))


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@settings(max_examples=max(60, 2 * settings().max_examples))
@given(case=_cases())
def test_compiled_convolutions_equal_the_reference(case: tuple[Any, ...], dtype: Any) -> None:
    global _at_the_end
    x_shape, w_shape, window, groups, orders, _at_the_end, threads = case
    random = np.random.default_rng(0)
    x, w = random.standard_normal(x_shape), random.standard_normal(w_shape)
    y = reference.conv2d(x, w, window, groups)
    g = random.standard_normal(y.shape)
    expected = y, *reference.conv2d_backward(x, w, g, window, groups, True, True)
    xs, ws, gs = (_placed(a.astype(dtype), order) for a, order in zip((x, w, g), orders, strict=True))
    before = get_num_threads()
    set_num_threads(threads)
    try:
        ours = (
            compiled.conv2d(xs, ws, window, groups),
            *compiled.conv2d_backward(xs, ws, gs, window, groups, True, True),
        )
    finally:
        set_num_threads(before)
    for found, wanted in zip(ours, expected, strict=True):
        assert found is not None
        assert wanted is not None
        assert found.shape == wanted.shape
        assert found.transpose(0, 2, 3, 1).flags.c_contiguous  # channels last
        scale = np.abs(wanted).max(initial=1.0)
        assert np.allclose(found, wanted, rtol=0, atol=TOLERANCE[np.dtype(dtype)] * scale)
    _kept.clear()


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "padding", "groups"),
    [
        ((2, 700, 9, 9), (40, 700, 3, 3), 1, 1),  # several passes over the channels, and over the taps
        ((1, 2048, 3, 3), (24, 2048, 1, 1), 0, 1),
        ((3, 20, 40, 40), (130, 20, 5, 5), 2, 1),
        ((2, 96, 30, 30), (96, 1, 3, 3), 1, 96),  # depthwise
        ((2, 4, 30, 30), (8, 1, 3, 3), 1, 4),  # depthwise, fewer channels than a vector has elements
        ((1, 64, 1, 3000), (64, 64, 1, 9), 0, 1),
        ((512, 8, 2, 2), (8, 8, 3, 3), 1, 1),
        ((512, 17, 1, 4), (3, 17, 1, 3), 1, 1),
        ((3, 3, 41, 37), (32, 3, 3, 3), 0, 1),  # few channels: patches
        ((2, 1, 30, 41), (17, 1, 7, 5), 1, 1),
        ((1, 7, 1, 2000), (20, 7, 1, 9), 0, 1),
        ((40, 3, 9, 9), (64, 3, 1, 1), 0, 1),
    ],
)
def test_compiled_convolutions_of_many_blocks_equal_the_reference(
    x_shape: Any, w_shape: Any, padding: int, groups: int, dtype: Any
) -> None:
    pads = tuple((padding if k > 1 else 0,) * 2 for k in w_shape[2:])
    case = x_shape, w_shape, Window(w_shape[2:], (1, 1), pads), groups, ["last", "first", "right"]
    for at_the_end in (True, False):
        test_compiled_convolutions_equal_the_reference.hypothesis.inner_test((*case, at_the_end, 2), dtype)


@pytest.mark.parametrize("shape", [(4, 24, 14, 14), (1, 32, 8, 8), (40, 16, 3, 3), (4, 3, 30, 30)])
def test_results_do_not_depend_on_the_number_of_threads(shape: tuple[int, ...]) -> None:
    random, window = np.random.default_rng(0), Window((3, 3), (1, 1), ((1, 1), (1, 1)))
    x, w, g = (
        random.standard_normal(s).astype(np.float32) for s in (shape, (48, shape[1], 3, 3), (shape[0], 48, *shape[2:]))
    )
    before, results = get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            set_num_threads(threads)
            results.append(
                (compiled.conv2d(x, w, window, 1), *compiled.conv2d_backward(x, w, g, window, 1, True, True))
            )
    finally:
        set_num_threads(before)
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))
