"""``python -m parity_tests.models`` finds where a step of a model differs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parity_tests.models import largest_difference

ROOT = Path(__file__).parent.parent


def test_a_gradient_that_would_be_zero_but_for_rounding_is_measured_against_the_others() -> None:
    theirs = {"output 0": np.ones(2), "gradient of weight": np.full(2, 4.0), "gradient of bias": np.full(2, 1e-17)}
    ours = {**theirs, "gradient of bias": np.full(2, -1e-17)}
    assert largest_difference(theirs, ours)[0] < 1e-14
    assert largest_difference(theirs, {**ours, "output 0": np.array([1.0, 1.5])}) == (0.5, "output 0")
    assert largest_difference(theirs, {"output 0": np.ones(2)})[0] == np.inf
    assert np.isnan(largest_difference(theirs, {**ours, "output 0": np.array([1.0, np.nan])})[0])


@pytest.mark.slow
def test_a_model_is_built_and_compared_on_both_engines(tmp_path: Path) -> None:
    (tmp_path / "my_models.py").write_text(
        "import torch.nn as nn\n"
        "def net(width):\n"
        "    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Dropout(), nn.ReLU())\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "parity_tests.models", "my_models:net(4)", "my_models:nothing", "--size", "8"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
    )
    compared, missing = done.stdout.splitlines()
    assert compared.startswith("my_models:net(4): agrees, ")
    assert float(compared.split()[2]) < 1e-12
    assert missing.startswith("my_models:nothing: torch stops: NameError")
