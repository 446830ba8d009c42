"""The GPU's kernels without a GPU: compiled for every processor, and run as plain C++ against the reference."""

from __future__ import annotations

import ctypes
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import optim
from minigrad.kernels.geometry import Window
from minigrad.kernels.gpu import backend
from minigrad.kernels.gpu.backend import Gpu
from minigrad.kernels.philox import philox
from minigrad.kernels.reference import Reference
from tests.test_kernels import (
    _random,
    assert_equal,
    assert_passed_where_positive,
    assert_same,
    convolutions,
    poolings,
    special_values,
)

gpu, reference = Gpu(), Reference()
KINDS = {"float": "", "double": "", "half": "fp16"}

#: What CUDA's compiler knows and C++ does not. The threads of a block take turns: each runs until it waits for the
#: others. The turns go up and down, so that what is read before everybody has waited is likely to be wrong.
PRELUDE = """
#include <cmath>
#include <csetjmp>
#include <cstdlib>
#include <functional>
#include <ucontext.h>
using std::exp; using std::log; using std::sqrt;
#define __global__
#define __device__
#define __shared__ static
struct Index { unsigned x, y; };
static Index blockIdx, threadIdx, gridDim;
static void wait_for_others();
#define __syncthreads wait_for_others
#line 1 "kernels.cu"
"""

EPILOGUE = """
static jmp_buf turns[THREADS], scheduler;
static bool begun[THREADS], done[THREADS];
static std::function<void()> work;

static void wait_for_others() {
    if (!_setjmp(turns[threadIdx.x])) _longjmp(scheduler, 1);
}

static void live() {
    for (;;) {
        work();
        done[threadIdx.x] = true;
        wait_for_others();
    }
}

static void resume(unsigned t) {
    threadIdx.x = t;
    if (_setjmp(scheduler)) return;
    if (begun[t]) _longjmp(turns[t], 1);
    begun[t] = true;
    static ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_size = 65536;
    context.uc_stack.ss_sp = malloc(context.uc_stack.ss_size);
    makecontext(&context, live, 0);
    setcontext(&context);
}

static int run_block(bool waits) {
    if (!waits) {
        for (threadIdx.x = 0; threadIdx.x < THREADS; threadIdx.x++) work();
        return 0;
    }
    for (int t = 0; t < THREADS; t++) done[t] = false;
    static int blocks = 0;
    blocks++;
    for (int round = 0;; round++) {
        int finished = 0;
        for (int i = 0; i < THREADS; i++) {
            int t = (blocks + round) % 2 ? THREADS - 1 - i : i;
            resume(t);
            finished += done[t];
        }
        if (finished == THREADS) return 0;
        if (finished) return 1;  // some wait for others that have gone
    }
}

static int run_grid(unsigned columns, unsigned rows, bool waits, std::function<void()> kernel) {
    work = kernel;
    gridDim.x = columns, gridDim.y = rows;
    for (blockIdx.y = 0; blockIdx.y < rows; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < columns; blockIdx.x++)
            if (run_block(waits)) return 1;
    return 0;
}
"""


@functools.cache
def signatures() -> dict[str, list[tuple[str, str]]]:
    """Return the (type, name) of the parameters of each kernel."""
    source = backend.SOURCE.read_text(encoding="utf-8")
    window = re.search(r"#define WINDOW[ \\]*\n(.*)\n", source)
    assert window is not None
    found = {}
    for name, parameters in re.findall(r'extern "C" __global__ void (\w+)\(([^)]*)\)', source):
        each = re.sub(r"\bWINDOW\b", window.group(1), parameters).split(",")
        found[name] = [tuple(" ".join(p.split()).rsplit(" ", 1)) for p in each]
    return found  # type: ignore[return-value]


def wrappers(source: str) -> str:
    """Return a function for each kernel that runs it on a grid."""
    found = []
    for name, parameters in signatures().items():
        body = source.split(f"__global__ void {name}(")[1].split('extern "C"')[0]
        waits = "true" if "__syncthreads" in body or "_of_block" in body else "false"
        given = ", ".join(f"{kind} {each}" for kind, each in parameters)
        found.append(
            f'extern "C" int run_{name}(unsigned columns_of_grid, unsigned rows_of_grid, {given}) '
            f"{{ return run_grid(columns_of_grid, rows_of_grid, {waits}, "
            f"[&] {{ {name}({', '.join(each for _, each in parameters)}); }}); }}"
        )
    return "\n".join(found)


