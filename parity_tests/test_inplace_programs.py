"""Random programs of views and writes in place give torch's values, gradients and gradients of gradients."""

from __future__ import annotations

import pytest

from parity_tests.inplace_programs import programs


def test_random_programs_of_views_and_writes_agree_with_torch() -> None:
    endings = list(programs(range(400)))
    assert endings.count("equal") > 250


@pytest.mark.slow
def test_thousands_of_random_programs_of_views_and_writes_agree_with_torch() -> None:
    for _ in programs(range(400, 10_000)):
        pass
