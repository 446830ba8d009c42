"""Hold BLAS, which multiplies matrices for NumPy, to one thread while the kernels use threads of their own.

Two levels of threads on the same cores only wait for each other.
"""

from __future__ import annotations

import threading
from typing import Protocol

from minigrad.extras import installed
from minigrad.system import after_fork_in_child

#: Whether the number of BLAS's threads can be changed; that needs threadpoolctl.
CAN_LIMIT = installed("threadpoolctl")


class _Library(Protocol):
    """A BLAS library that this process has loaded, as threadpoolctl presents it."""

    user_api: str

    def get_num_threads(self) -> int: ...
    def set_num_threads(self, num_threads: int) -> object: ...


class _SingleThreaded:
    """A context manager that holds BLAS to one thread while any caller is inside. It may be nested and shared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._libraries: list[_Library] | None = None  # found when first needed
        self._counts: list[int] = []  # how many threads each library had before
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._libraries is None:
                self._libraries = _blas_libraries()
            if self._inside == 0:
                self._counts = [library.get_num_threads() for library in self._libraries]
                for library in self._libraries:
                    library.set_num_threads(1)
            self._inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for library, count in zip(self._libraries or [], self._counts, strict=False):
                    library.set_num_threads(count)

    def forget_callers(self) -> None:
        """Start anew in a child process, which has none of its parent's threads."""
        self._lock, self._inside = threading.Lock(), 0


def _blas_libraries() -> list[_Library]:
    import threadpoolctl  # when first needed: it searches this process for libraries

    try:
        found = threadpoolctl.ThreadpoolController().lib_controllers
    except OSError:  # it may not read /proc: then BLAS keeps its threads
        return []
    return [library for library in found if library.user_api == "blas"]


single_threaded_blas = _SingleThreaded()
after_fork_in_child(single_threaded_blas.forget_callers)