@functools.cache
def host_library(real: str, index: str) -> Any:
    """Return the kernels as a shared library for this processor."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler here to run the kernels with")
    folder = Path(__import__("tempfile").mkdtemp())
    source, target = folder / "kernels.cpp", folder / "kernels.so"
    kernels = backend.SOURCE.read_text(encoding="utf-8")
    source.write_text(PRELUDE + kernels + EPILOGUE + wrappers(kernels))
    types = {"half": ("_Float16", "float")}.get(real, (real, real))
    definitions = [f"-DREAL={types[0]}", f"-DACC={types[1]}", f"-DINDEX={index}"]
    options = ["-O1", "-shared", "-fPIC", "-U_FORTIFY_SOURCE", "-o", str(target), str(source)]
    done = subprocess.run([compiler, *definitions, *options], capture_output=True, text=True)
    if done.returncode and real == "half":
        pytest.skip("the C++ compiler here has no half precision")
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(target))


INDEX = {"of kernels on the host": "unsigned int"}


def launch_on_host(kernel: str, dtype: Any, grid: tuple[int, int], *arguments: Any) -> None:
    """Run a kernel like backend.launch, one thread after the other; refuse arguments of other types than its own.

    (A GPU takes them from memory one behind the other; the processor here would forgive an int for a long.)
    """
    library = host_library(backend.TYPES[dtype][0], INDEX["of kernels on the host"])
    kinds = {
        "int": (np.int32, ctypes.c_int), "long long": (np.int64, ctypes.c_longlong),
        "double": (np.float64, ctypes.c_double), "unsigned long long": (np.uint64, ctypes.c_ulonglong),
    }  # fmt: skip
    accumulator = np.dtype({"half": "float32", "float": "float32", "double": "float64"}[backend.TYPES[dtype][0]])
    elements = {"REAL": np.dtype(dtype), "ACC": accumulator, "unsigned char": np.dtype(np.uint8), "float": np.float32}
    converted: list[Any] = []
    for argument, (kind, name) in zip(arguments, signatures()[kernel], strict=True):
        what = f"{kernel}: {kind} {name}"
        if not kind.endswith("*"):
            assert type(argument) is kinds[kind][0], f"{what} was given {type(argument)}"
            converted.append(kinds[kind][1](argument.item()))
        elif isinstance(argument, np.ndarray):
            element = kind.removeprefix("const ").removesuffix("*")
            assert argument.dtype == elements.get(element, np.int64), f"{what} was given {argument.dtype}"
            assert argument.flags.c_contiguous, f"{what} was given an array with gaps"
            converted.append(ctypes.c_void_p(argument.ctypes.data))
        else:
            assert argument is backend._NONE, f"{what} was given {argument!r}"
            converted.append(ctypes.c_void_p(0))
    assert all(0 < blocks < 65_536 for blocks in grid)
    failed = getattr(library, f"run_{kernel}")(*map(ctypes.c_uint, grid), *converted)
    assert not failed, f"{kernel}: some threads waited for others that had ended"


LAUNCH = backend.launch


@pytest.fixture(autouse=True, scope="module")
def on_host() -> Iterator[None]:
    """Yield a module whose kernels run on the CPU."""
    before = backend.launch
    backend.launch = launch_on_host  # type: ignore[assignment]
    yield
    backend.launch = before


# --- Compiled for GPUs ---

#: Half precision has operators of its own; the others are compiled by `make test-all`, and as C++ below.
_FEW = [("sm_90", "half", "unsigned int")]


def _source(real: str, headers: str, folder: Path) -> tuple[Path, list[str]]:
    """Return a file for a GPU's compiler, and how to call it."""
    source = folder / "kernels.cu"
    source.write_text(headers + backend.SOURCE.read_text(encoding="utf-8"))
    accumulator = "float" if real == "half" else real
    return source, ["-o", str(folder / "compiled"), f"-DREAL={real}", f"-DACC={accumulator}"]


