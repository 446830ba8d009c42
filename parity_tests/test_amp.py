"""GradScaler, step by step as torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import minigrad

pytestmark = pytest.mark.device


def run(library: Any, scaler: Any, overflow_at: set[int]) -> list[tuple[float, list[float]]]:
    """Return the scale and the weights after each of some steps, some of which overflow."""
    weight = library.tensor([1.0, -2.0], requires_grad=True)
    optimizer = library.optim.SGD([weight], lr=0.1)
    seen = []
    for step in range(12):
        optimizer.zero_grad()
        factor = float("inf") if step in overflow_at else 1.0
        scaler.scale((weight * weight * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        seen.append((scaler.get_scale(), weight.detach().tolist()))
    return seen


@pytest.mark.parametrize("overflow_at", [set(), {0}, {3, 4}, {11}])
@pytest.mark.parametrize("interval", [1, 3])
def test_scale_and_weights_follow_torchs(overflow_at: set[int], interval: int) -> None:
    options = {"init_scale": 8.0, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": interval}
    ours = run(minigrad, minigrad.amp.GradScaler(**options), overflow_at)
    theirs = run(torch, torch.amp.GradScaler(torch.get_default_device().type, **options), overflow_at)
    for (scale, weights), (their_scale, their_weights) in zip(ours, theirs, strict=True):
        assert scale == their_scale
        assert np.allclose(weights, their_weights, rtol=1e-6)


def test_state_goes_to_torch_and_back() -> None:
    ours, theirs = minigrad.amp.GradScaler(init_scale=8.0), torch.amp.GradScaler("cpu", init_scale=2.0)
    theirs.load_state_dict(ours.state_dict())
    assert theirs.get_scale() == 8.0
    again = minigrad.amp.GradScaler()
    again.load_state_dict(theirs.state_dict())
    assert again.state_dict() == ours.state_dict()


@pytest.mark.parametrize("library", [minigrad, torch], ids=["minigrad", "torch"])
def test_misuse_is_refused(library: Any) -> None:
    make = library.amp.GradScaler
    scaler = make("cpu")
    with pytest.raises((RuntimeError, AssertionError)):
        scaler.update()
    weight = library.tensor([1.0], requires_grad=True)
    optimizer = library.optim.SGD([weight], lr=0.1)
    scaler.scale(weight.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    with pytest.raises((ValueError, AssertionError)):
        make("cpu", growth_factor=0.5)
    disabled = make("cpu", enabled=False)
    assert disabled.scale(weight) is weight
    assert disabled.state_dict() == {}
