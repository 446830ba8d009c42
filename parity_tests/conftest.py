"""Settings for the parity tests: the same examples every time, unless asked for more; and where they run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

import minigrad
from parity_tests.excused import TORCHS_ERRORS_ON_A_GPU

collect_ignore = ["programs"]  # importing one runs it; test_programs.py does so in processes of their own
torch.set_num_threads(1)  # the tests run in as many processes as there are cores

_common = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
}
settings.register_profile("default", max_examples=20, derandomize=True, **_common)
settings.register_profile("thorough", max_examples=300, **_common)
settings.register_profile("device", max_examples=8, derandomize=True, **_common)  # a GPU takes longer for little arrays
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure(config: Any) -> None:
    if config.getoption("--device") is not None and "HYPOTHESIS_PROFILE" not in os.environ:
        settings.load_profile("device")


@pytest.fixture(autouse=True)
def _no_errors_of_torchs_own(request: Any) -> None:
    """Skip the tests in which torch is wrong on a GPU."""
    if torch.get_default_device().type == "cuda":
        for name, error in TORCHS_ERRORS_ON_A_GPU.items():
            if name in request.node.name.lower():
                pytest.skip(error)


@pytest.fixture(scope="session", autouse=True)
def _default_devices(request: Any) -> Iterator[None]:
    """With ``--device``, both libraries make their tensors there; torch on the same GPU if it was built for it."""
    chosen = request.config.getoption("--device")
    if chosen is None:
        yield
        return
    minigrad.set_default_device(chosen)
    where = minigrad.device(chosen)
    if where.type == "gpu" and torch.cuda.is_available():
        torch.set_default_device(f"cuda:{where.index or 0}")
    # torch's convolutions round their float32 inputs there by default; its database of samples forbids to set the flag
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
    minigrad.set_default_device(None)
    torch.set_default_device(None)
