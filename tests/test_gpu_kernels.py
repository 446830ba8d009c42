"""The GPU's kernels without a GPU: compiled for every processor, and run as plain C++ against the reference."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import optim
from minigrad.kernels import gpu, reference
from minigrad.kernels.geometry import Window
from tests.test_kernels import _random, assert_equal, convolutions, poolings

KINDS = {"float": "", "double": "", "half": "fp16"}

#: What CUDA's compiler knows and C++ does not: threads are taken one after the other.
PRELUDE = """
#include <cmath>
using std::sqrt;
#define __global__
#define __device__
struct Index { long long x; };
static Index blockIdx, threadIdx, blockDim, gridDim;
#line 1 "gpu_kernels.cu"
"""

EPILOGUE = """
extern "C" void run(void (*kernel)(), long long blocks, long long threads, void (*call)()) {
    gridDim.x = blocks;
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
        for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) call();
}
extern "C" void place(long long grid, long long block, long long threads, long long thread) {
    gridDim.x = grid; blockDim.x = threads; blockIdx.x = block; threadIdx.x = thread;
}
"""
HOST_THREADS = 4  # of a block, here: every one is a call


@functools.cache
def host_library(real: str) -> Any:
    """The kernels as a shared library for this processor."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler here to run the kernels with")
    folder = Path(__import__("tempfile").mkdtemp())
    source = folder / "kernels.cpp"
    source.write_text(PRELUDE + gpu.SOURCE.read_text(encoding="utf-8") + EPILOGUE)
    target = folder / "kernels.so"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", f"-DREAL={real}", f"-DACC={real}", "-o", target, source], check=True
    )
    return ctypes.CDLL(str(target))


def launch_on_host(kernel: str, dtype: Any, threads: int, *arguments: Any, blocks: int | None = None) -> None:
    """As gpu.launch, one thread after the other; arrays must be as a kernel may expect them."""
    library = host_library(gpu.TYPES[np.dtype(dtype).name][0])
    converted: list[Any] = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            assert argument.flags.c_contiguous, f"{kernel} was given an array with gaps"
            converted.append(ctypes.c_void_p(argument.ctypes.data))
        else:
            kinds = {"int32": ctypes.c_int, "int64": ctypes.c_longlong, "float64": ctypes.c_double}
            converted.append(kinds[argument.dtype.name](argument.item()))
    grid = 3 if blocks is None else blocks
    for block in range(grid):
        for thread in range(HOST_THREADS):
            library.place(*map(ctypes.c_longlong, (grid, block, HOST_THREADS, thread)))
            getattr(library, kernel)(*converted)


@pytest.fixture(autouse=True, scope="module")
def on_host() -> Iterator[None]:
    """The kernels run here."""
    before = gpu.launch, gpu._tables
    gpu.launch, gpu._tables = launch_on_host, {}  # type: ignore[assignment]
    yield
    gpu.launch, gpu._tables = before  # type: ignore[assignment]


# --- Compiled for GPUs ---


