"""EmbeddingBag and RMSNorm against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import nn
from minigrad.testing.close import as_numpy
from parity_tests.compare import assert_close
from parity_tests.tolerances import FLOAT64


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("options", [{}, {"padding_idx": 1}, {"include_last_offset": True}], ids=str)
def test_embedding_bag_equals_torchs(mode: str, options: dict[str, Any]) -> None:
    theirs = torch.nn.EmbeddingBag(6, 3, mode=mode, dtype=torch.float64, **options)
    ours = nn.EmbeddingBag(6, 3, mode=mode, dtype=minigrad.float64, **options)
    ours.load_state_dict({key: as_numpy(value) for key, value in theirs.state_dict().items()})
    assert repr(ours) == repr(theirs)
    rows, flat, offsets = np.array([[1, 2, 1], [1, 1, 1]]), np.array([1, 5, 2, 1]), np.array([0, 1, 1, 4])
    for arrays in ((rows,), (flat, offsets)):
        our_y, their_y = ours(*map(minigrad.tensor, arrays)), theirs(*map(torch.tensor, arrays))
        assert_close(our_y, their_y, FLOAT64, "output")
        ours.zero_grad()
        theirs.zero_grad()
        (our_y * our_y).sum().backward()
        (their_y * their_y).sum().backward()
        assert_close(ours.weight.grad, theirs.weight.grad, FLOAT64, "gradient")


def test_weights_of_the_samples_have_gradients_as_torchs() -> None:
    found = []
    for m, bag in ((minigrad, nn.EmbeddingBag), (torch, torch.nn.EmbeddingBag)):
        table = m.arange(12.0).reshape(6, 2)
        weights = m.tensor([0.5, 2.0, -1.0], requires_grad=True)
        layer = bag.from_pretrained(table, mode="sum")
        y = layer(m.tensor([1, 2, 5]), m.tensor([0, 1]), weights)
        (y * y).sum().backward()
        found.append((y, weights.grad))
    for a, b in zip(*found, strict=True):
        assert_close(a, b, FLOAT64, "weighted bag")


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.nn.functional.embedding_bag(m.tensor([[1]]), m.zeros(3, 2), m.tensor([0])),
        lambda m: m.nn.functional.embedding_bag(m.tensor([1]), m.zeros(3, 2)),
        lambda m: m.nn.functional.embedding_bag(m.tensor([1]), m.zeros(3, 2), m.tensor([1])),
        lambda m: m.nn.functional.embedding_bag(m.tensor([1]), m.zeros(3, 2), m.tensor([0, 3])),
        lambda m: m.nn.functional.embedding_bag(m.tensor([1]), m.zeros(3, 2), m.tensor([0]), mode="min"),
    ],
)
def test_wrong_bags_are_refused_as_by_torch(call: Any) -> None:
    raised = []
    for m in (minigrad, torch):
        with pytest.raises((ValueError, RuntimeError)) as caught:
            call(m)
        raised.append(type(caught.value))
    assert raised[0] is raised[1]


@pytest.mark.parametrize("options", [{}, {"eps": 0.1}, {"elementwise_affine": False}], ids=str)
def test_rms_norm_equals_torchs(options: dict[str, Any]) -> None:
    theirs, ours = torch.nn.RMSNorm((3, 4), **options).double(), nn.RMSNorm((3, 4), **options).double()
    assert repr(ours) == repr(theirs)
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    found = []
    for m, layer in ((minigrad, ours), (torch, theirs)):
        input = m.tensor(x, requires_grad=True)
        y = layer(input)
        (first,) = m.autograd.grad((y * y * y).sum(), input, create_graph=True)
        found.append((y, first, *m.autograd.grad((first * first).sum(), input)))
    for a, b in zip(*found, strict=True):
        assert_close(a, b, FLOAT64, "RMSNorm")
