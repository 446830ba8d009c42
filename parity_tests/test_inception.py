"""Inception V3 against torchvision's, from the same state dict, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from inception import inception_v3
from inception.model import InceptionOutputs
from inception.step import loss_computation
from minigrad import optim
from minigrad.testing.close import as_numpy
from parity_tests import torchvision_models
from parity_tests.compare import Worst, assert_close
from parity_tests.tolerances import MODEL, TRAJECTORY

pytestmark = pytest.mark.device

CLASSES = 10


def _pair(aux: bool, **options: Any) -> tuple[Any, Any]:
    """torchvision's model and ours, with the same weights and no dropout."""
    torch.manual_seed(0)
    theirs = torchvision_models.inception_v3(
        weights=None, init_weights=False, aux_logits=aux, num_classes=CLASSES, dropout=0.0, **options
    ).double()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if name.endswith("bn.weight"):  # all ones would hide a missing factor
                parameter.uniform_(0.5, 1.5)
            elif name.endswith("bn.bias"):
                parameter.normal_(0, 0.1)
    ours = inception_v3(init_weights=False, aux_logits=aux, num_classes=CLASSES, dropout=0.0, **options).double()
    ours.load_state_dict({name: as_numpy(value) for name, value in theirs.state_dict().items()})
    return ours, theirs


def _batch(size: int, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.standard_normal((n, 3, size, size)), random.integers(0, CLASSES, n)


def _their_loss(outputs: Any, labels: torch.Tensor) -> torch.Tensor:
    if isinstance(outputs, tuple):
        loss = torch.nn.functional.cross_entropy(outputs[0], labels, label_smoothing=0.1)
        return loss + 0.4 * torch.nn.functional.cross_entropy(outputs[1], labels, label_smoothing=0.1)
    return torch.nn.functional.cross_entropy(outputs, labels, label_smoothing=0.1)


@pytest.fixture(autouse=True)
def _all_cores() -> Any:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def compare_models(size: int, n: int, aux: bool) -> Worst:
    """Compare logits, loss, gradients and running statistics; return the largest relative difference of each kind."""
    ours, theirs = _pair(aux)
    images, labels = _batch(size, n)
    our_outputs = ours(minigrad.as_tensor(images))
    their_outputs = theirs(torch.as_tensor(images))
    worst: Worst = {}
    if aux:
        assert isinstance(our_outputs, InceptionOutputs)
        worst["logits"] = assert_close(our_outputs.logits, their_outputs.logits, MODEL, "logits")
        worst["aux logits"] = assert_close(our_outputs.aux_logits, their_outputs.aux_logits, MODEL, "aux logits")
    else:
        worst["logits"] = assert_close(our_outputs, their_outputs, MODEL, "logits")
    our_loss = loss_computation(our_outputs, minigrad.as_tensor(labels), label_smoothing=0.1)
    their_loss = _their_loss(their_outputs, torch.as_tensor(labels))
    worst["loss"] = assert_close(our_loss, their_loss, MODEL, "loss")
    our_loss.backward()
    their_loss.backward()
    their_parameters, their_buffers = dict(theirs.named_parameters()), dict(theirs.named_buffers())
    assert [name for name, _ in ours.named_parameters()] == list(their_parameters)
    worst["every gradient"] = max(
        assert_close(parameter.grad, their_parameters[name].grad, MODEL, f"gradient of {name}")
        for name, parameter in ours.named_parameters()
    )
    worst["running statistics"] = max(
        assert_close(buffer, their_buffers[name], MODEL, name) for name, buffer in ours.named_buffers()
    )
    ours.eval()
    theirs.eval()
    with minigrad.no_grad(), torch.no_grad():
        our_logits, their_logits = ours(minigrad.as_tensor(images)), theirs(torch.as_tensor(images))
    worst["logits in evaluation"] = assert_close(our_logits, their_logits, MODEL, "logits in evaluation")
    return worst


#: Image size, batch, aux head.
CASES = {"75 x 75, aux off": (75, 6, False), "299 x 299, aux on": (299, 2, True)}


@pytest.mark.parametrize(
    ("size", "n", "aux"),
    [pytest.param(*case, id=name, marks=[pytest.mark.slow] if case[0] == 299 else []) for name, case in CASES.items()],
)
def test_logits_loss_every_gradient_and_running_statistics_equal_torchvisions(size: int, n: int, aux: bool) -> None:
    compare_models(size, n, aux)


# The rates are small because at first the network is chaotic: rounding errors of 1e-16 grow tenfold a step and
# more, until an activation falls on the other side of a ReLU's kink. At larger rates torch in another memory
# format differs from torch by as much as we do. The weights still move, which the test checks.
OPTIMIZERS = {
    "SGD with momentum": lambda m, parameters: m.SGD(parameters, lr=3e-6, momentum=0.9),
    "Adam": lambda m, parameters: m.Adam(parameters, lr=3e-5),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_parameter_equals_torchvisions_after_ten_steps(name: str) -> None:
    make, steps = OPTIMIZERS[name], 10
    ours, theirs = _pair(aux=False)
    our_optimizer, their_optimizer = make(optim, ours.parameters()), make(torch.optim, theirs.parameters())
    before = {name: as_numpy(parameter).copy() for name, parameter in ours.state_dict().items()}
    for step in range(steps):
        images, labels = _batch(75, 8, seed=step)
        our_optimizer.zero_grad()
        their_optimizer.zero_grad()
        loss_computation(ours(minigrad.as_tensor(images)), minigrad.as_tensor(labels), label_smoothing=0.1).backward()
        _their_loss(theirs(torch.as_tensor(images)), torch.as_tensor(labels)).backward()
        our_optimizer.step()
        their_optimizer.step()
    their_state, moved = theirs.state_dict(), []
    for name, value in ours.state_dict().items():
        assert_close(value, their_state[name], TRAJECTORY, f"{name} after {steps} steps")
        moved.append(np.abs(as_numpy(value) - before[name]).max() / np.abs(as_numpy(value)).max())
    assert np.median(moved) > 10 * TRAJECTORY.rtol, f"the weights moved by {np.median(moved):.1e} only"


def test_a_state_dict_goes_both_ways() -> None:
    ours, theirs = (
        inception_v3(num_classes=CLASSES),
        torchvision_models.inception_v3(weights=None, init_weights=False, num_classes=CLASSES),
    )
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({name: torch.as_tensor(as_numpy(value)) for name, value in ours.state_dict().items()})
    again = inception_v3(num_classes=CLASSES, init_weights=False)
    again.load_state_dict({name: as_numpy(value) for name, value in theirs.state_dict().items()})
    for name, value in again.state_dict().items():
        assert np.array_equal(as_numpy(value), as_numpy(ours.state_dict()[name])), name


def test_transform_input_equals_torchvisions() -> None:
    ours, theirs = _pair(False, transform_input=True)
    ours.eval()
    theirs.eval()
    images, _ = _batch(75, 1)
    with minigrad.no_grad(), torch.no_grad():
        assert_close(ours(minigrad.as_tensor(images)), theirs(torch.as_tensor(images)), MODEL, "logits")


def test_parameter_counts_are_the_published_ones() -> None:
    counts = {
        aux: sum(p.numel() for p in inception_v3(aux_logits=aux, init_weights=False).parameters())
        for aux in (True, False)
    }
    assert counts == {True: 27_161_264, False: 23_834_568}
