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


_lock = threading.RLock()  # one thread may take it twice: the collector may drop a context while another begins
_libraries: list[_Library] | None = None  # found when first needed
_counts: list[int] = []  # how many threads each library had before
_inside: set[int] = set()  # the contexts that hold BLAS now, by id


class SingleThreaded:
    """A context that holds BLAS to one thread, as any of several callers may at the same time.

    If Ctrl-C comes just before its end, or just after its beginning, Python does not call ``__exit__``. Then the
    context ends when the object is dropped.
    """

    def __enter__(self) -> None:
        global _libraries, _counts
        with _lock:
            if _libraries is None:
                _libraries = _blas_libraries()
            if not _inside:
                _counts = [library.get_num_threads() for library in _libraries]
            _inside.add(id(self))
            for library in _libraries:
                library.set_num_threads(1)

    def __exit__(self, *exception: object) -> None:
        with _lock:
            if _inside == {id(self)}:
                for library, count in zip(_libraries or [], _counts, strict=False):
                    library.set_num_threads(count)
            _inside.discard(id(self))

    def __del__(self) -> None:
        if id(self) in _inside:
            self.__exit__()


def _forget_callers() -> None:
    """Start anew in a child process, which has none of its parent's threads."""
    global _lock
    _lock = threading.RLock()
    _inside.clear()


def _blas_libraries() -> list[_Library]:
    import threadpoolctl  # when first needed: it searches this process for libraries

    try:
        found = threadpoolctl.ThreadpoolController().lib_controllers
    except OSError:  # it may not read /proc: then BLAS keeps its threads
        return []
    return [library for library in found if library.user_api == "blas"]


after_fork_in_child(_forget_callers)
