"""Proofs for your own operations: numerical gradient checks, comparison with torch, a stand-in for a GPU."""

import importlib
from typing import TYPE_CHECKING, Any

from minigrad.extras import require
from minigrad.testing.close import assert_close
from minigrad.testing.gradcheck import GradcheckError, gradcheck, gradgradcheck
from minigrad.testing.stand_in_device import StandInArray, register_stand_in_device

if TYPE_CHECKING:  # loaded when first used, see below
    from minigrad.testing import strategies as strategies
    from minigrad.testing.parity import ParityReport as ParityReport
    from minigrad.testing.parity import assert_parity as assert_parity
    from minigrad.testing.records import OpRecord as OpRecord
    from minigrad.testing.strategies import Sample as Sample

__all__ = [
    "GradcheckError",
    "StandInArray",
    "assert_close",
    "gradcheck",
    "gradgradcheck",
    "register_stand_in_device",
]

#: What needs torch or hypothesis, which the rest does not: in which file it is, and what that needs. Loaded when used.
_LATER = {
    "assert_parity": ("parity", "torch"),
    "ParityReport": ("parity", "torch"),
    "OpRecord": ("records", "torch", "hypothesis"),
    "Sample": ("strategies", "hypothesis"),
    "strategies": ("", "hypothesis"),
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        where, *packages = _LATER[name]
        require(f"minigrad.testing.{name}", *packages)
        module = importlib.import_module(f"minigrad.testing.{where or name}")
        return getattr(module, name) if where else module
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
