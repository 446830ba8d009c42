"""Differences between operating systems, each with a fallback.

No other file of minigrad may use a function that only some systems have: Windows has no ``fork``, neither Windows nor
macOS reports the cores that a process may use, and only Linux has ``/proc``.
"""

from __future__ import annotations

import importlib
import os
import socket
import stat
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, TextIO


def _if_there(module: str) -> ModuleType | None:
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


# The locks of files: of Linux and macOS, of Windows.
fcntl, msvcrt = _if_there("fcntl"), _if_there("msvcrt")
_termios = _if_there("termios")

#: How worker processes start by default: as a copy of this process where that is safe, else as a fresh Python. macOS
#: can copy a process too, but its system libraries, among them the BLAS that NumPy uses, may crash in the copy.
START_METHOD = "fork" if sys.platform.startswith("linux") and hasattr(os, "fork") else "spawn"

#: Whether a process inherits the open files of its parent, so that both can map them into memory.
FILES_ARE_INHERITED = sys.platform != "win32"


def wait_until_read(file: TextIO, seconds: float = 1.0) -> None:
    """Flush a file; if it is a pipe, wait until its other end has read everything, for some seconds at most."""
    file.flush()
    if fcntl is None or _termios is None:
        return
    unread, end = bytearray(4), time.monotonic() + seconds
    with suppress(OSError, ValueError):  # it has no descriptor
        while stat.S_ISFIFO(os.fstat(file.fileno()).st_mode) and time.monotonic() < end:
            fcntl.ioctl(file.fileno(), _termios.FIONREAD, unread)
            if not any(unread):
                return
            time.sleep(0.001)


def cores() -> int:
    """Return how many cores this process can keep busy, at least 1.

    These are the cores that it may run on, but no more than the CPU quota of its control group: in a container limited
    to 2 of 96 cores, 96 threads would spend nearly all their time waiting for each other.
    """
    if hasattr(os, "process_cpu_count"):  # Python 3.13; it also respects PYTHON_CPU_COUNT
        count = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count()
    quota = cpu_quota()
    return max(1, min(count or 1, count or 1 if quota is None else int(quota)))


def cores_by_name() -> tuple[str, ...]:
    """Return the name of this machine, and the numbers of the cores that this process may run on, where it can tell.

    Processes with the same answer share their cores.
    """
    numbers = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return (socket.gethostname(), *map(str, numbers))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Return the CPU quota of this process's control group, as a number of cores; None for no limit.

    Every parent group may have a limit too, and the smallest one counts. Inside a container only the container's own
    groups are visible, with its own at the top, although Linux may report the path that is valid outside.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux, or not allowed
        return None
    found = [
        quota
        for line in lines
        for group, version in _groups_of(line, root / "sys/fs/cgroup")
        if (quota := _quota_of(group, version)) is not None
    ]
    return min(found, default=None)


def _groups_of(line: str, mounted: Path) -> Iterator[tuple[Path, int]]:
    """Yield the folders of the groups in a line of /proc/self/cgroup, innermost first, and the interface's version.

    The line is ``number:controllers:/path``; version 2 names no controllers.
    """
    number, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    if number == "0" and not controllers:
        tops, version = [mounted, mounted / "unified"], 2
    elif "cpu" in controllers.split(","):
        tops, version = [mounted / controllers, mounted / "cpu"], 1
    else:
        return
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for top in tops:
        for depth in range(len(parts), -1, -1):
            yield top.joinpath(*parts[:depth]), version


def _quota_of(group: Path, version: int) -> float | None:
    """Return the CPU quota of one group, as a number of cores; None if it has no limit."""
    try:
        if version == 2:
            quota, period = (group / "cpu.max").read_text(encoding="utf-8").split()  # "200000 100000", or "max 100000"
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period"))
        return int(quota) / int(period) if quota != "max" and int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def after_fork_in_child(function: Callable[[], None]) -> None:
    """Call ``function`` in every process that starts as a copy of this one; does nothing where there is no fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


def lock(file: BinaryIO) -> bool | None:
    """Lock an open file until it is closed; return False if another process, or this one, has locked it.

    Return None where the file system has no locks.
    """
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            file.seek(1 << 30)  # a byte behind the content, which others may still read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            file.seek(0)
    except (BlockingIOError, PermissionError):  # of Linux and macOS, of Windows
        file.seek(0)
        return False
    except OSError:
        return None
    return True


def is_running(pid: int) -> bool:
    """Return whether there is a process of this number; True where the system does not say."""
    if os.name != "posix":  # there, the signal 0 would end the process
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # of another user
        pass
    return True


def user() -> int | None:
    """Return the number of the user as whom this process runs; None on Windows, which has no such numbers."""
    return os.geteuid() if hasattr(os, "geteuid") else None


def only_these_users_write(status: os.stat_result, users: Collection[int | None], in_groups: bool = False) -> bool:
    """Return whether nobody but these users can write a file or folder, or replace what is in the folder.

    Args:
        status: what ``os.stat`` returns for it.
        in_groups: allow that the file's group may write: many systems give each user a group of his own.

    On Windows, where the bits of a mode say nothing of other users, return True.
    """
    if user() is None:
        return True
    others = stat.S_IWOTH | (0 if in_groups else stat.S_IWGRP)
    is_shared = stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX)  # each removes only his own files
    return status.st_uid in users and (not status.st_mode & others or (is_shared and in_groups))


def memory_in_use() -> int | None:
    """Return the bytes of memory that this process uses; None where the system does not report them."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    _, found, rest = status.partition("VmRSS:")
    return int(rest.split()[0]) * 1024 if found else None


def is_stopped(pid: int) -> bool:
    """Return whether a process has been stopped, as by SIGSTOP; False where the system does not report it."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[:1] in (["T"], ["t"])


def started_as(package: str) -> str:
    """Return the command that started a package's command line: ``python -m package``, or the name of its script."""
    script = Path(sys.argv[0])
    return f"python -m {package}" if script.name == "__main__.py" else script.stem


def never_fail_to_print() -> None:
    """Print a character that the terminal's encoding lacks as ``\\u2026``, rather than raise an error.

    For command lines. On Windows, the encoding of a file or a pipe may have only a few hundred characters.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
