"""Powers of arrays, with torch's results where NumPy's differ."""

from __future__ import annotations

import numpy as np

from minigrad.kernels.precision import FLOAT16
from minigrad.typing import Array, Number


def power(x: Array, y: Array | Number) -> Array:
    """Return x^y.

    As in torch, a number ±½ beside float32 or float64 means the square root: −0^½ is −0, and −∞^½ is NaN. Otherwise
    they are 0 and ∞.
    """
    if not isinstance(y, int | float):
        return _integer_power(x, y) if y.dtype.kind == "i" else _repeated_power(x, y)
    if isinstance(y, float) and x.dtype != FLOAT16:
        return 1 / np.sqrt(x) if y == -0.5 else x**y  # −0^−½ is −∞
    return _repeated_power(x, y)


def _repeated_power(x: Array, y: Array | Number) -> Array:
    """Return x^y. NumPy takes the square root wherever one exponent ½ serves all elements, so repeat it."""
    if isinstance(x, np.ndarray) and np.size(y) == 1 and abs(y) == 0.5:
        y = np.full(np.broadcast_shapes(x.shape, np.shape(y)), y, x.dtype)
    return x**y


def _integer_power(x: Array, y: Array) -> Array:
    """Return x^y of integers, where x^−y is 1/x^y rounded towards 0: ±1 for ±1, else 0."""
    result = x ** np.where(y < 0, y & 1, y)  # of a negative exponent only whether it is odd matters
    return np.where((y < 0) & (np.abs(x) != 1), result.dtype.type(0), result)
