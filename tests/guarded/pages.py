"""Memory between two pages that may not be touched, for NumPy's arrays and for what compiled code allocates itself."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_library = ctypes.CDLL(None, use_errno=True)
#: Whether this system has what the pages need.
CAN_GUARD = hasattr(_library, "mprotect") and hasattr(mmap, "MAP_ANONYMOUS")
_READ, _WRITE = 1, 2
_PAGE = mmap.PAGESIZE
_FAILED = ctypes.c_void_p(-1).value
_NAN = 0xFF  # bytes of 255 are NaN in every floating type, and −1 in whole numbers

at_the_end = True  # where memory lies that is taken from now on: before the second page, or behind the first
_taken: dict[int, tuple[int, int]] = {}  # by address: first byte and length of the mapping

if CAN_GUARD:
    _map, _unmap, _protect = _library.mmap, _library.munmap, _library.mprotect
    _map.restype = ctypes.c_void_p
    _map.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    _unmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    _protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def take(size: int, fill: int = _NAN) -> int:
    """Return the address of ``size`` bytes, or 0 if there is no memory."""
    pages = max(1, -(-size // _PAGE))
    length = (pages + 2) * _PAGE
    start = _map(None, length, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if start == _FAILED or _protect(start + _PAGE, pages * _PAGE, _READ | _WRITE):
        return 0
    if fill:
        ctypes.memset(start + _PAGE, fill, pages * _PAGE)
    address = int(start + (pages + 1) * _PAGE - size if at_the_end else start + _PAGE)
    _taken[address] = int(start), length
    return address


def give_back(address: int) -> None:
    """Free memory: from now on it may not be touched."""
    if address:
        _unmap(*_taken.pop(address))


# --- NumPy's arrays: its handlers of memory (NEP 49), set by its C interface ---

_MALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_CALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
_REALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_SET_HANDLER = 304  # the place of PyDataMem_SetHandler in the table of NumPy's C interface


class _Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", _MALLOC),
        ("calloc", _CALLOC),
        ("realloc", _REALLOC),
        ("free", _FREE),
    )


def _again(context: int, address: int, size: int) -> int:
    new = take(size)
    if address and new:
        start, length = _taken[address]
        old = start + length - _PAGE - address  # bytes up to the page behind
        ctypes.memmove(new, address, min(old, size))
        give_back(address)
    return new


_handler = _Handler(
    b"guarded",
    1,
    None,
    _MALLOC(lambda context, size: take(size)),
    _CALLOC(lambda context, count, size: take(count * size, 0)),
    _REALLOC(_again),
    _FREE(lambda context, address, size: give_back(address)),
)


def _set_handler() -> Any:
    """Return NumPy's function that sets a handler, given as a capsule, and returns the one before."""
    python, table = ctypes.pythonapi, np._core.multiarray._ARRAY_API  # type: ignore[attr-defined]
    python.PyCapsule_GetPointer.restype = ctypes.c_void_p
    python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    functions = ctypes.cast(python.PyCapsule_GetPointer(table, None), ctypes.POINTER(ctypes.c_void_p))
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(functions[_SET_HANDLER])


@contextmanager
def guarding_arrays() -> Iterator[None]:
    """Let NumPy make every array of this thread in guarded memory in the block."""
    make = ctypes.pythonapi.PyCapsule_New
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    set_handler = _set_handler()
    before = set_handler(make(ctypes.addressof(_handler), b"mem_handler", None))
    try:
        yield
    finally:
        set_handler(before)


# --- What compiled code allocates: the functions of Numba's runtime, replaced before any code that calls them is loaded


class _Runtime(ctypes.Structure):
    """The beginning of Numba's NRT_api_functions (numba/core/runtime/nrt_external.h)."""

    _fields_ = (("allocate", ctypes.c_void_p), ("allocate_external", ctypes.c_void_p), ("manage", ctypes.c_void_p))


_replaced: list[Any] = []


def guard_scratch_memory() -> None:
    """Let all compiled code that is loaded from now on allocate guarded memory."""
    from llvmlite import binding
    from numba import njit
    from numba.core.runtime import _nrt_python

    njit(lambda: np.empty(3))()  # Numba registers its own functions first
    find = ctypes.CFUNCTYPE(ctypes.POINTER(_Runtime))(_nrt_python.c_helpers["get_api"])
    free_one = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(give_back)
    manage = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(find().contents.manage)
    end = ctypes.cast(free_one, ctypes.c_void_p)
    allocate = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32)(
        lambda size, align: manage(take(size), end)
    )
    _replaced.extend((free_one, manage, allocate))
    for name in ("NRT_MemInfo_alloc_aligned", "NRT_MemInfo_alloc_safe_aligned"):
        binding.add_symbol(name, ctypes.cast(allocate, ctypes.c_void_p).value)
