"""One pool of threads for the kernels. NumPy releases the lock in its loops and in BLAS, so threads help.

Inside :func:`parallel` BLAS is held to one thread (with threadpoolctl, where installed), since two levels
of threads on the same cores only wait for each other. Which thread gets which job is fixed, so sums that
a thread accumulates come out with the same bits every time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from minigrad.kernels.compiled import compiled

try:
    import threadpoolctl
except ImportError:  # then BLAS keeps its own threads, and the jobs run one after the other
    threadpoolctl = None

Job = TypeVar("Job")
Result = TypeVar("Result")


def _default_count() -> int:
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(wanted) if wanted.isdigit() and int(wanted) > 0 else len(os.sched_getaffinity(0))


_WORTH_SHARING = 65_536  # elements: copying fewer takes no longer than waking a thread
_SPIN = 2_000  # looks at a counter before a thread goes to sleep: some 100 µs
_count = _default_count()
_helpers: list[_Helper] = []
_lock = threading.Lock()
_busy = threading.Lock()  # held by the thread that uses the helpers
_blas: list[Any] | None = None  # the BLAS libraries' controllers
_blas_limited = 0  # how many callers hold BLAS to one thread
_blas_counts: list[int] = []


def get_num_threads() -> int:
    """How many threads the kernels use."""
    return _count


def set_num_threads(count: int) -> None:
    """Sets how many threads the kernels use (at first: ``OMP_NUM_THREADS``, or the cores at hand).

    Raises:
        RuntimeError: if it is below 1.
    """
    global _count
    if count < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {count}")
    with _lock:
        _count = count


def _forget_helpers() -> None:
    """After a fork the child has none of its parent's threads."""
    global _helpers, _lock, _busy, _blas_limited
    _helpers, _lock, _busy, _blas_limited = [], threading.Lock(), threading.Lock(), 0


os.register_at_fork(after_in_child=_forget_helpers)


class _Helper(threading.Thread):
    """A thread that waits for work: awake for a moment after each job (the next mostly comes soon), then asleep.

    ``posted`` and ``finished`` count jobs. Whoever is about to sleep says so *before* it looks at the counter a last
    time, and whoever changes a counter looks *afterwards* whether somebody sleeps; so nobody sleeps through a change.
    """

    def __init__(self) -> None:
        super().__init__(name="minigrad", daemon=True)
        self.posted, self.finished = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self.asleep, self.awaited = False, False
        self.wake, self.done = threading.Event(), threading.Event()
        self.job: Callable[[], Any] | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.start()

    def post(self, job: Callable[[], Any]) -> None:
        """Starts a job; the one before must have been collected."""
        self.job = job
        self.posted[0] += 1
        if self.asleep:
            self.wake.set()

    def collect(self) -> Any:
        """Waits for the job's end; its result, or its exception raised here."""
        if not _spin_until_changed(self.finished, int(self.posted[0]) - 1):
            self.awaited = True
            while self.finished[0] != self.posted[0]:
                self.done.wait()
                self.done.clear()
            self.awaited = False
        self.job = None
        result, error = self.result, self.error
        self.result = self.error = None
        if error is not None:
            raise error
        return result

    def run(self) -> None:
        seen = 0
        while True:
            if not _spin_until_changed(self.posted, seen):
                self.asleep = True
                while self.posted[0] == seen:
                    self.wake.wait()
                    self.wake.clear()
                self.asleep = False
            seen += 1
            try:
                assert self.job is not None
                self.result = self.job()
            except BaseException as error:
                self.error = error
            self.finished[0] = seen
            if self.awaited:
                self.done.set()


def _spin_until_changed(counter: np.ndarray, seen: int) -> bool:
    spinning = compiled("spinning")
    return counter[0] != seen or (spinning is not None and spinning.wait_for_change(counter, seen, _SPIN))


def workers() -> int:
    """How many parts work is worth splitting into."""
    return _count if threadpoolctl is not None else 1


class _SingleThreadedBlas:
    """Holds BLAS to one thread while any caller is inside."""

    def __enter__(self) -> None:
        global _blas, _blas_limited, _blas_counts
        with _lock:
            if _blas is None:
                libraries = threadpoolctl.ThreadpoolController().lib_controllers
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


_single_threaded_blas = _SingleThreadedBlas()


def evenly(length: int, parts: int) -> list[slice]:
    """``range(length)`` in ``parts`` stretches of nearly the same length."""
    return [slice(length * i // parts, length * (i + 1) // parts) for i in range(parts)]


def parallel(work: Callable[[list[Job]], Result], jobs: Sequence[Job]) -> list[Result]:
    """``work`` on stretches of ``jobs``, one for each thread; their results, in the order of the jobs.

    While another thread of the user's has the helpers, the caller does all stretches itself, with the same results.
    """
    parts = min(workers(), len(jobs))
    if parts <= 1:
        return [work(list(jobs))] if jobs else []
    stretches = [list(jobs[part]) for part in evenly(len(jobs), parts)]
    with _single_threaded_blas:
        if not _busy.acquire(blocking=False):
            return [work(stretch) for stretch in stretches]
        try:
            while len(_helpers) < parts - 1:
                _helpers.append(_Helper())
            used = _helpers[: parts - 1]
            for helper, stretch in zip(used, stretches[1:], strict=True):
                helper.post(partial(work, stretch))
            try:
                first = work(stretches[0])  # this thread takes a share too
            finally:
                others, errors = _collected(used)
            if errors:
                raise errors[0]
            return [first, *others]
        finally:
            _busy.release()


def _collected(helpers: Sequence[_Helper]) -> tuple[list[Any], list[BaseException]]:
    """The results of all helpers, who must all have ended before anything goes on, and their exceptions."""
    results, errors = [], []
    for helper in helpers:
        try:
            results.append(helper.collect())
        except BaseException as error:
            errors.append(error)
    return results, errors


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