@pytest.mark.parametrize("real", KINDS)
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_the_kernels_compile_for_nvidia(architecture: str, real: str, tmp_path: Path) -> None:
    if shutil.which("nvcc") is None:
        pytest.skip("NVIDIA's compiler nvcc is not installed here")
    header = "#include <cuda_fp16.h>\n" if real == "half" else ""
    source = tmp_path / "kernels.cu"
    source.write_text(header + gpu.SOURCE.read_text(encoding="utf-8"))
    accumulator = "float" if real == "half" else real
    command = [
        "nvcc",
        f"-arch={architecture}",
        "-cubin",
        "-o",
        str(tmp_path / "k"),
        f"-DREAL={real}",
        f"-DACC={accumulator}",
    ]
    done = subprocess.run(
        [*command, "-Werror", "all-warnings", "-diag-suppress", "39", str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("real", KINDS)
@pytest.mark.parametrize("architecture", ["gfx90a", "gfx1100"])
def test_the_kernels_compile_for_amd(architecture: str, real: str, tmp_path: Path) -> None:
    if shutil.which("hipcc") is None:
        pytest.skip("AMD's compiler hipcc is not installed here (Debian: apt install hipcc)")
    header = "#include <hip/hip_runtime.h>\n#include <hip/hip_fp16.h>\n"
    source = tmp_path / "kernels.hip"
    source.write_text(header + gpu.SOURCE.read_text(encoding="utf-8"))
    accumulator = "float" if real == "half" else real
    command = ["hipcc", f"--offload-arch={architecture}", "--genco", "-o", str(tmp_path / "k"), f"-DREAL={real}"]
    environment = {**os.environ, "HIP_PLATFORM": "amd"}  # where there is nvcc too, it would choose that
    done = subprocess.run(
        [*command, f"-DACC={accumulator}", str(source)], capture_output=True, text=True, env=environment
    )
    if "cannot find ROCm device library" in done.stderr:
        pytest.skip(f"the hipcc installed here has no device library for {architecture}")
    assert done.returncode == 0, done.stderr


def test_no_kernel_shares_waits_or_knows_a_warp() -> None:
    source = gpu.SOURCE.read_text(encoding="utf-8")
    for word in ("__shared__", "__syncthreads", "__shfl", "warpSize", "atomic"):
        assert word not in source


# --- Equal to the reference ---


@settings(max_examples=60)
@given(case=convolutions(), limit=st.sampled_from([1, 4000, 2**30]))
def test_convolutions_equal_the_reference(case: Any, limit: int) -> None:
    x, w, g, window, groups = case
    before, gpu._COLUMN_BYTES = gpu._COLUMN_BYTES, limit
    try:
        assert_equal(gpu.conv2d(x, w, window, groups), reference.conv2d(x, w, window, groups), x.dtype.type)
        ours = gpu.conv2d_backward(x, w, g, window, groups, True, True)
        theirs = reference.conv2d_backward(x, w, g, window, groups, True, True)
        assert_equal(ours, theirs, x.dtype.type)
        assert_equal(gpu.conv2d_input(g, w, x.shape, window, groups), theirs[0], x.dtype.type)
        assert_equal(gpu.conv2d_weight(x, g, w.shape, window, groups), theirs[1], x.dtype.type)
    finally:
        gpu._COLUMN_BYTES = before


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
    ours, theirs = gpu.batch_norm(x, weight, bias, 1e-3), reference.batch_norm(x, weight, bias, 1e-3)
    assert_equal(ours, theirs, x.dtype.type)
    y = np.maximum(theirs[0], 0) if masked else None
    ours = gpu.batch_norm_backward(g, x, weight, theirs[1], theirs[2], 1e-3, y)
    assert_equal(ours, reference.batch_norm_backward(g, x, weight, theirs[1], theirs[2], 1e-3, y), x.dtype.type)
    if affine:
        assert_equal(gpu.scale_channels(x, weight, bias), reference.scale_channels(x, weight, bias), x.dtype.type)


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

    monkeypatch.setattr(gpu, "_UPDATE_BLOCK", 7)
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


def test_a_training_step_of_inception_on_these_kernels_equals_that_on_the_reference(monkeypatch: Any) -> None:
    import minigrad
    from inception import training
    from inception.model import inception_v3
    from minigrad import kernels

    results = {}
    for name, chosen in (("gpu", gpu), ("reference", reference)):
        monkeypatch.setattr(kernels, "_for_numpy", chosen)
        minigrad.manual_seed(0)
        model = inception_v3(num_classes=3, aux_logits=False, init_weights=False, dropout=0.0).double()
        optimizer = optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
        images, labels = minigrad.randn(4, 3, 75, 75, dtype=minigrad.float64), minigrad.tensor([0, 1, 2, 0])
        loss = training.loss_computation(training.forward_pass(model, images), labels)
        training.backward_pass(optimizer, loss)
        training.optimization_pass(optimizer)
        state = {key: value.numpy() for key, value in model.state_dict().items()}
        results[name] = loss.item(), [p.grad.numpy() for p in model.parameters()], state
    (loss, gradients, state), (expected, expected_gradients, expected_state) = results.values()
    assert loss == pytest.approx(expected, rel=1e-12)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-7, atol=1e-9 * np.abs(theirs).max())
    for key, value in expected_state.items():
        assert np.allclose(state[key], value, rtol=1e-9, atol=1e-12), key
