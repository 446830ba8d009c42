"""The check at the end of a chapter: the same computation in torch, if torch is installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any


def against_torch(ours: Callable[..., Any], theirs: Callable[[Any], Callable[..., Any]], *inputs: Any) -> None:
    """Compare a function with torch's: value, gradient and gradient of the gradient, in float64.

    Args:
        ours: a function of minigrad's tensors.
        theirs: gets the module ``torch`` and returns the function to compare with.
        inputs: NumPy arrays.
    """
    if find_spec("torch") is None:
        print("torch is not installed, so this check was skipped")
        return
    import torch

    from minigrad.testing import assert_parity

    print("equal to torch;", assert_parity(ours, theirs(torch), *inputs))
