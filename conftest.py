"""Options of the test run."""

from __future__ import annotations

from typing import Any


def pytest_addoption(parser: Any) -> None:
    parser.addoption(
        "--device",
        default=None,
        help="run the device tests there ('gpu', 'gpu:1'), rather than on the stand-in that needs none",
    )
