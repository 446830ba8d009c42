"""Keep freed memory in the process, rather than give it back to the system.

A training step frees and allocates the same arrays every time. glibc returns the top of its heap to the system as soon
as a few MB of it are free, and large blocks at once; in the next step the system fills every page with zeros again,
which costs a small network, and one with arrays of 100 MB, a quarter of its time.
"""

from __future__ import annotations

from minigrad.extras import installed

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # glibc's malloc.h
_KEPT = 2**30  # bytes that may lie free at the top of the heap
_LARGE = 2**30  # bytes from which on a block is a mapping of its own, given back when it is freed


def keep_freed_memory() -> None:
    """Let glibc's allocator keep what is freed. With other C libraries, do nothing."""
    if not installed("_ctypes"):  # a Python that was built without it
        return
    import ctypes

    try:
        allocator = ctypes.CDLL(None)  # the C library that this process already uses
    except (OSError, TypeError):  # Windows has none
        return
    if hasattr(allocator, "mallopt"):
        allocator.mallopt(_M_TRIM_THRESHOLD, _KEPT)
        if not allocator.mallopt(_M_MMAP_THRESHOLD, _LARGE):  # glibc before 2.35 allows 32 MB at most
            allocator.mallopt(_M_MMAP_MAX, 0)  # no block is a mapping of its own
