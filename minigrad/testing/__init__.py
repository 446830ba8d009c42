"""Proofs for your own operations: numerical gradient checks, comparison with torch, a stand-in for a GPU."""

from typing import Any

from minigrad.testing.close import assert_close
from minigrad.testing.gradcheck import GradcheckError, gradcheck, gradgradcheck
from minigrad.testing.stand_in_device import StandInArray, register_stand_in_device


def __getattr__(name: str) -> Any:
    if name in ("assert_parity", "ParityReport"):  # they need torch, which the rest does not
        from minigrad.testing import parity

        return getattr(parity, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
