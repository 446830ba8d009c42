"""Mixed precision: which operations compute in half precision (``torch.autocast``).

Inside ``autocast()`` the operations that are mostly multiplication (convolutions, linear layers, matrix products) cast
float32 inputs to float16; those that need range or precision (softmax, logarithms, losses, sums) cast float16 inputs to
float32. All others use the dtype of their inputs. Source: torch documentation, "Automatic Mixed Precision package".
"""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar

import numpy as np
from numpy.typing import DTypeLike

from minigrad.typing import DType

half_type: ContextVar[DType | None] = ContextVar("half_type", default=None)  # None outside ``autocast``


class autocast(ContextDecorator):  # noqa: N801  (torch's name for it)
    """Use ``with autocast("gpu"):`` around forward pass and loss; the backward pass follows in the same types.

    Args:
        device_type: accepted for compatibility with torch; the types do not depend on it.
        dtype: float16; bfloat16 is not supported, since NumPy does not have it.
        enabled: False switches autocast off, also inside another ``autocast``.

    Raises:
        NotImplementedError: for another dtype, if it is switched on.
    """

    def __init__(
        self,
        device_type: str = "gpu",
        dtype: DTypeLike | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        chosen = np.dtype(np.float16 if dtype is None or not enabled else dtype)
        if chosen != np.float16:
            raise NotImplementedError(f"autocast to {chosen} is not supported; use float16")
        self._mode = chosen if enabled else None
        self._previous: list[DType | None] = []

    def __enter__(self) -> autocast:
        self._previous.append(half_type.get())
        half_type.set(self._mode)
        return self

    def __exit__(self, *exception: object) -> None:
        half_type.set(self._previous.pop())


def is_autocast_enabled(device_type: str = "gpu") -> bool:
    """Return whether the caller is inside ``autocast``."""
    return half_type.get() is not None
