"""Say on stderr that kernels are being compiled, and how many seconds that took (needs Numba).

    minigrad: compiling kernels for this processor (once) …
    minigrad: compiled kernels in 23 s

Kernels are compiled when they are first called, so the first training step waits several times. The second line appears
when nothing has been compiled for a while. Kernels that are read from the disk cause no line.

The lines are warnings of the logger ``minigrad``: ``logging.getLogger("minigrad").setLevel(logging.ERROR)`` turns them
off.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time

from numba.core import event

from minigrad.kernels import compile_time
from minigrad.kernels.compiled.names import CompilerEvent

_A_WHILE = 3.0  # seconds
_log = logging.getLogger("minigrad")


class _Notice(event.Listener):
    """Counts the time that Numba spends on minigrad's functions; it compiles one at a time in a process."""

    def __init__(self) -> None:
        self._depth = 0  # a function is compiled while one that calls it is
        self._began = 0.0
        self._end: threading.Timer | None = None
        self._closed = False

    def on_start(self, event: CompilerEvent) -> None:
        if not _is_ours(event):
            return
        if self._depth == 0:
            self._began = time.perf_counter()
            if self._end is not None:
                self._end.cancel()
            elif not self._closed:
                _log.warning("minigrad: compiling kernels for this processor (once) …")
                atexit.register(self._close, at_exit=True)
        self._depth += 1

    def on_end(self, event: CompilerEvent) -> None:
        if not _is_ours(event):
            return
        self._depth -= 1
        if self._depth > 0:
            return
        compile_time.add(time.perf_counter() - self._began)
        if not self._closed:
            self._end = threading.Timer(_A_WHILE, self._close)
            self._end.daemon = True
            self._end.start()

    def _close(self, at_exit: bool = False) -> None:
        if at_exit and self._depth:  # a helper thread still compiles
            compile_time.add(time.perf_counter() - self._began)
        elif self._depth:
            return
        if not self._closed:
            self._closed = True
            _log.warning("minigrad: compiled kernels in %.0f s", compile_time.compile_seconds())


def _is_ours(event: CompilerEvent) -> bool:
    return bool(event.data["dispatcher"].py_func.__module__.startswith("minigrad."))


event.register("numba:compile", _Notice())
