"""Where an operation need not do what torch does with special values, and why: torch itself is not of one mind."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Excuse(NamedTuple):
    """What the comparison of one operation leaves out."""

    reason: str
    ends: bool = False  #: the largest, smallest and finest numbers of the dtype
    gradient: bool = False  #: the gradient
    dtypes: tuple[Any, ...] = (np.float64, np.float32, np.float16)


EXCUSES: dict[str, Excuse] = {}

_NONE = Excuse("")


def excuse_of(name: str, dtype: Any) -> Excuse:
    """The excuse of a record in a dtype; one that leaves out nothing if there is none."""
    excuse = EXCUSES.get(name, _NONE)
    return excuse if dtype in excuse.dtypes else _NONE


#: Where minigrad takes integers that torch refuses, other than for want of a kernel: a part of torch's message.
WIDER: dict[str, str] = {}