@pytest.mark.parametrize(
    ("architecture", "real", "index"),
    [
        pytest.param(*each, marks=[] if each in _FEW else [pytest.mark.slow])
        for each in product(("sm_90", "sm_80"), KINDS, ("unsigned int", "long long"))
    ],
)
def test_the_kernels_compile_for_nvidia(architecture: str, real: str, index: str, tmp_path: Path) -> None:
    if shutil.which("nvcc") is None:
        pytest.skip("NVIDIA's compiler nvcc is not installed here")
    source, options = _source(real, "#include <cuda_fp16.h>\n" if real == "half" else "", tmp_path)
    command = ["nvcc", f"-arch={architecture}", "-cubin", *options, f"-DINDEX={index}", str(source)]
    strict = ["-Werror", "all-warnings", "-diag-suppress", "39"]
    done = subprocess.run([*command, *strict], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("real", KINDS)
@pytest.mark.parametrize("architecture", ["gfx90a", "gfx1100"])
def test_the_kernels_compile_for_amd(architecture: str, real: str, tmp_path: Path) -> None:
    if shutil.which("hipcc") is None:
        pytest.skip("AMD's compiler hipcc is not installed here (Debian: apt install hipcc)")
    source, options = _source(real, "#include <hip/hip_runtime.h>\n#include <hip/hip_fp16.h>\n", tmp_path)
    environment = {**os.environ, "HIP_PLATFORM": "amd"}  # where there is nvcc too, it would choose that
    command = ["hipcc", "-x", "hip", f"--offload-arch={architecture}", *options, "-DINDEX=unsigned int", str(source)]
    done = subprocess.run([*command, "--genco"], capture_output=True, text=True, env=environment)
    if "cannot find ROCm device library" in done.stderr:  # older than the processor: its instructions, without linking
        command += ["--cuda-device-only", "-nogpulib", "-S"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_no_kernel_knows_a_warp() -> None:
    source = backend.SOURCE.read_text(encoding="utf-8")
    for word in ("__shfl", "warpSize", "__ballot", "__syncwarp", "atomic"):
        assert word not in source


# --- Equal to the reference ---


@settings(max_examples=60)
@given(case=convolutions(), limit=st.sampled_from([1, 4000, 2**30]), few=st.sampled_from([0, 64]))
def test_convolutions_equal_the_reference(case: Any, limit: int, few: int) -> None:
    x, w, g, window, groups = case
    before, backend._COLUMN_BYTES = backend._COLUMN_BYTES, limit
    outputs_before = dict(backend.few_outputs)
    backend.few_outputs.update(dict.fromkeys(outputs_before, few))
    try:
        assert_equal(gpu.conv2d(x, w, window, groups), reference.conv2d(x, w, window, groups), x.dtype.type)
        ours = gpu.conv2d_backward(x, w, g, window, groups, True, True)
        theirs = reference.conv2d_backward(x, w, g, window, groups, True, True)
        assert_equal(ours, theirs, x.dtype.type)
        assert_equal(gpu.conv2d_input(g, w, x.shape, window, groups), theirs[0], x.dtype.type)
        assert_equal(gpu.conv2d_weight(x, g, w.shape, window, groups), theirs[1], x.dtype.type)
    finally:
        backend._COLUMN_BYTES = before
        backend.few_outputs.update(outputs_before)


@pytest.mark.parametrize("transposed", [False, True])
def test_a_convolution_of_many_tiles_equals_the_reference(transposed: bool) -> None:
    """More outputs than a tile has, channels that are no multiple of its depth, many places."""
    x, w = _random((3, 21, 13, 12), 0, False), _random((70, 21, 3, 2), 1, False)
    window = Window((3, 2), (1, 1), ((1, 0), (1, 1)), (1, 2))
    y = reference.conv2d(x, w, window, 1)
    if transposed:
        g = _random(y.shape, 2, True)
        ours = np.empty((21, 3, 13, 12))
        backend._convolve(backend._in_order(g), w, ours, window, (13, 12), transposed=True)
        expected = reference.conv2d_input(g, w, x.shape, window, 1)
    else:
        ours = np.empty((70, 3, *y.shape[2:]))
        backend._convolve(backend._in_order(x), w, ours, window, y.shape[2:], transposed=False)
        expected = y
    assert_equal(backend._from_order(ours), expected, np.float64)


@settings(max_examples=60)
@given(case=poolings())
def test_poolings_equal_the_reference(case: tuple[np.ndarray, Window]) -> None:
    x, window = case
    y, taps = gpu.max_pool2d(x, window)
    expected, expected_taps = reference.max_pool2d(x, window)
    assert_equal(y, expected, x.dtype.type)
    assert np.array_equal(taps, expected_taps)
    g = _random(y.shape, 3, True)
    ours = gpu.max_pool2d_scatter(g, taps, x.shape, window)
    assert_equal(ours, reference.max_pool2d_scatter(g, taps, x.shape, window), x.dtype.type)
    scale = 1 / 7
    assert_equal(gpu.avg_pool2d(x, window, scale), reference.avg_pool2d(x, window, scale), x.dtype.type)
    ours = gpu.avg_pool2d_backward(g, x.shape, window, scale)
    assert_equal(ours, reference.avg_pool2d_backward(g, x.shape, window, scale), x.dtype.type)


def test_nan_wins_a_pooling_as_in_the_reference() -> None:
    x = np.array([[1.0, np.nan, 3.0, -np.inf], [np.nan, 0.0, -np.inf, -np.inf]]).reshape(1, 1, 2, 4)
    window = Window((2, 2), (2, 2))
    for ours, theirs in zip(gpu.max_pool2d(x, window), reference.max_pool2d(x, window), strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)


@given(case=poolings(), seed=st.integers(0, 99))
def test_poolings_of_infinities_and_nan_equal_the_reference(case: tuple[np.ndarray, Window], seed: int) -> None:
    shape, window = case[0].shape, case[1]
    for x in (special_values(shape, seed), np.full(shape, -np.inf)):
        y, taps = reference.max_pool2d(x, window)
        assert_same(gpu.max_pool2d(x, window), (y, taps))
        g = special_values(y.shape, seed + 1)
        assert_same(
            gpu.max_pool2d_scatter(g, taps, shape, window), reference.max_pool2d_scatter(g, taps, shape, window)
        )


def test_the_relu_after_batch_norm_cuts_infinite_gradients_off_and_passes_them_at_nan() -> None:
    x = _random((4, 3, 5, 5), 0, True)
    z, mean, var = gpu.batch_norm(x, None, None, 1e-3, True)
    g = np.where(z > 0, _random(z.shape, 2, True), np.inf)
    expected = reference.batch_norm_backward(np.where(z > 0, g, 0), x, None, mean, var, 1e-3)
    assert_equal(gpu.batch_norm_backward(g, x, None, mean, var, 1e-3, None, True), expected, np.float64)
    x[0, 1, 2, 3], g[0, 1, 2, 3] = np.nan, np.inf
    dx, _, grad_bias = gpu.batch_norm_backward(g, x, None, mean, var, 1e-3, None, True)
    assert np.isnan(dx).any(axis=(0, 2, 3)).tolist() == [False, True, False]
    assert np.isinf(grad_bias).tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_relu_after_batch_norm_passes_backward_just_where_its_output_was_positive(dtype: Any) -> None:
    assert_passed_where_positive(gpu, dtype)


def test_rows_that_are_ignored_get_no_gradient_however_infinite() -> None:
    x, labels, g = _random((3, 4), 0, False), np.array([1, -100, 2]), np.array([1.0, np.inf, np.nan])
    for kernels in (gpu, reference):
        _, factors, log_sums = kernels.softmax_cross_entropy(x, labels, None, 0.1, -100)
        dx = kernels.softmax_cross_entropy_backward(g, x, labels, None, 0.1, -100, factors, log_sums)
        assert np.isfinite(dx[0]).all()
        assert not dx[1].any()
        assert np.isnan(dx[2]).all()


@settings(max_examples=60)
@given(
    shape=st.tuples(st.integers(2, 6), st.integers(1, 6), st.integers(1, 9), st.integers(1, 9)),
    layout=st.booleans(), affine=st.booleans(), masked=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_batch_norm_equals_the_reference(
    shape: tuple[int, ...], layout: bool, affine: bool, masked: bool, seed: int
) -> None:
    x, g = _random(shape, seed, layout) + 3, _random(shape, seed + 1, not layout)
    weight, bias = (_random(shape[1:2], seed + i, False) if affine else None for i in (2, 3))
    ours, theirs = (k.batch_norm(x, weight, bias, 1e-3, masked) for k in (gpu, reference))
    assert_equal(ours, theirs, x.dtype.type)
    assert not masked or theirs[0].min() >= 0
    given = g, x, weight, theirs[1], theirs[2], 1e-3, bias, masked
    ours, expected = gpu.batch_norm_backward(*given), reference.batch_norm_backward(*given)
    assert_equal(ours, expected, x.dtype.type)
    if affine:
        ours, theirs = (k.scale_channels(x, weight, bias, masked) for k in (gpu, reference))
        assert_equal(ours, theirs, x.dtype.type)


def test_batch_norm_of_long_rows_keeps_the_digits_of_a_small_variance() -> None:
    """Some blocks a row; values far from zero, the first of them far from all others."""
    x = (1e4 + np.random.default_rng(0).standard_normal((5, 3, 40, 70))).astype(np.float32)
    x[0, :, 0, 0] = -1e6
    assert backend._parts(3, x[:, 0].size) > 1
    ours, exact = gpu.batch_norm(x, None, None, 0.0), reference.batch_norm(x.astype(np.float64), None, None, 0.0)
    for a, b in zip(ours[1:], exact[1:], strict=True):
        assert np.allclose(a, b, rtol=1e-5)
    assert np.allclose(ours[0], exact[0], atol=1e-4)


def test_in_half_precision_sums_are_made_in_float32() -> None:
    """Values and gradients of a convolution, batch norm with ReLU, both poolings, and the loss: rounded, not more."""
    half, single = np.float16, np.float32
    x = (_random((3, 5, 9, 8), 0, True)).astype(half)
    window, pool = Window((3, 3), (1, 1), ((1, 1), (1, 1))), Window((3, 3), (2, 2))
    weight, bias = (_random((4,), seed, False).astype(single) for seed in (1, 2))
    w, g = _random((4, 5, 3, 3), 3, False).astype(half), _random((3, 4, 9, 8), 4, True).astype(half)
    labels, scores = np.array([1, 0, 3]), _random((3, 4), 5, False).astype(half)
    results = []
    for k, kind in ((gpu, half), (reference, single)):
        y = k.conv2d(x.astype(kind), w.astype(kind), window, 1)
        z, mean, var = k.batch_norm(g.astype(kind) + kind(3), weight, bias, 1e-3, True)
        back = k.batch_norm_backward(g.astype(kind), g.astype(kind) + kind(3), weight, mean, var, 1e-3, bias, True)
        largest, taps = k.max_pool2d(x.astype(kind), pool)
        scattered = k.max_pool2d_scatter(largest, taps, x.shape, pool)
        given = labels, None, 0.1, -100
        losses, factors, log_sums = k.softmax_cross_entropy(scores.astype(kind), *given)
        ones = np.ones(3, kind)
        dx = k.softmax_cross_entropy_backward(ones, scores.astype(kind), *given, factors, log_sums)
        gradients = k.conv2d_backward(x.astype(kind), w.astype(kind), g.astype(kind), window, 1, True, True)
        average = k.avg_pool2d(x.astype(kind), pool, 1 / 9)
        results.append([y, z, mean, var, *back, largest, scattered, losses, dx, *gradients, average])
    for i, (ours, theirs) in enumerate(zip(*results, strict=True)):
        assert np.abs(ours - theirs).max() <= 4e-3 * np.abs(theirs).max(), i
    assert results[0][0].dtype == results[0][1].dtype == half
    assert results[0][5].dtype == single  # the gradient of weight is as weight is


@settings(max_examples=100)
@given(
    shape=st.tuples(st.integers(1, 5), st.sampled_from([1, 2, 7, 300])), weighted=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.1, 1.0]), seed=st.integers(0, 99), ignore=st.sampled_from([-100, 0, 1]),
    kind=st.sampled_from([np.int64, np.int32, np.uint8]),
)  # fmt: skip
def test_softmax_cross_entropy_equals_the_reference(
    shape: tuple[int, int], weighted: bool, smoothing: float, seed: int, ignore: int, kind: Any
) -> None:
    x, g = 30 * _random(shape, seed, False), _random(shape[:1], seed + 1, False)
    x = np.asfortranarray(x) if seed % 2 else x
    labels = np.random.default_rng(seed).integers(0, shape[1], shape[0]).astype(kind)
    one_too_large = seed % 7 == 0 and shape[1] <= np.iinfo(kind).max
    if one_too_large:
        labels[0] = shape[1]  # none of the classes
    given_arrays = labels, np.abs(_random(shape[1:], 3, False)) if weighted else None, smoothing, ignore
    ours, theirs = gpu.softmax_cross_entropy(x, *given_arrays), reference.softmax_cross_entropy(x, *given_arrays)
    assert np.isnan(theirs[0]).any() == (one_too_large and shape[1] != ignore)
    for a, b in zip(ours, theirs, strict=True):
        assert np.allclose(a, b, rtol=1e-12, atol=1e-12, equal_nan=True)
    dx = gpu.softmax_cross_entropy_backward(g, x, *given_arrays, *ours[1:])
    expected = reference.softmax_cross_entropy_backward(g, x, *given_arrays, *theirs[1:])
    assert np.allclose(dx, expected, rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize(("counter", "key", "expected"), [
    ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), 0x299F31D0A4093822,
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
])  # fmt: skip
def test_philox_gives_its_authors_known_answers(counter: Any, key: int, expected: Any) -> None:
    assert tuple(philox([np.uint64(word) for word in counter], key)) == expected


@pytest.mark.parametrize(("seed", "start", "count"), [(0, 0, 1), (7, 3, 1000), (2**63 + 5, 2**32 - 3, 22), (1, 9, 0)])
def test_random_numbers_equal_the_reference(seed: int, start: int, count: int) -> None:
    like = np.zeros(3)
    ours, theirs = (k.uniform(like, count, seed, start) for k in (gpu, reference))
    assert ours.dtype == theirs.dtype == np.float32
    assert np.array_equal(ours, theirs)
    if count > 500:
        assert (ours.min(), ours.max(), ours.mean()) == pytest.approx((0, 1, 0.5), abs=0.05)
        assert np.array_equal(gpu.uniform(like, count - 400, seed, start + 100), ours[400:])


def test_running_statistics_move_as_in_the_reference() -> None:
    running, batch = _random((300,), 0, False), _random((300,), 1, False)
    ours, theirs = running.copy(), running.copy()
    gpu.blend(ours, batch, 0.9, 0.1)
    reference.blend(theirs, batch, 0.9, 0.1)
    assert np.allclose(ours, theirs, rtol=1e-14)


def test_sums_and_joins_keep_the_memory_order() -> None:
    x, y = (np.transpose(_random((3, 2, 4, 5), seed, False), (1, 0, 2, 3)) for seed in (0, 1))
    for ours, theirs in (
        (gpu.add(x, y), x + y),
        (gpu.relu(x), np.maximum(x, 0)),
        (gpu.pass_where_positive(x, y), x * (y > 0)),
        (gpu.concatenate([x, y], 1), np.concatenate([x, y], 1)),
    ):
        assert np.array_equal(ours, theirs)
        assert np.transpose(ours, (1, 0, 2, 3)).flags.c_contiguous
    total = x.copy(order="K")
    assert gpu.add(total, y, out=total) is not None
    assert np.array_equal(total, x + y)
    assert gpu.relu(total, out=total) is total
    assert np.array_equal(total, np.maximum(x + y, 0))


def test_places_beyond_32_bits_have_kernels_of_their_own(monkeypatch: Any) -> None:
    x, w = _random((2, 3, 9, 8), 0, False), _random((4, 3, 3, 3), 1, False)
    window = Window((3, 3), (2, 1), ((1, 1), (0, 1)))
    results = []
    for index in ("unsigned int", "long long"):
        monkeypatch.setitem(INDEX, "of kernels on the host", index)
        y = gpu.batch_norm(gpu.conv2d(x, w, window, 1), None, None, 0.1, True)[0]
        results.append(gpu.max_pool2d(y, Window((2, 2), (2, 2)))[0])
    assert np.array_equal(*results)
    asked = []
    monkeypatch.setattr(backend, "_function", lambda *chosen: asked.append(chosen) or (lambda *_: None))
    enormous = np.broadcast_to(np.float32(0), (2**16, 2**15))
    for array in (x, enormous):
        LAUNCH("blend", array.dtype, (1, 1), array, array, np.float64(0), np.float64(0), np.int64(array.size))
    assert [wide for _, _, wide in asked] == [False, True]


def test_convolutions_of_few_outputs_or_enormous_images_go_without_columns(monkeypatch: Any) -> None:
    launched: list[str] = []
    monkeypatch.setattr(
        backend, "launch", lambda kernel, *rest: launched.append(kernel) or launch_on_host(kernel, *rest)
    )
    window = Window((3, 3), (1, 1), ((1, 1), (1, 1)))
    x = np.zeros((2, 100, 8, 8), np.float32)
    for outputs, limit, forward, backward in (
        (100, 2**30, "patches", "patches_back"),
        (64, 2**30, "convolve", "patches_back"),
        (100, 2**10, "patches", "convolve"),
    ):
        monkeypatch.setattr(backend, "_COLUMN_BYTES", limit)
        w = np.zeros((outputs, 100, 3, 3), np.float32)
        launched.clear()
        y = gpu.conv2d(x, w, window, 1)
        assert set(launched) == {forward}
        launched.clear()
        gpu.conv2d_backward(x, w, y, window, 1, True, False)
        assert set(launched) == {backward}


OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.3),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True),
    "adam": lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1, amsgrad=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.1, maximize=True),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.1, weight_decay=0.1, momentum=0.9, centered=True),
    "plain rmsprop": lambda p: optim.RMSprop(p, lr=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_launch_updates_all_parameters_as_the_formulas_do(name: str, monkeypatch: Any) -> None:
    import minigrad
    from minigrad.optim import optimizer as module

    monkeypatch.setattr(backend, "_MOVE_BLOCK", 7)
    shapes = [(3, 4), (5,), (), (2, 3, 2, 2), (0,)]
    results = {}
    for kernels in (gpu, reference):
        monkeypatch.setattr(module, "kernels_of", lambda array, kernels=kernels: kernels)
        parameters = [minigrad.from_numpy(_random(s, i, False)).requires_grad_() for i, s in enumerate(shapes)]
        optimizer = OPTIMIZERS[name](parameters)
        for step in range(4):
            for i, p in enumerate(parameters):
                p.grad = minigrad.from_numpy(_random(shapes[i], 100 * step + i, False))
            optimizer.step()
        results[kernels] = [p.detach().numpy() for p in parameters]
    for ours, theirs in zip(results[gpu], results[reference], strict=True):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_a_training_step_of_inception_on_these_kernels_equals_that_on_the_reference(monkeypatch: Any) -> None:
    import minigrad
    from inception import step
    from inception.model import inception_v3
    from minigrad import kernels

    results = {}
    for name, chosen in (("gpu", gpu), ("reference", reference)):
        monkeypatch.setattr(kernels, "_for_numpy", chosen)
        minigrad.manual_seed(0)
        model = inception_v3(num_classes=3, aux_logits=False, init_weights=False, dropout=0.0).double()
        optimizer = optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
        images, labels = minigrad.randn(4, 3, 75, 75, dtype=minigrad.float64), minigrad.tensor([0, 1, 2, 0])
        loss = step.loss_computation(step.forward_pass(model, images), labels)
        step.backward_pass(optimizer, loss)
        step.optimization_pass(optimizer)
        state = {key: value.numpy() for key, value in model.state_dict().items()}
        results[name] = loss.item(), [p.grad.numpy() for p in model.parameters()], state
    (loss, gradients, state), (expected, expected_gradients, expected_state) = results.values()
    assert loss == pytest.approx(expected, rel=1e-12)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-7, atol=1e-9 * np.abs(theirs).max())
    for key, value in expected_state.items():
        assert np.allclose(state[key], value, rtol=1e-9, atol=1e-12), key
