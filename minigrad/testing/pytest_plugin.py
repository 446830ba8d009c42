"""A pytest plugin: the fixture ``parity``, and a summary of its comparisons at the end of the run.

    def test_my_op(parity):
        parity(my_op, torchs_op, np.random.randn(3, 4))

It is installed with minigrad; torch is needed only when the fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec

import pytest

if TYPE_CHECKING:
    from minigrad.testing.parity import ParityReport

_Given = ParamSpec("_Given")

_REPORTS: list[ParityReport] = []


@pytest.fixture
def parity() -> Callable[..., ParityReport]:
    """Return ``minigrad.testing.assert_parity``; its reports are summarised at the end of the run."""
    from minigrad.testing import assert_parity

    return _summarised(assert_parity)


def _summarised(assertion: Callable[_Given, ParityReport]) -> Callable[_Given, ParityReport]:
    def compare(*args: _Given.args, **options: _Given.kwargs) -> ParityReport:
        report = assertion(*args, **options)
        _REPORTS.append(report)
        return report

    return compare


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the number of comparisons, and the largest difference of each kind."""
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
