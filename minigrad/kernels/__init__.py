"""The few hot loops, and the one place that chooses who runs them.

``of(array)`` is the module with the kernels for an array: ``fast`` for NumPy arrays where Numba is installed, ``cpu``
where it is not, ``gpu`` for CuPy's, and ``reference`` for all others. All have the same functions with the same
signatures; ``reference`` says what they mean. The environment variable ``MINIGRAD_KERNELS`` may choose one: ``auto``
(as above), ``fast``, ``numpy`` (that is ``cpu``) or ``reference``, which then serves GPUs too. ``MINIGRAD_VECTOR_BITS``
(512, 256 or 128) narrows the vectors of ``fast``; unset, they are as wide as the processor's.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

import numpy as np

from minigrad.extras import installed
from minigrad.kernels import reference
from minigrad.kernels.blocked import backend as cpu
from minigrad.kernels.compiled import backend as fast
from minigrad.kernels.gpu import backend as gpu
from minigrad.kernels.memory import keep_freed_memory
from minigrad.kernels.settings import vector_bits

CHOICES = {"fast": fast, "numpy": cpu, "reference": reference}


def _chosen() -> ModuleType:
    name = os.environ.get("MINIGRAD_KERNELS", "auto")
    has_numba = installed("numba")
    if name == "auto":
        name = "fast" if has_numba else "numpy"
    if name not in CHOICES:
        raise ValueError(f"MINIGRAD_KERNELS={name!r} is unknown; it may be: auto, {', '.join(CHOICES)}")
    if name == "fast" and not has_numba:
        raise ValueError("MINIGRAD_KERNELS='fast' needs Numba, which is not installed: pip install 'minigrad[fast]'")
    return CHOICES[name]


vector_bits()  # says now what is wrong with it, not when the first kernel is compiled
_for_numpy = _chosen()
_for_cupy = reference if _for_numpy is reference else gpu
if "MALLOC_TRIM_THRESHOLD_" not in os.environ:  # then somebody has made the choice already
    keep_freed_memory()


def of(array: Any) -> Any:
    """The kernels that fit ``array``."""
    if isinstance(array, np.ndarray):
        return _for_numpy
    return _for_cupy if type(array).__module__.startswith("cupy") else reference


def compiles() -> bool:
    """Whether the kernels for NumPy arrays are compiled when they are first used."""
    return _for_numpy is fast
