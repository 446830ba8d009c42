"""GPUs through CuPy: find it, copy arrays to a GPU and back, and pin host memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from minigrad.typing import Array, Number


class Precision:
    """The precision of GPUs; there is one instance, ``precision``."""

    tf32 = False  #: matrix products of float32 may round their inputs to 10 bits; see ``cuda.set_tf32``


precision = Precision()


def cupy() -> ModuleType:
    """Return the module CuPy if there is a GPU that it can use.

    Raises:
        RuntimeError: saying in one line what to install, or that no GPU was found.
    """
    try:
        import cupy as module
    except ImportError:
        raise RuntimeError(
            "device 'gpu' is not available: CuPy is not installed; pip install minigrad[cuda13] (or [cuda12]) for "
            "NVIDIA, minigrad[rocm] for AMD"
        ) from None
    found: ModuleType = module
    if not found.cuda.is_available():
        kind = "AMD" if found.cuda.runtime.is_hip else "NVIDIA"
        raise RuntimeError(
            f"device 'gpu' is not available: CuPy {found.__version__} is installed, but finds no {kind} GPU or no "
            "driver"
        )
    return found


class _Event(Protocol):
    """A moment in a GPU's work; ``done`` tells whether the GPU has got there."""

    done: bool


def copier(module: ModuleType) -> Callable[[Array, bool], Array]:
    """Return a function that copies a host array to the current GPU, ``copy(array, non_blocking)``.

    The copy is row-major: in this order the GPU's kernels read weights, which lie otherwise on a CPU.
    """
    in_flight: deque[tuple[_Event, Array]] = deque()  # host memory that copies may still read

    def copy(host: Array, non_blocking: bool) -> Array:
        result: Array
        if not non_blocking:
            result = module.asarray(host, order="C")
            return result
        while in_flight and in_flight[0][0].done:
            in_flight.popleft()
        stream = module.cuda.get_current_stream()
        host = host if host.flags.c_contiguous else np.copy(host, order="C")
        result = module.empty(host.shape, host.dtype)
        result.set(host, stream=stream)  # type: ignore[attr-defined]  # a method of CuPy's arrays
        in_flight.append((stream.record(), host))
        return result

    return copy


def add_at(x: Array, index: Any, values: Array | Number) -> None:
    """Add ``values`` to x[index], as ``np.add.at``, with the atomic additions that GPUs have: of some dtypes only."""
    import cupyx

    if x.dtype == np.int64:  # the same bits as an unsigned sum
        x = x.view(np.uint64)
        values = np.asarray(values, like=x).astype(np.int64).view(np.uint64)
    if x.dtype.kind == "f" or x.dtype in (np.int32, np.uint32, np.uint64):
        cupyx.scatter_add(x, index, values)
        return
    wide = x.astype(np.int32)
    cupyx.scatter_add(wide, index, np.asarray(values, like=x).astype(np.int32))
    x[...] = wide.astype(x.dtype)


def pinned(host: Array) -> Array:
    """Return a copy in page-locked host memory, which a GPU can read while the CPU continues.

    Raises:
        RuntimeError: if there is no GPU.
    """
    cupy()
    import cupyx

    copy: Array = cupyx.empty_pinned(host.shape, host.dtype)
    copy[...] = host
    return copy
