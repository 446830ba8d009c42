"""Half precision: a formula of several steps is computed in float32, and its result rounded once, as torch does it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import DTypeLike

from minigrad.typing import Array, DType

FLOAT16: DType = np.dtype(np.float16)
FLOAT32: DType = np.dtype(np.float32)
Kernel = TypeVar("Kernel", bound=Callable[..., Array | tuple[Array | None, ...]])


def wide(dtype: DType) -> DType:
    """Return the dtype to compute with: float32 for float16, else ``dtype`` itself."""
    return FLOAT32 if dtype == FLOAT16 else dtype


def widened(x: Array) -> Array:
    """Return ``x`` in the dtype to compute with."""
    return x.astype(FLOAT32) if x.dtype == FLOAT16 else x


def rounded(y: Array, dtype: DTypeLike) -> Array:
    """Return ``y`` in ``dtype``; ``y`` itself if it has that dtype. Numbers beyond the largest become ∞."""
    if y.dtype == dtype:
        return y
    return y.astype(dtype)


def in_float32(kernel: Kernel) -> Kernel:
    """Make a kernel compute float16 arrays in float32, and round its results once."""

    @wraps(kernel)
    def compute(*arguments: Any) -> Array | tuple[Array | None, ...]:  # Any: arrays and options
        if not any(getattr(argument, "dtype", None) == FLOAT16 for argument in arguments):
            return kernel(*arguments)
        results = kernel(*[widened(argument) if hasattr(argument, "dtype") else argument for argument in arguments])
        if isinstance(results, tuple):
            return tuple(None if result is None else rounded(result, FLOAT16) for result in results)
        return rounded(results, FLOAT16)

    return cast(Kernel, compute)
