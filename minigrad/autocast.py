"""Mixed precision: which operations compute in half precision (``torch.autocast``).

Inside ``autocast()`` the operations that are mostly multiplication (convolutions, linear layers, matrix products) take
their float32 inputs as float16; those that need range or many digits (softmax, logarithms, losses, sums) take float16
inputs as float32. All others take what they get. Source: torch documentation, "Automatic Mixed Precision package".
"""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import Any

import numpy as np

half_type: ContextVar[Any] = ContextVar("half_type", default=None)  # None outside ``autocast``


class autocast(ContextDecorator):  # noqa: N801  (torch's name for it)
    """``with autocast("gpu"):`` around forward pass and loss; the backward pass follows in the same types.

    Args:
        device_type: taken for torch's sake; the types do not depend on it.
        dtype: float16; bfloat16 is not supported, since NumPy has none.
        enabled: False does nothing, also inside another ``autocast``.

    Raises:
        NotImplementedError: for another dtype.
    """

    def __init__(
        self, device_type: str = "gpu", dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        chosen = np.dtype(np.float16 if dtype is None else dtype)
        if chosen != np.float16:
            raise NotImplementedError(f"autocast to {chosen} is not supported; use float16")
        self._mode = chosen if enabled else None
        self._previous: list[Any] = []

    def __enter__(self) -> autocast:
        self._previous.append(half_type.get())
        half_type.set(self._mode)
        return self

    def __exit__(self, *exception: object) -> None:
        half_type.set(self._previous.pop())


def is_autocast_enabled(device_type: str = "gpu") -> bool:
    """Whether this is inside ``autocast``."""
    return half_type.get() is not None
