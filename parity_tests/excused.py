"""Where minigrad need not do what torch does with special values or integers, and why."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Excuse(NamedTuple):
    """What the comparison of one operation leaves out."""

    reason: str
    ends: bool = False  #: the largest, smallest and finest numbers of the dtype
    gradient: bool = False  #: the gradient
    values: tuple[float, ...] = ()  #: these values; NaN where its gradient is meant
    dtypes: tuple[Any, ...] = (np.float64, np.float32, np.float16)


_ADDS_IN_ONE_STEP = "torch's vector loop makes α · y + x in one step, which does not overflow in between"
_PLACE = "torch's gradient at NaN depends on the place in the tensor: its vector loop chooses, its other loop compares"
_STEP_BY_STEP = "torch's mean beside a variance moves step by step, in which ∞ − ∞ occurs; its mean alone does not"
_TWO_LOOPS = "torch's vector loop gives NaN where its loop for the last elements gives a remainder"

#: By record.
EXCUSES: dict[str, Excuse] = {
    "add.alpha": Excuse(_ADDS_IN_ONE_STEP, ends=True),
    "div.trunc": Excuse("torch ends the process at the smallest integer / −1", True, dtypes=(np.int32, np.int64)),
    "relu6": Excuse(_PLACE, values=(np.nan,)),
    "elu": Excuse(_PLACE, values=(np.nan,)),
    "hardswish": Excuse(_PLACE, values=(np.nan,)),
    "var_mean": Excuse(_STEP_BY_STEP, values=(np.inf, -np.inf)),
    "remainder": Excuse(_TWO_LOOPS, ends=True),
    "fmod": Excuse(_TWO_LOOPS, ends=True),
}

_NONE = Excuse("")


def excuse_of(name: str, dtype: Any) -> Excuse:
    """The excuse of a record in a dtype; one that leaves out nothing if there is none."""
    excuse = EXCUSES.get(name, _NONE)
    return excuse if dtype in excuse.dtypes else _NONE


#: Where minigrad treats integers otherwise than torch: parts of what is reported then.
OTHERWISE = {
    # A sum over a dimension of 1 becomes int64 in torch, which it then cannot multiply.
    "einsum.ijk,ij->k": ("expected scalar type Long but found",),
    # The margin is cut off to an integer in torch.
    "hinge_embedding_loss": ("could not infer output dtype", "dtype float32, torch has"),
    # Bools only, into other tensors; torch converts every other dtype, as minigrad converts all.
    **{
        f"setitem.{index}": ("Index put requires the source",)
        for index in ("list", "tensor", "tensors", "split", "mask", "row mask")
    },
}
