"""Tensors that are made of numbers."""

from __future__ import annotations

from typing import Any

import minigrad
from minigrad import Tensor


def logspace(start: float, end: float, steps: int, base: float = 10.0, **options: Any) -> Tensor:
    """Return ``steps`` powers of ``base`` whose exponents are equally far apart."""
    return base ** minigrad.linspace(start, end, steps, **options)


def scalar_tensor(s: Any, **options: Any) -> Tensor:
    """Return a number as a tensor."""
    return minigrad.tensor(s, **{"dtype": minigrad.get_default_dtype()} | options)
