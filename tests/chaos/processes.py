"""Processes: the program as a copy of this process, which has imported everything, or as a fresh one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

MPIEXEC = shutil.which("mpiexec", path=sysconfig.get_path("scripts")) or shutil.which("mpiexec")
PATIENCE = 90.0  # seconds until a process counts as hung


class Ended(NamedTuple):
    """A process that has ended, or was ended because it hung."""

    status: int  # exit status; of a process that was killed by a signal, minus its number
    out: str
    err: str
    seconds: float
    hung: bool
    left_behind: int  # processes that it started and that outlived it

    @property
    def last_line(self) -> str:
        """The last line on stderr."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def copied(program: Callable[[], int | None], folder: Path, name: str) -> Ended:
    """Run a function in a copy of this process, in a session of its own, and wait for it."""
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _become(program, folder, name)
    return _waited(pid, folder, name, began)


def fresh(arguments: list[str], folder: Path, name: str, ranks: int = 0) -> Ended:
    """Run a fresh Python, in a session of its own, and wait for it; with ``ranks``, so many that mpiexec starts."""
    command = [*([MPIEXEC, "-n", str(ranks)] if ranks and MPIEXEC else []), sys.executable, *arguments]
    began = time.monotonic()
    with open(folder / f"{name}.out", "wb") as out, open(folder / f"{name}.err", "wb") as err:
        started = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)
        ended = _waited(started.pid, folder, name, began)
        started.returncode = ended.status
    return ended


def _become(program: Callable[[], int | None], folder: Path, name: str) -> None:
    status = 70
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for descriptor, ending in ((1, "out"), (2, "err")):
            file = os.open(folder / f"{name}.{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            os.dup2(file, descriptor)
            os.close(file)
        sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", buffering=1, closefd=False) for n in (1, 2))  # noqa: SIM115
        try:
            status = program() or 0
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
            status = 130 if isinstance(sys.exception(), KeyboardInterrupt) else 71
        sys.stdout.flush()
    finally:
        os._exit(status)


def _waited(pid: int, folder: Path, name: str, began: float) -> Ended:
    hung = False
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() - began > PATIENCE:
            hung = True
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            break
        time.sleep(0.01)
    seconds = time.monotonic() - began
    left = _end_session(pid)
    texts = [(folder / f"{name}.{kind}").read_text("utf-8", "replace") for kind in ("out", "err")]
    return Ended(os.waitstatus_to_exitcode(status), texts[0], texts[1], seconds, hung, left)


def _end_session(session: int) -> int:
    """Wait until all processes of a session have ended; kill and count those that do not."""
    for _ in range(300):
        living = _living(session)
        if not living:
            return 0
        time.sleep(0.02)
    for pid in living:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(living)


def _living(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir() if Path("/proc/self/stat").exists() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] not in "ZX":
                    found.append(int(entry.name))
    return found
