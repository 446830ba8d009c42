"""What differs between operating systems, each in one place with a way to do without.

Nothing else in minigrad may call what only some systems have: Windows knows no ``fork``, neither Windows nor macOS
says which cores a process may use, and only Linux has ``/proc``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

#: How worker processes start unless the user says so: a copy of this process where that is safe, else a fresh Python.
#: macOS can copy a process too, but its own libraries, the one NumPy takes for products among them, may crash in it.
START_METHOD = "fork" if sys.platform.startswith("linux") and hasattr(os, "fork") else "spawn"

#: Whether a process can hand an open file to one that it starts, for both to map into memory.
FILES_ARE_INHERITED = sys.platform != "win32"


def cores() -> int:
    """Return how many cores this process can keep busy, at least 1.

    These are the cores that it may run on, and no more than its control group's share of processor time pays for:
    in a container that may use 2 of 96 cores' time, 96 threads would spend nearly all of it waiting for each other.
    """
    if hasattr(os, "process_cpu_count"):  # Python 3.13; it also heeds PYTHON_CPU_COUNT
        count = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count()
    quota = cpu_quota()
    return max(1, min(count or 1, count or 1 if quota is None else int(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Return for how many cores' time the control group of this process may use the processor; None for no limit.

    Every group above may have a limit too, and the smallest one counts. Inside a container only the container's own
    groups are to be seen, with it at the top, although Linux may name the path to them that is valid outside.
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
    """Yield the folder of each group that a line of /proc/self/cgroup means, from below, and the interface's version.

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
    """Return the cores' time of one group; None if it has no limit."""
    try:
        if version == 2:
            quota, period = (group / "cpu.max").read_text(encoding="utf-8").split()  # "200000 100000", or "max 100000"
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period"))
        return int(quota) / int(period) if quota != "max" and int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def after_fork_in_child(function: Callable[[], None]) -> None:
    """Call ``function`` in every process that begins as a copy of this one, where there is such a thing."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


def memory_in_use() -> int | None:
    """Return how many bytes of memory this process holds now; None where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    _, found, rest = status.partition("VmRSS:")
    return int(rest.split()[0]) * 1024 if found else None


def started_as(package: str) -> str:
    """Return how a package's command line was started: ``python -m package``, or the name of its script."""
    script = Path(sys.argv[0])
    return f"python -m {package}" if script.name == "__main__.py" else script.stem


def never_fail_to_print() -> None:
    """Let the terminal show what it can: a character that its encoding lacks comes out as ``\\u2026``, not as an error.

    For command lines. On Windows, output that goes into a file or a pipe has an encoding of a few hundred characters.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
