"""The few hot loops, and the one place that chooses who runs them.

``of(array)`` is the module with the kernels for an array: ``cpu`` for NumPy arrays, ``reference`` for any
other, and for all of them if the environment says ``MINIGRAD_KERNELS=reference``. Both modules have the
same functions with the same signatures; ``reference`` says what they mean. ``cpu`` uses a few loops compiled
by Numba where that is installed, unless the environment says ``MINIGRAD_KERNELS=numpy``.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

import numpy as np

from minigrad.kernels import cpu, reference

CHOICES = {"auto": cpu, "numpy": cpu, "reference": reference}


def _chosen() -> ModuleType:
    name = os.environ.get("MINIGRAD_KERNELS", "auto")
    if name not in CHOICES:
        raise ValueError(f"MINIGRAD_KERNELS={name!r} is unknown; it may be: {', '.join(CHOICES)}")
    return CHOICES[name]


_for_numpy = _chosen()


def of(array: Any) -> Any:
    """The kernels that fit ``array``."""
    return _for_numpy if isinstance(array, np.ndarray) else reference
