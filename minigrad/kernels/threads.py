"""How many threads the kernels use, and a pool of them for the kernels that are written with NumPy.

NumPy releases Python's lock in its loops and in BLAS, so threads help. (Compiled kernels have a faster way: team.py.)
Inside :func:`parallel` BLAS is held to one thread (with threadpoolctl, where installed), since two levels of threads
on the same cores only wait for each other. Which thread gets which job is fixed, so sums that a thread accumulates
come out with the same bits every time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from minigrad.extras import installed
from minigrad.system import after_fork_in_child, cores

if TYPE_CHECKING:  # imported when first needed: most programs use the compiled kernels
    from concurrent.futures import ThreadPoolExecutor

Job = TypeVar("Job")
Result = TypeVar("Result")


def _default_count() -> int:
    """``OMP_NUM_THREADS``, but no more than there are cores: threads that wait for each other only cost time."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(int(wanted), cores()) if wanted.isdecimal() and int(wanted) > 0 else cores()


_WORTH_SHARING = 65_536  # elements: copying fewer takes no longer than waking a thread
_count = _default_count()
_CAN_LIMIT_BLAS = installed("threadpoolctl")  # else it keeps its threads, and jobs run one after another
_lock = threading.Lock()
_busy = threading.Lock()  # held by the thread that uses the pool
_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_blas: list[Any] | None = None  # the BLAS libraries' controllers
_blas_limited = 0  # how many callers hold BLAS to one thread
_blas_counts: list[int] = []


def get_num_threads() -> int:
    """How many threads the kernels use."""
    return _count


def set_num_threads(count: int) -> None:
    """Sets how many threads the kernels use (at first: the cores at hand, or ``OMP_NUM_THREADS`` if that is fewer).

    Raises:
        RuntimeError: if it is below 1.
    """
    global _count
    if count < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {count}")
    with _lock:
        _count = count


def _forget_pool() -> None:
    """After a fork the child has none of its parent's threads."""
    global _pool, _pool_size, _lock, _busy, _blas_limited
    _pool, _pool_size, _lock, _busy, _blas_limited = None, 0, threading.Lock(), threading.Lock(), 0


after_fork_in_child(_forget_pool)


def _pool_of(threads: int) -> ThreadPoolExecutor | None:
    """The pool of so many threads, or of as many as the system lets this process start; None if that is none."""
    global _pool, _pool_size
    if _pool_size != threads:
        if _pool is not None:
            _pool.shutdown()
        _pool, _pool_size = _new_pool(threads), threads
    return _pool


def _new_pool(threads: int) -> ThreadPoolExecutor | None:
    from concurrent.futures import ThreadPoolExecutor

    pool, all_started, count = ThreadPoolExecutor(threads, "minigrad"), threading.Event(), 0
    try:
        for _ in range(threads):
            pool.submit(all_started.wait)  # each keeps a thread busy, so that the next one needs a thread of its own
            count += 1
    except RuntimeError:  # no more threads: a container or ``ulimit -u`` may allow only so many
        all_started.set()
        pool.shutdown(cancel_futures=True)
        return _new_pool(count) if count else None
    all_started.set()
    return pool


def workers() -> int:
    """How many parts work is worth splitting into."""
    return _count if _CAN_LIMIT_BLAS else 1


class _SingleThreadedBlas:
    """Holds BLAS to one thread while any caller is inside."""

    def __enter__(self) -> None:
        global _blas, _blas_limited, _blas_counts
        with _lock:
            if _blas is None:
                import threadpoolctl

                try:
                    libraries = threadpoolctl.ThreadpoolController().lib_controllers
                except OSError:  # it may not look at /proc: then BLAS keeps its threads
                    libraries = []
                _blas = [library for library in libraries if library.user_api == "blas"]
            if _blas_limited == 0:
                _blas_counts = [library.get_num_threads() for library in _blas]
                for library in _blas:
                    library.set_num_threads(1)
            _blas_limited += 1

    def __exit__(self, *exception: object) -> None:
        global _blas_limited
        with _lock:
            _blas_limited -= 1
            if _blas_limited == 0:
                for library, count in zip(_blas or [], _blas_counts, strict=False):
                    library.set_num_threads(count)


single_threaded_blas = _SingleThreadedBlas()


def evenly(length: int, parts: int) -> list[slice]:
    """``range(length)`` in ``parts`` stretches of nearly the same length."""
    return [slice(length * i // parts, length * (i + 1) // parts) for i in range(parts)]


def parallel(work: Callable[[list[Job]], Result], jobs: Sequence[Job]) -> list[Result]:
    """``work`` on stretches of ``jobs``, one for each thread; their results, in the order of the jobs.

    While another thread of the user's has the pool, or where no thread can be started, the caller does all stretches
    itself, with the same results.
    """
    parts = min(workers(), len(jobs))
    if parts <= 1:
        return [work(list(jobs))] if jobs else []
    stretches = [list(jobs[part]) for part in evenly(len(jobs), parts)]
    with single_threaded_blas:
        if not _busy.acquire(blocking=False):
            return [work(stretch) for stretch in stretches]
        try:
            pool = _pool_of(workers() - 1)
            if pool is None:
                return [work(stretch) for stretch in stretches]
            others = [pool.submit(work, stretch) for stretch in stretches[1:]]
            try:
                first = work(stretches[0])  # this thread takes a share too
            finally:
                errors = [error for other in others if (error := other.exception()) is not None]
            if errors:
                raise errors[0]
            return [first, *(other.result() for other in others)]
        finally:
            _busy.release()


def copy(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """``target[...] = source``, the first dimension shared out among the threads; returns the target."""
    if target.size < _WORTH_SHARING or target.ndim == 0:
        target[...] = source
        return target

    def run(parts: list[slice]) -> None:
        for part in parts:
            target[part] = source[part]

    parallel(run, evenly(target.shape[0], workers()))
    return target
