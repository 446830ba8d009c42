"""The number of threads that the kernels use, and the division of work among them."""

from __future__ import annotations

import os

from minigrad.system import cores


def _default_count() -> int:
    """Return ``OMP_NUM_THREADS``, but no more than there are cores: threads that wait for each other only cost time."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(int(wanted), cores()) if wanted.isdecimal() and int(wanted) > 0 else cores()


_count = _default_count()


def get_num_threads() -> int:
    """Return how many threads the kernels use."""
    return _count


def set_num_threads(count: int) -> None:
    """Set how many threads the kernels use (at first: the cores at hand, or ``OMP_NUM_THREADS`` if that is fewer).

    Raises:
        RuntimeError: if it is below 1.
    """
    global _count
    if count < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {count}")
    _count = count


def evenly(length: int, parts: int) -> list[slice]:
    """Return ``range(length)`` cut into ``parts`` stretches of nearly the same length."""
    return [slice(length * i // parts, length * (i + 1) // parts) for i in range(parts)]
