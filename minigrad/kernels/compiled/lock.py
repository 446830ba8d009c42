"""Let one process at a time make a file, so that several that start at once do not all compile the same kernel.

The system frees a lock when its process ends, however it ends. Where it has no such locks (Windows), or the folder
cannot be written, each process does the work, with the same result.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from minigrad.kernels.compiled import kept_files

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_LONGEST_WAIT = 120.0  # seconds, after which the work is done without the lock


class Lock:
    """A lock on the making of a file, which may stand in any of some folders; it is held until ``release``."""

    def __init__(self, name: str, folders: Iterable[Path]) -> None:
        self._file: int | None = None
        for folder in folders if fcntl is not None else ():
            self._path = folder / f"{name}.lock"
            with suppress(OSError):
                if not kept_files.make(folder):
                    continue
                self._file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o666)
                self._wait(self._file)
                return

    def _wait(self, file: int) -> None:
        end = time.monotonic() + _LONGEST_WAIT
        while not self._taken(file) and time.monotonic() < end:
            _say_why_we_wait()
            time.sleep(0.05)

    @staticmethod
    def _taken(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return True
        return True

    def release(self) -> None:
        """Let the next process have the lock, which will find the file."""
        if self._file is None:
            return
        self._path.unlink(missing_ok=True)
        fcntl.flock(self._file, fcntl.LOCK_UN)  # for a child that has inherited the open file, closing is not enough
        os.close(self._file)
        self._file = None


@cache
def _say_why_we_wait() -> None:
    logging.getLogger("minigrad").warning("minigrad: waiting for kernels that another process is compiling …")
