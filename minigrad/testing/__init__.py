"""Tests for your own operations: numerical gradient checks, comparison with torch, a stand-in for a GPU."""

import importlib
from typing import TYPE_CHECKING

from minigrad.extras import require
from minigrad.testing.close import assert_close
from minigrad.testing.gradcheck import GradcheckError, gradcheck, gradgradcheck
from minigrad.testing.samples import Sample
from minigrad.testing.stand_in_device import StandInArray, register_stand_in_device

if TYPE_CHECKING:  # loaded when first used, see below
    from minigrad.testing import strategies as strategies
    from minigrad.testing.parity import ParityReport as ParityReport
    from minigrad.testing.parity import assert_parity as assert_parity
    from minigrad.testing.records import OpRecord as OpRecord

__all__ = [
    "GradcheckError",
    "OpRecord",
    "ParityReport",
    "Sample",
    "StandInArray",
    "assert_close",
    "assert_parity",
    "gradcheck",
    "gradgradcheck",
    "register_stand_in_device",
    "strategies",
]

#: Names that need torch or hypothesis, unlike the rest: their file, and the packages it needs. Loaded when first used.
_LATER = {
    "assert_parity": ("parity", "torch"),
    "ParityReport": ("parity", "torch"),
    "OpRecord": ("records", "torch", "hypothesis"),
    "strategies": ("", "hypothesis"),
}


def __getattr__(name: str) -> object:
    if name in _LATER:
        where, *packages = _LATER[name]
        require(f"minigrad.testing.{name}", *packages)
        module = importlib.import_module(f"minigrad.testing.{where or name}")
        found: object = getattr(module, name) if where else module
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
