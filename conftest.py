"""Options of the test run."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def pytest_addoption(parser: Any) -> None:
    parser.addoption(
        "--device",
        default=None,
        help="run the device tests there ('gpu', 'gpu:1'), rather than on the stand-in that needs none",
    )


def pytest_ignore_collect(collection_path: Path, config: Any) -> bool | None:
    """What compares two libraries on one GPU is no test where there is none."""
    if collection_path.name == "test_gpu_beside_torch.py" and config.getoption("--device") is None:
        return True
    return None
