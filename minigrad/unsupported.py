"""What torch's functions take and minigrad's do not: refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

_INSTEAD = {
    "out": "write the result with x.copy_(result), or use the in-place form",
    "layout": "there are dense tensors only",
    "pin_memory": "tensors on the CPU are not pinned",
    "memory_format": "see docs/memory-layout.md",
    "names": "dimensions have no names here",
}


def refusing_torchs_other_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, which now answers ``out=…``, ``layout=…`` and the like with ``NotImplementedError``."""

    @wraps(function)
    def checked(*args: Any, **options: Any) -> Any:
        if options:
            for name, instead in _INSTEAD.items():
                value = options.pop(name, None)
                if value is not None and value is not False:
                    raise NotImplementedError(f"{function.__name__}: {name}= is not supported; {instead}")
        return function(*args, **options)

    return checked
