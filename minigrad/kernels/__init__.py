"""The few hot loops, and the one place that chooses the backend that runs them.

A backend is a class; each leaves to ``super()`` what it does no faster:

    Reference            the specification, in plain NumPy; runs on any array
      Blocked            NumPy arrays, with NumPy alone: blocks that fit the cache, shared out among threads
        Compiled         NumPy arrays, with Numba: compiled loops
      Gpu                CuPy arrays: CUDA C++

``of(array)`` returns the backend for an array. The environment variable ``MINIGRAD_KERNELS`` may choose the one for
NumPy arrays by name: ``compiled``, ``numpy`` (Blocked) or ``reference``, which then serves GPUs too; ``auto`` is
``compiled`` where Numba is installed, and ``numpy`` where it is not. ``MINIGRAD_VECTOR_BITS`` (512, 256 or 128) narrows
the vectors of ``compiled``; unset, they are as wide as the processor's.
"""

from __future__ import annotations

import os

import numpy as np

from minigrad.extras import installed
from minigrad.kernels.blocked.backend import Blocked
from minigrad.kernels.compiled.backend import Compiled
from minigrad.kernels.gpu.backend import Gpu
from minigrad.kernels.memory import keep_freed_memory
from minigrad.kernels.reference import Reference
from minigrad.kernels.settings import vector_bits
from minigrad.typing import Array

#: The backends for NumPy arrays, by the values of MINIGRAD_KERNELS.
CHOICES: dict[str, Reference] = {backend.name: backend for backend in (Compiled(), Blocked(), Reference())}


def _chosen() -> Reference:
    name = os.environ.get("MINIGRAD_KERNELS", "auto")
    has_numba = installed("numba")
    if name == "auto":
        name = "compiled" if has_numba else "numpy"
    if name not in CHOICES:
        raise ValueError(f"MINIGRAD_KERNELS={name!r} is unknown; it may be: auto, {', '.join(CHOICES)}")
    if name == "compiled" and not has_numba:
        raise ValueError(
            "MINIGRAD_KERNELS='compiled' needs Numba, which is not installed: pip install 'minigrad[fast]'"
        )
    return CHOICES[name]


vector_bits()  # raises an error for a wrong value now, not when the first kernel is compiled
_for_numpy = _chosen()
_for_cupy = Gpu() if _for_numpy.name != "reference" else _for_numpy
_for_others = CHOICES["reference"]
if "MALLOC_TRIM_THRESHOLD_" not in os.environ:  # if it is set, the user has chosen already
    keep_freed_memory()


def of(array: Array) -> Reference:
    """Return the backend for ``array``."""
    if isinstance(array, np.ndarray):
        return _for_numpy
    return _for_cupy if type(array).__module__.startswith("cupy") else _for_others


def compiles() -> bool:
    """Return whether the kernels for NumPy arrays are compiled when they are first used."""
    return isinstance(_for_numpy, Compiled)
