"""Comparison with torch under the tolerances of tolerances.py."""

from __future__ import annotations

from typing import Any

from minigrad.testing.parity import scaled_difference
from parity_tests.tolerances import Tolerance

#: The largest relative difference seen for each kind of result, for report.py.
Worst = dict[str, float]


def assert_close(ours: Any, theirs: Any, tolerance: Tolerance, what: str) -> float:
    """Same shape and dtype, and every element as close as ``tolerance`` asks; says where they differ most."""
    return scaled_difference(ours, theirs, what, tolerance.rtol, tolerance.atol)
