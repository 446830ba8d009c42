"""Options of the test run."""

from __future__ import annotations

import time
from typing import Any

import pytest

_began = time.monotonic()


def pytest_addoption(parser: Any) -> None:
    parser.addoption(
        "--device",
        default=None,
        help="run what compares devices and libraries there ('gpu', 'gpu:1', or 'stand_in', which needs none)",
    )
    parser.addoption(
        "--minutes",
        type=float,
        default=None,
        help="skip what has not begun after so many minutes, saying so (with --device: 7)",
    )


def pytest_configure(config: Any) -> None:
    chosen = config.getoption("--device")
    if chosen is None:
        return
    import minigrad
    from minigrad.testing import register_stand_in_device

    register_stand_in_device()
    try:
        minigrad.zeros(1, device=chosen)
    except RuntimeError as error:
        raise pytest.UsageError(f"--device {chosen}: {error}") from None


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """With ``--device`` only tests marked ``device`` run: the others say nothing about one."""
    if config.getoption("--device") is None:
        return
    others = [item for item in items if item.get_closest_marker("device") is None]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item.get_closest_marker("device") is not None]


@pytest.fixture(autouse=True)
def _within_the_time(request: Any) -> None:
    """A machine may be lent for minutes only: what does not fit is named rather than lost."""
    minutes = request.config.getoption("--minutes")
    if minutes is None and request.config.getoption("--device") is not None:
        minutes = 7.0
    if minutes is not None and time.monotonic() - _began > 60 * minutes:
        pytest.skip(f"not begun after {minutes:g} minutes (--minutes)")
