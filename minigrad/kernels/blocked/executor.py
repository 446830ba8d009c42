"""Share work out among a pool of Python threads.

NumPy releases Python's lock in its loops and in BLAS, so threads help. Which thread gets which job is fixed, so sums
that a thread accumulates have the same bits every time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from minigrad.kernels import blas
from minigrad.kernels.threads import evenly, get_num_threads
from minigrad.system import after_fork_in_child
from minigrad.typing import Array

if TYPE_CHECKING:  # imported when first needed: most programs use the compiled kernels
    from concurrent.futures import ThreadPoolExecutor

Job = TypeVar("Job")
Result = TypeVar("Result")

_WORTH_SHARING = 65_536  # elements: copying fewer takes no longer than waking a thread
_owner: dict[str, int] = {}  # the claim, by id, that has the pool
_pool: ThreadPoolExecutor | None = None
_pool_size = 0


def _forget_pool() -> None:
    """Start anew in a child process, which has none of its parent's threads."""
    global _pool, _pool_size
    _pool, _pool_size = None, 0
    _owner.clear()


after_fork_in_child(_forget_pool)


class _Claim:
    """The right to use the pool, if nobody else has it.

    If Ctrl-C comes just before the end of the ``with`` block, or just after its beginning, Python does not call
    ``__exit__``. Then the claim ends when the object is dropped.
    """

    def __enter__(self) -> bool:
        return _owner.setdefault("pool", id(self)) == id(self)

    def __exit__(self, *exception: object) -> None:
        if _owner.get("pool") == id(self):
            del _owner["pool"]

    def __del__(self) -> None:
        self.__exit__()


def _pool_of(threads: int) -> ThreadPoolExecutor | None:
    """Return a pool of this many threads, or of as many as the system allows; None if it allows none."""
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
    except RuntimeError:  # no more threads: a container or ``ulimit -u`` may limit them
        all_started.set()
        pool.shutdown(cancel_futures=True)
        return _new_pool(count) if count else None
    all_started.set()
    return pool


def workers() -> int:
    """Return how many parts to split work into: one if BLAS would start threads in each of them."""
    return get_num_threads() if blas.CAN_LIMIT else 1


def parallel(work: Callable[[list[Job]], Result], jobs: Sequence[Job]) -> list[Result]:
    """Call ``work`` on stretches of ``jobs``, one for each thread, and return the results in the order of the jobs.

    While another thread of the user's has the pool, or where no thread can be started, the caller does all stretches
    itself, with the same results.
    """
    parts = min(workers(), len(jobs))
    if parts <= 1:
        return [work(list(jobs))] if jobs else []
    stretches = [list(jobs[part]) for part in evenly(len(jobs), parts)]
    with blas.SingleThreaded(), _Claim() as claimed:
        pool = _pool_of(workers() - 1) if claimed else None
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


def copy(target: Array, source: Array) -> Array:
    """Assign ``target[...] = source``, the first dimension shared out among the threads; return the target."""
    if target.size < _WORTH_SHARING or target.ndim == 0:
        target[...] = source
        return target

    def run(parts: list[slice]) -> None:
        for part in parts:
            target[part] = source[part]

    parallel(run, evenly(target.shape[0], workers()))
    return target
