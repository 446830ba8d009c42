"""A pytest plugin: the fixture ``parity``, and a line of what it compared at the end of the run.

    def test_my_op(parity):
        parity(my_op, torchs_op, np.random.randn(3, 4))

It is there wherever minigrad is installed; torch is needed only once the fixture is used.
"""

from __future__ import annotations

from typing import Any

import pytest

_REPORTS: list[Any] = []


@pytest.fixture
def parity() -> Any:
    """``minigrad.testing.assert_parity``, whose reports are summed up at the end of the run."""
    from minigrad.testing import assert_parity

    def compare(*args: Any, **options: Any) -> Any:
        report = assert_parity(*args, **options)
        _REPORTS.append(report)
        return report

    return compare


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says how many comparisons there were, and the largest difference of each kind."""
    if not _REPORTS:
        return
    worst = []
    for kind in ("value", "gradient", "second_gradient"):
        found = [getattr(report, kind) for report in _REPORTS if getattr(report, kind) is not None]
        if found:
            worst.append(f"{kind.replace('_', ' ')} {max(found):.1e}")
    terminalreporter.write_line(
        f"parity with torch: {len(_REPORTS)} comparisons, largest difference: {', '.join(worst)}"
    )
