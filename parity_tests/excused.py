"""Where minigrad need not do what torch does with special values or integers, and why."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Excuse(NamedTuple):
    """What the comparison of one operation leaves out."""

    reason: str
    ends: bool = False  #: the largest, smallest and finest numbers of the dtype
    gradient: bool = False  #: the gradient
    dtypes: tuple[Any, ...] = (np.float64, np.float32, np.float16)


_ADDS_IN_ONE_STEP = "torch's vector loop makes α · y + x in one step, which does not overflow in between"
_TWO_LOOPS = "torch's vector loop gives NaN where its loop for the last elements gives a remainder"

#: By record.
EXCUSES: dict[str, Excuse] = {
    "add.alpha": Excuse(_ADDS_IN_ONE_STEP, ends=True),
    "div.trunc": Excuse("torch ends the process at the smallest integer / −1", True, dtypes=(np.int32, np.int64)),
    "remainder": Excuse(_TWO_LOOPS, ends=True),
    "fmod": Excuse(_TWO_LOOPS, ends=True),
}

_NONE = Excuse("")


def excuse_of(name: str, dtype: Any) -> Excuse:
    """The excuse of a record in a dtype; one that leaves out nothing if there is none."""
    excuse = EXCUSES.get(name, _NONE)
    return excuse if dtype in excuse.dtypes else _NONE


#: Where minigrad takes integers that torch refuses, other than for want of a kernel: a part of torch's message.
WIDER: dict[str, str] = {}
