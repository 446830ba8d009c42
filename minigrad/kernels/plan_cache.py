"""Keep the plans that were used last, up to a number of bytes.

A plan of a large map takes megabytes, so what is kept must be bounded in bytes: a program that sees images of many
sizes would otherwise fill the memory with plans that it never needs again.

There is no lock: each change is one indivisible operation of a dict. A lock would stay held for ever in a process that
was copied while another thread held it, and in a signal handler that has interrupted its holder.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar, cast

import numpy as np

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

#: Bytes of all plans that are kept; the one used last is kept in any case.
LIMIT = 64 * 2**20

_plans: OrderedDict[object, object] = OrderedDict()  # by function and arguments; those used last stand last


def remembered(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Make a function return the plan that it returned before for the same arguments (by position), if it is kept."""

    @wraps(function)
    def planned(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        key = (function, arguments)
        plan = _plans.get(key)
        if plan is not None:
            with suppress(KeyError):  # another thread has just dropped it
                _plans.move_to_end(key)
            return cast(Result, plan)
        made = function(*arguments, **options)
        _plans[key] = made
        _drop_oldest()
        return made

    return planned


def _drop_oldest() -> None:
    kept = kept_bytes()
    while kept > LIMIT and len(_plans) > 1:
        with suppress(KeyError):  # another thread has dropped the last one
            kept -= _size(_plans.popitem(last=False)[1])


def _size(plan: object) -> int:
    """Return the bytes of all arrays in a plan."""
    if isinstance(plan, np.ndarray):
        return plan.nbytes
    return sum(map(_size, plan)) if isinstance(plan, tuple) else 0


def kept_bytes() -> int:
    """Return how many bytes of plans are kept."""
    return sum(map(_size, tuple(_plans.values())))
