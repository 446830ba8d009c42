"""The largest and smallest numbers of a dtype, and other facts about them, as Python numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigrad import dtypes

__all__ = ["finfo", "iinfo"]


class finfo:  # noqa: N801  # torch's name
    """Facts about a floating dtype, the default one unless given.

    Raises:
        TypeError: if the dtype is not floating.

    >>> finfo(dtypes.float16).max, finfo(dtypes.float64).eps
    (65504.0, 2.220446049250313e-16)
    """

    def __init__(self, type: DTypeLike | None = None) -> None:
        chosen = dtypes.get_default_dtype() if type is None else dtypes.as_dtype(type)
        if chosen.kind != "f":
            raise TypeError(f"finfo() requires a floating point input type, got {chosen}. Use iinfo() instead.")
        facts = np.finfo(chosen)
        self.bits: int = facts.bits
        self.dtype: str = chosen.name
        self.eps = float(facts.eps)  #: the distance from 1 to the next number
        self.max = float(facts.max)
        self.min = float(facts.min)
        self.tiny = self.smallest_normal = float(facts.tiny)
        self.resolution = float(facts.resolution)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:  # noqa: N801  # torch's name
    """Facts about an integer dtype.

    Raises:
        TypeError: if the dtype is no integer dtype.

    >>> iinfo(dtypes.int8).min, iinfo(dtypes.uint8).max
    (-128, 255)
    """

    def __init__(self, type: DTypeLike) -> None:
        chosen = dtypes.as_dtype(type)
        if chosen.kind not in "iu":
            raise TypeError(f"iinfo() requires an integer input type, got {chosen}. Use finfo() instead.")
        facts = np.iinfo(chosen)
        self.bits: int = facts.bits
        self.dtype: str = chosen.name
        self.max: int = facts.max
        self.min: int = facts.min

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
