"""Values for elements that take no part: zero in a sum, the least number in a maximum."""

from __future__ import annotations

import numpy as np

from minigrad.typing import Array, DType


def keep_where(x: Array, mask: Array) -> Array:
    """Return x where the mask holds, else 0. (x · mask would be NaN where x is infinite: 0 · ∞ is NaN.)"""
    kept: Array = np.where(mask, x, x.dtype.type(0))
    return kept


def lowest(dtype: DType) -> float:
    """Return the least number of a dtype: −∞ of a floating one."""
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)
