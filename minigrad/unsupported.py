"""Refuse by name the arguments that torch's functions take and minigrad's do not; ignore none."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

_INSTEAD = {
    "out": "write the result with x.copy_(result), or use the in-place form",
    "layout": "there are dense tensors only",
    "pin_memory": "tensors on the CPU are not pinned",
    "memory_format": "convert the result with .contiguous(memory_format=...)",
    "names": "dimensions have no names here",
}


P = ParamSpec("P")
R = TypeVar("R")


def refusing_torchs_other_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function that creates tensors refuse ``layout=…``, ``out=…`` and the like by name.

    ``None`` and ``False``, which ask for nothing, are accepted.

    Raises:
        NotImplementedError: from the function, naming the argument.
    """

    own = inspect.signature(function).parameters
    refused = {name: instead for name, instead in _INSTEAD.items() if name not in own}

    @wraps(function)
    def checked(*args: P.args, **options: P.kwargs) -> R:
        if options and not refused.keys().isdisjoint(options):
            for name, instead in refused.items():
                value = options.pop(name, None)
                if value is not None and value is not False:
                    raise NotImplementedError(f"{function.__name__}: {name}= is not supported; {instead}")
        return function(*args, **options)

    return checked
