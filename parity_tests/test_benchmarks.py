"""The benchmark's networks are torchvision's, on both engines, and all parts of the benchmark run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from benchmarks import cases, models
from benchmarks.machine import ROOT
from benchmarks.parts import PARTS
from parity_tests import torchvision_models  # prepares torchvision for a CPU build of torch

assert torchvision_models


def torchvisions(name: str) -> Any:
    import torchvision

    return getattr(torchvision.models, name)(weights=None)


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "vgg11"])
def test_networks_have_the_weights_of_torchvisions(name: str) -> None:
    with torch.device("meta"):
        theirs = torchvisions(name).state_dict()
        same = models.MODELS[name](torch).state_dict()
    assert {key: tuple(value.shape) for key, value in same.items()} == {k: tuple(v.shape) for k, v in theirs.items()}


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2"])
def test_networks_compute_what_torchvisions_compute(name: str) -> None:
    theirs = torchvisions(name).double().eval()
    values = cases.weights({key: tuple(value.shape) for key, value in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((2, 3, 64, 64))
    theirs.load_state_dict({key: torch.from_numpy(np.asarray(value)) for key, value in values.items()})
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()
    for engine in (torch, minigrad):
        model = models.MODELS[name](engine).double().eval()
        model.load_state_dict({key: engine.from_numpy(np.asarray(value)) for key, value in values.items()})
        with engine.no_grad():
            np.testing.assert_allclose(model(engine.from_numpy(x)).numpy(), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
def test_all_parts_run_on_small_sizes_and_are_kept(tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--rehearse", "--output", str(output), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(output.read_text())["parts"]
    assert list(found) == list(PARTS)
    compiled = found["compiled"]["small: MLP 784-256-128-10, batch 4"]["result"]
    assert "ratio" in compiled["torch.compile"] or "failed" in compiled
    again = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert again.stdout.count(": kept") == sum(len(names) for names in found.values())
