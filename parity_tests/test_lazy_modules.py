"""Lazy modules against torch's: what they are before and after the first input, loading, optimizers, errors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import nn
from minigrad.testing.close import as_numpy
from parity_tests.compare import assert_close
from parity_tests.tolerances import FLOAT64

pytestmark = pytest.mark.filterwarnings("ignore:Lazy modules are a new feature:UserWarning")

LAYERS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "Linear": (lambda m: m.LazyLinear(3), (4, 2, 5)),
    "Linear without bias": (lambda m: m.LazyLinear(3, bias=False), (4, 5)),
    "Conv1d": (lambda m: m.LazyConv1d(6, 3, stride=2, groups=2), (2, 4, 9)),
    "Conv2d": (lambda m: m.LazyConv2d(4, (2, 3), padding=1, padding_mode="reflect"), (2, 3, 6, 6)),
    "ConvTranspose2d": (lambda m: m.LazyConvTranspose2d(4, 3, 2, 1, 1, bias=False), (2, 3, 4, 4)),
    "BatchNorm1d": (lambda m: m.LazyBatchNorm1d(eps=0.1), (5, 3)),
    "BatchNorm2d": (lambda m: m.LazyBatchNorm2d(affine=False), (4, 3, 2, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_lazy_layer_becomes_torchs_layer_with_the_first_input(name: str) -> None:
    make, shape = LAYERS[name]
    ours, theirs = make(nn).double(), make(torch.nn).double()
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours = copy.deepcopy(ours)
    x = np.random.default_rng(0).standard_normal(shape)
    ours(minigrad.tensor(x))
    theirs(torch.tensor(x))
    assert type(ours).__name__ == type(theirs).__name__
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({key: as_numpy(value) for key, value in theirs.state_dict().items()})
    assert_close(ours(minigrad.tensor(x)), theirs(torch.tensor(x)), FLOAT64, "output")
    assert all(p.dtype == np.float64 and type(p) is nn.Parameter for p in ours.parameters())


@pytest.mark.parametrize("name", LAYERS)
def test_lazy_layer_takes_its_shapes_from_a_state_dict(name: str) -> None:
    make, shape = LAYERS[name]
    made, loaded = make(nn), make(nn)
    made(minigrad.ones(*shape))
    loaded.load_state_dict(made.state_dict())
    x = minigrad.randn(*shape)
    assert_close(loaded(x), made(x), FLOAT64, "output")
    assert repr(loaded) == repr(made)


def test_an_optimizer_made_before_the_first_input_moves_the_parameters() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(1))
    optimizer = minigrad.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.zero_grad()
    model(minigrad.randn(8, 3)).square().mean().backward()
    before = as_numpy(model[0].weight).copy()
    optimizer.step()
    assert not np.allclose(before, as_numpy(model[0].weight))
    assert model[0].weight.shape == (4, 3)


def test_a_state_dict_before_the_first_input_is_loaded_by_another_lazy_layer() -> None:
    first, second = nn.LazyLinear(3), nn.LazyLinear(3)
    assert isinstance(first.state_dict()["weight"], nn.UninitializedParameter)
    second.load_state_dict(first.state_dict())
    assert second.has_uninitialized_params()


def test_a_parameter_without_a_shape_says_so() -> None:
    for m in (nn, torch.nn):
        weight = m.LazyLinear(3).weight
        with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
            weight.shape  # noqa: B018
        with pytest.raises(ValueError, match="uninitialized parameter"):
            weight.numel()
        with pytest.raises(RuntimeError, match="unbatched"):
            m.LazyConv2d(3, 2)(minigrad.ones(2, 2) if m is nn else torch.ones(2, 2))


def test_a_lazy_module_of_ones_own() -> None:
    class Scale(nn.lazy.LazyModuleMixin, nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = nn.UninitializedParameter()

        def initialize_parameters(self, x: minigrad.Tensor) -> None:
            self.factor.materialize((x.shape[-1],))
            nn.init.ones_(self.factor)

        def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
            return x * self.factor

    assert Scale()(minigrad.ones(2, 3)).tolist() == [[1.0] * 3] * 2
