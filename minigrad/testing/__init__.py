"""Proofs for your own operations: numerical gradient checks, comparison with torch, a stand-in for a GPU."""

import importlib
from typing import Any

from minigrad.testing.close import assert_close
from minigrad.testing.gradcheck import GradcheckError, gradcheck, gradgradcheck
from minigrad.testing.stand_in_device import StandInArray, register_stand_in_device

#: What needs torch or hypothesis, which the rest does not: loaded when it is first used.
_LATER = {
    "assert_parity": "parity",
    "ParityReport": "parity",
    "OpRecord": "records",
    "Sample": "strategies",
    "strategies": "",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        module = importlib.import_module(f"minigrad.testing.{_LATER[name] or name}")
        return getattr(module, name) if _LATER[name] else module
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
