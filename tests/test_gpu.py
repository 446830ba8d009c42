"""Devices and mixed precision, as far as they can be tested without a GPU."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import minigrad
from inception import training
from inception.model import inception_v3
from minigrad import nn, optim
from minigrad.amp import GradScaler, autocast
from minigrad.testing import register_stand_in_device
from minigrad.testing.stand_in_device import ALLOWED_FUNCTIONS

devices = importlib.import_module("minigrad.device")  # minigrad.device is the class of that name

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
    missing = [name for name in ALLOWED_FUNCTIONS if not hasattr(cupy, name)]
    assert not missing
    assert hasattr(cupy._core, "set_compute_type")


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
        model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2)).double().to(where)
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
        outputs = training.forward_pass(model, images)
        loss = training.loss_computation(outputs, labels, 0.1)
        training.backward_pass(optimizer, loss)
        training.optimization_pass(optimizer)
        losses.append(loss)
    assert copied == []
    assert all(np.isfinite(loss.item()) for loss in losses)
    assert len(copied) == 2  # what was just asked for
