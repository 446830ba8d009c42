"""Devices and mixed precision, as far as they can be tested without a GPU."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad
from benchmarks.gpu import summary
from inception import step
from inception.checkpoints import load_checkpoint
from inception.clock import PhaseClock
from inception.data import load_data
from inception.loop import train_epoch
from inception.model import inception_v3
from inception.recipes import Recipe
from inception.state import Training
from minigrad import devices, gpu, nn, optim
from minigrad.amp import GradScaler, autocast, is_autocast_enabled
from minigrad.data import DataLoader
from minigrad.testing import register_stand_in_device
from minigrad.testing.stand_in_device import ALLOWED_FUNCTIONS, ONLY_BY_POSITION

WITHOUT_CUPY = """
import sys
sys.modules["cupy"] = None
import minigrad
try:
    minigrad.zeros(2, device="gpu")
except RuntimeError as error:
    print(error)
"""


def test_without_cupy_one_line_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_CUPY], capture_output=True, text=True)
    assert done.stdout.count("\n") == 1, done.stderr
    assert "pip install minigrad[cuda13] (or [cuda12]) for NVIDIA, minigrad[rocm] for AMD" in done.stdout


def test_with_cupy_and_no_gpu_one_line_says_so() -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy is an optional extra (cuda12, cuda13, rocm)")
    if cupy.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(RuntimeError, match=r"CuPy .* is installed, but finds no \w+ GPU or no driver"):
        minigrad.zeros(2).to("gpu:0")
    assert not minigrad.cuda.is_available()
    assert minigrad.cuda.device_count() == 0


def test_cupy_has_every_function_that_ops_may_call() -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy is an optional extra (cuda12, cuda13, rocm)")
    for name, parameters in ALLOWED_FUNCTIONS.items():
        places = (cupy, cupy.linalg, cupy.lib.stride_tricks)
        function = next(getattr(place, name) for place in places if hasattr(place, name))
        has = inspect.signature(function).parameters
        wanted = [ONLY_BY_POSITION.get((name, p), p) for p in parameters.split() if p != "like"]  # not in CuPy
        assert not set(wanted) - set(has), f"CuPy's {name} has the parameters {list(has)}"
    assert cupy._core._routines_linalg.COMPUTE_TYPE_TF32
    for attribute in ("set_compute_type", "_routines_linalg"):
        assert hasattr(cupy._core, attribute)
    for attribute in (
        "setDevice",
        "getDeviceCount",
        "memGetInfo",
        "deviceSynchronize",
        "is_hip",
        "getDeviceProperties",
    ):
        assert hasattr(cupy.cuda.runtime, attribute)
    for attribute in ("RawModule", "get_default_memory_pool", "asarray", "from_dlpack", "empty_like"):
        assert hasattr(cupy, attribute)


def test_cupy_has_every_ufunc_in_ops_and_kernels() -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy is an optional extra (cuda12, cuda13, rocm)")
    root = Path(minigrad.__file__).parent
    sources = [
        *root.glob("ops/*.py"),
        *root.glob("optim/*.py"),
        *(root / "kernels" / f for f in ("reference.py", "gpu/backend.py")),
    ]
    called = {name for path in sources for name in re.findall(r"\bnp\.(\w+)\(", path.read_text(encoding="utf-8"))}
    ufuncs = {name for name in called if isinstance(getattr(np, name), np.ufunc)}
    assert len(ufuncs) > 15
    assert not {name for name in ufuncs if not hasattr(cupy, name)}
    assert hasattr(importlib.import_module("cupyx"), "empty_pinned")


def test_host_memory_is_kept_until_a_copy_from_it_has_ended() -> None:
    """Otherwise the next batch could be written where the device still reads the last one."""
    ended: list[bool] = []

    class Event:
        def __init__(self) -> None:
            self.number = len(ended)
            ended.append(False)

        done = property(lambda self: ended[self.number])

    class Array:
        def set(self, host: np.ndarray, stream: Any) -> None:
            assert host.flags.c_contiguous

    module = SimpleNamespace(
        ndarray=Array, empty=lambda shape, dtype: Array(), asarray=None,
        cuda=SimpleNamespace(
            get_current_stream=lambda: SimpleNamespace(record=Event), runtime=SimpleNamespace(setDevice=None)
        ),
    )  # fmt: skip
    copy = gpu.copier(module)
    batches = [np.zeros((3, 2)).T for _ in range(3)]
    copies = []
    for batch in batches:
        batch = np.ascontiguousarray(batch)
        copies.append(weakref.ref(batch))
        copy(batch, True)
        del batch
    assert all(host() is not None for host in copies)
    ended[0] = ended[1] = True
    copy(batches[0], True)
    assert [host() is None for host in copies] == [True, True, False]


def test_cupy_knows_no_shape_to_be_an_empty_one() -> None:
    """The trap for which ``device.zeros`` is there: ``cupy.zeros_like(x, shape=())`` has the shape of x."""
    with pytest.raises(TypeError, match=r"ignores the shape \(\)"):
        np.zeros_like(minigrad.ones(3).to(register_stand_in_device()).array, shape=())
    zeros = devices.zeros(minigrad.ones(3).to(register_stand_in_device()).array, ())
    assert (zeros.shape, zeros.ndim) == ((), 0)


def test_importing_minigrad_does_not_import_cupy() -> None:
    code = "import sys, minigrad; print('cupy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_info_says_what_computes() -> None:
    done = subprocess.run([sys.executable, "-m", "minigrad", "info"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for word in ("minigrad ", "Python ", "NumPy ", "cpu ", "kernels: ", "gpu"):
        assert word in done.stdout


def test_devices_have_names_and_numbers() -> None:
    assert str(minigrad.device("gpu:1")) == "gpu:1"
    assert minigrad.device("cuda:1") == minigrad.device("gpu", 1)
    assert minigrad.ones(2).to("cpu").device == minigrad.device("cpu")
    assert not minigrad.ones(2).is_cuda
    with pytest.raises(RuntimeError, match="invalid device string"):
        minigrad.device("gpu:x")


def test_tensors_on_two_devices_are_refused_in_torchs_words() -> None:
    there = minigrad.ones(3).to(register_stand_in_device())
    message = r"on the same device, but found at least two devices, (cpu and stand_in:0|stand_in:0 and cpu)!"
    for use in (lambda a, b: a + b, lambda a, b: b * a, lambda a, b: a @ b, lambda a, b: minigrad.cat([a, b])):
        with pytest.raises(RuntimeError, match=message):
            use(there, minigrad.ones(3))
    with pytest.raises(RuntimeError, match="at least two devices, stand_in:0 and stand_in:2!"):
        there + minigrad.ones(3, device="stand_in:2")
    assert str(minigrad.ones(3, device="stand_in:2").to("stand_in").device) == "stand_in:0"


def test_pinning_needs_a_gpu() -> None:
    if minigrad.cuda.is_available():
        assert minigrad.ones(3).pin_memory().to("gpu", non_blocking=True).cpu().tolist() == [1, 1, 1]
    else:
        with pytest.raises(RuntimeError, match="device 'gpu' is not available"):
            minigrad.ones(3).pin_memory()
    with pytest.raises(RuntimeError, match="cannot pin a tensor on stand_in"):
        minigrad.ones(3).to(register_stand_in_device()).pin_memory()


def test_a_label_out_of_range_on_a_device_makes_the_loss_nan_rather_than_wait() -> None:
    where = register_stand_in_device()
    x = minigrad.ones(2, 3).to(where).requires_grad_()
    loss = nn.functional.cross_entropy(x, minigrad.tensor([0, 3]).to(where))
    assert np.isnan(loss.item())
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        nn.functional.cross_entropy(minigrad.ones(2, 3), minigrad.tensor([0, 3]))


@pytest.mark.parametrize("make", [
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9), lambda p: optim.Adam(p, lr=0.1), lambda p: optim.AdamW(p, lr=0.1),
    lambda p: optim.RMSprop(p, lr=0.1), lambda p: optim.NAdam(p, lr=0.1), lambda p: optim.RAdam(p, lr=0.1),
    lambda p: optim.Adagrad(p, lr=0.1), lambda p: optim.Adamax(p, lr=0.1), lambda p: optim.Lion(p, lr=0.1),
])  # fmt: skip
def test_optimizers_run_on_the_device_as_on_the_cpu(make: Any) -> None:
    results = []
    for where in ("cpu", register_stand_in_device()):
        minigrad.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double().to(where)
        optimizer = make(model.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            model(minigrad.ones(5, 3, dtype=minigrad.float64).to(where)).square().sum().backward()
            optimizer.step()
        results.append([p.detach().cpu().numpy() for p in model.parameters()])
    assert all(np.allclose(a, b, rtol=1e-12) for a, b in zip(*results, strict=True))


def test_a_model_in_two_halves_on_two_devices_trains_as_on_one() -> None:
    name = register_stand_in_device()
    results = []
    for first, second in (("cpu", "cpu"), (f"{name}:0", f"{name}:1")):
        minigrad.manual_seed(0)
        halves = [nn.Linear(3, 4).double().to(first), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)).double().to(second)]
        parameters = [p for half in halves for p in half.parameters()]
        optimizer = optim.SGD(parameters, lr=0.1, momentum=0.9)
        x, labels = minigrad.randn(5, 3, dtype=minigrad.float64).to(first), minigrad.tensor([0, 1, 1, 0, 1]).to(second)
        for _ in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(halves[1](halves[0](x).to(second)), labels).backward()
            optimizer.step()
        assert [str(p.device) for p in parameters] == [first] * 2 + [second] * 2
        results.append([p.detach().cpu().numpy() for p in parameters])
    assert all(np.allclose(a, b, rtol=1e-12) for a, b in zip(*results, strict=True))


# --- Mixed precision ---


def test_inside_autocast_products_are_half_and_sums_are_not() -> None:
    x, w = minigrad.randn(4, 3, requires_grad=True), minigrad.randn(3, 2, requires_grad=True)
    image, kernel = minigrad.randn(1, 2, 5, 5), minigrad.randn(3, 2, 3, 3)
    with autocast("gpu"):
        y = x @ w
        kinds = [y, nn.functional.conv2d(image, kernel), nn.functional.linear(x, w.t()), y.relu()]
        wide = [y.softmax(1), y.log_softmax(1), y.sum(), y + x[:, :2]]
        with autocast("gpu", enabled=False):
            assert (x @ w).dtype == minigrad.float32
    assert [t.dtype for t in kinds] == [minigrad.float16] * 4
    assert [t.dtype for t in wide] == [minigrad.float32] * 4
    wide[1].sum().backward()
    assert (x.grad.dtype, w.grad.dtype) == (minigrad.float32, minigrad.float32)
    assert (x @ w).dtype == minigrad.float32
    with pytest.raises(NotImplementedError, match="autocast to float64"):
        autocast("gpu", dtype=minigrad.float64)
    with autocast("gpu", dtype=minigrad.float64, enabled=False):
        assert not is_autocast_enabled()


def test_a_network_learns_in_mixed_precision() -> None:
    minigrad.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
    optimizer, scaler = optim.SGD(model.parameters(), lr=0.05, momentum=0.9), GradScaler(init_scale=1024.0)
    x, labels = minigrad.randn(12, 1, 8, 8), minigrad.arange(12).remainder(3)
    losses = []
    for _ in range(25):
        with autocast("gpu"):
            loss = nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert model[0].weight.dtype == minigrad.float32


def test_a_training_step_never_waits_for_the_device(monkeypatch: Any) -> None:
    """A copy to the host would wait until the device has done all it was given: in the four phases there is none."""
    where = register_stand_in_device()
    minigrad.manual_seed(0)
    model = inception_v3(num_classes=3, aux_logits=False).to(where)
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    images, labels = minigrad.randn(4, 3, 75, 75).to(where), minigrad.tensor([0, 1, 2, 0]).to(where)
    copied = []
    backend = devices._backends[where]
    watched = replace(backend, to_host=lambda array: copied.append(array.shape) or backend.to_host(array))
    monkeypatch.setitem(devices._backends, where, watched)
    losses = []
    for _ in range(2):
        outputs = step.forward_pass(model, images)
        loss = step.loss_computation(outputs, labels, 0.1)
        step.backward_pass(optimizer, loss)
        step.optimization_pass(optimizer)
        losses.append(loss)
    assert copied == []
    assert all(np.isfinite(loss.item()) for loss in losses)
    assert len(copied) == 2  # what was just asked for


def test_dropout_on_a_device_draws_there_and_again_the_same_from_a_seed_or_a_state() -> None:
    where = register_stand_in_device()
    x = minigrad.ones(50, 41).to(where)
    minigrad.manual_seed(3)
    first, state = nn.functional.dropout(x, 0.25).cpu(), minigrad.get_rng_state()
    second = nn.functional.dropout(x, 0.25).cpu()
    assert set(np.unique(first.numpy())) == {0.0, np.float32(1 / 0.75)}
    assert (first == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert not np.array_equal(first.numpy(), second.numpy())
    minigrad.set_rng_state(state)
    assert np.array_equal(nn.functional.dropout(x, 0.25).cpu().numpy(), second.numpy())
    minigrad.manual_seed(3)
    assert np.array_equal(nn.functional.dropout(x, 0.25).cpu().numpy(), first.numpy())
    minigrad.manual_seed(4)
    assert not np.array_equal(nn.functional.dropout(x, 0.25).cpu().numpy(), first.numpy())
    numbers = []
    for device in ("cpu", where):  # what is not drawn while computing is the same everywhere
        minigrad.manual_seed(3)
        numbers.append(minigrad.randn(2, 3, device=device).cpu().tolist())
    assert numbers[0] == numbers[1]


def test_a_model_moves_with_dtypes_and_gradients() -> None:
    where = register_stand_in_device()
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    model(minigrad.ones(4, 2)).sum().backward()
    model.to(where).to(minigrad.float64)
    assert {str(t.device) for t in (*model.parameters(), *model.buffers())} == {f"{where}:0"}
    assert {str(p.grad.device) for p in model.parameters()} == {f"{where}:0"}
    assert {t.dtype for t in model.parameters()} == {minigrad.float64}
    assert model[1].num_batches_tracked.dtype == minigrad.int64
    assert model.to("cpu", dtype=minigrad.float32)[0].weight.device == minigrad.device("cpu")
    with pytest.raises(TypeError, match="only accepts floating point dtypes"):
        model.to(minigrad.int64)


@pytest.mark.parametrize("clip", [None, 1.0])
def test_training_asks_the_device_only_after_the_whole_step_has_been_issued(clip: Any, monkeypatch: Any) -> None:
    where = register_stand_in_device()
    recipe = Recipe(data="synthetic", batch_size=2, limit=4, classes=3, epochs=1, width=0.25, device=where, clip=clip)
    run = Training.from_recipe(recipe, 3, 2)
    data = load_data(recipe)
    seen: list[str] = []
    backend, move = devices._backends[where], type(run.optimizer)._move
    watched = replace(backend, to_host=lambda array: seen.append("asked") or backend.to_host(array))
    monkeypatch.setitem(devices._backends, where, watched)
    monkeypatch.setattr(type(run.optimizer), "_move", lambda *given: seen.append("moved") or move(*given))
    train_epoch(run, DataLoader(data.train, 2, drop_last=True), PhaseClock())
    step = ["moved", "asked", "asked", "asked", *(["asked"] if clip else [])]  # loss, predictions, cross entropy, norm
    assert seen == step * 2


@pytest.mark.slow
def test_mixed_precision_trains_as_float32_does_and_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    options: dict[str, Any] = {"data": "synthetic", "batch_size": 16, "limit": 64, "classes": 2, "epochs": 2}
    options |= {"optimizer": "sgd", "lr": 0.001, "schedule": "constant", "dropout": 0.0}
    losses: dict[bool, list[float]] = {True: [], False: []}
    for amp, found in losses.items():
        recipe = Recipe(amp=amp, **options)
        loader = DataLoader(load_data(recipe).train, 16, shuffle=True, seed=0, drop_last=True)
        run = Training.from_recipe(recipe, 2, 4)
        run.scaler = GradScaler(init_scale=2.0, growth_interval=3, enabled=amp)
        train_epoch(run, loader, PhaseClock(), lambda _, result, found=found: found.append(result.loss))
        if amp:
            assert run.model.Mixed_5b.branch1x1.conv.weight.dtype == minigrad.float32
            run.save(tmp_path / "c.safetensors")
            again = Training.from_recipe(recipe, 2, 4)
            again.restore(tmp_path / "c.safetensors", load_checkpoint(tmp_path / "c.safetensors"))
            assert again.scaler.state_dict() == run.scaler.state_dict()
            assert again.scaler.get_scale() == 4.0  # it doubled after three steps
    assert losses[True] == pytest.approx(losses[False], rel=0.25)  # batch norms of few values are sensitive
    assert losses[True] != losses[False]
    with pytest.raises(ValueError, match="--amp mixes float16 with float32"):
        Recipe(amp=True, dtype="float64")


SPIN = """extern "C" __global__ void spin(long long cycles) {
    long long start = clock64();
    while (clock64() - start < cycles) {}
}"""


@pytest.mark.device
def test_a_step_is_issued_while_the_gpu_is_still_busy_with_something_else(request: Any) -> None:
    """Were there one synchronisation in it, it would last as long as the something else."""
    chosen = request.config.getoption("--device")
    if chosen is None or not chosen.startswith(("gpu", "cuda")):
        pytest.skip("this needs a GPU: pytest --device gpu")
    import cupy

    minigrad.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(16, 80, 3, padding=1), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(80 * 49, 10),
    ).to(chosen)  # fmt: skip
    optimizer = optim.Adam(model.parameters())
    images, labels = minigrad.randn(8, 3, 32, 32).to(chosen), minigrad.arange(8).to(chosen)

    def step() -> Any:
        loss = nn.functional.cross_entropy(model(images), labels, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step()
    minigrad.cuda.synchronize()
    cupy.RawKernel(SPIN, "spin")((1,), (1,), (np.int64(5_000_000_000),))  # some seconds
    end = cupy.cuda.get_current_stream().record()
    loss = step()
    assert not end.done, "the step waited for the GPU"
    assert np.isfinite(loss.item())
    assert end.done


# --- The benchmark, rehearsed ---


@pytest.mark.slow
def test_the_benchmark_of_gpus_runs_unattended_and_names_what_it_had_no_time_for(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "gpu", "--device", "cpu", "--size", "75", "--batch", "2"]
    for minutes, complete in (("60", True), ("0", False)):
        output = tmp_path / f"{minutes}.json"
        done = subprocess.run([*command, "--minutes", minutes, "--output", str(output)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found = json.loads(output.read_text())
        parts = [*found["steps"]["75 × 75, batch 2, float32"].values(), found["profile"], found["loading"]]
        failed = [part["failed"] for part in parts if isinstance(part, dict) and "failed" in part]
        assert failed == [] if complete else set(failed) == {"there was no time left (--minutes)"}
        if complete:
            case = found["steps"]["75 × 75, batch 2, float32"]
            assert case["minigrad"]["first_loss"] == pytest.approx(case["torch"]["first_loss"], rel=1e-2)
            assert len(found["convolutions"]) > 10


def test_a_profile_tells_waits_inside_the_steps_from_others() -> None:
    def event(name: str, category: str, start: float, length: float) -> dict[str, Any]:
        return {"ph": "X", "name": name, "cat": category, "ts": start, "dur": length}

    events = [
        event("the steps", "user_annotation", 100, 1000), event("cudaLaunchKernel", "cuda_runtime", 110, 5),
        event("cuLaunchKernel", "cuda_driver", 120, 5), event("cudaMemcpyAsync", "cuda_runtime", 130, 5),
        event("cudaStreamSynchronize", "cuda_runtime", 90, 5), event("cudaDeviceSynchronize", "cuda_runtime", 1200, 50),
        event("patches", "kernel", 200, 300), event("gemm", "kernel", 400, 200), event("gemm", "kernel", 900, 100),
    ]  # fmt: skip
    found = summary(events, 2)
    assert found["waits"] == {}
    assert found["launches_a_step"] == 1
    assert found["device_computes"] == pytest.approx(500 / 800)
    assert found["longest_ms_a_step"] == {"patches": 0.15, "gemm": 0.15}
    events.append(event("cudaStreamSynchronize", "cuda_runtime", 150, 5))
    assert summary(events, 2)["waits"] == {"cudaStreamSynchronize": 1}
