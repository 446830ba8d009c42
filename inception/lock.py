"""A lock: while a run writes into its folder, no other run can.

The operating system holds the lock, and gives it up when the process ends, however it ends. So a file that a killed run
has left behind locks nothing. On a file system without locks the file's process counts, as long as it runs, or as long
as it is of another host.
"""

from __future__ import annotations

import json
import os
import socket
import weakref
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from minigrad import files, system

NAME = "run.lock"
_held: weakref.WeakSet[BinaryIO] = weakref.WeakSet()  # the open files of this process's locks


class FolderInUseError(OSError):
    """Another process runs in the folder; the message says which, and since when."""


class FolderLock:
    """The lock of a folder; its file names the process that holds it.

    Raises:
        FolderInUseError: if another run holds it.
        OSError: if the file cannot be written, or is a link.
    """

    def __init__(self, folder: Path) -> None:
        self._path = path = folder / NAME
        files.refuse_link(path)
        file = _locked(path)
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "started": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        self._owner = json.dumps(owner).encode()
        file.truncate(0)  # of a run that was killed
        file.write(self._owner)
        file.flush()
        _held.add(file)
        self.release = weakref.finalize(self, _release, path, file, os.getpid())

    def refuse_another_owner(self) -> None:
        """Raise :class:`FolderInUseError` if the folder was moved or deleted, and another run has one of its name."""
        try:
            text = self._path.read_bytes()
        except OSError:  # without it nobody else owns the folder; if it is gone, writing to it will fail
            return
        if text not in (b"", self._owner):
            raise FolderInUseError(_in_use(self._path.parent, text))


def _locked(path: Path) -> BinaryIO:
    """Return the file, opened and locked."""
    while True:
        file = files.open_for_update(path)
        outcome, text = system.lock(file), file.read()
        if outcome is False or (outcome is None and _lives(text)):
            file.close()
            raise FolderInUseError(_in_use(path.parent, text, sure=outcome is False))
        file.seek(0)
        if _is_at(file, path):
            return file
        file.close()  # its owner has removed it since it was opened: there is a new file, or none


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Return whether an open file is the one at ``path``."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _lives(text: bytes) -> bool:
    """Return whether the process that wrote ``text`` may still run; for file systems that have no locks."""
    try:
        owner = json.loads(text)
        pid, host = int(owner["pid"]), owner["host"]
    except (ValueError, KeyError, TypeError):
        return False
    return host != socket.gethostname() or (pid != os.getpid() and system.is_running(pid))


def _in_use(folder: Path, text: bytes, sure: bool = True) -> str:
    who = "another process"
    with suppress(ValueError, KeyError, TypeError):  # it is just being written
        owner = json.loads(text)
        who = f"process {owner['pid']} on {owner['host']}, which started at {owner['started']}"
    advice = "Wait for it, stop it (Ctrl-C saves its work), or choose another --output"
    if not sure:
        advice += f"; if it has ended, remove {folder / NAME}"
    return f"{folder} is in use by {who}. {advice}"


def _release(path: Path, file: BinaryIO, owner: int) -> None:
    """Remove the file and give up the lock, in the process that holds it."""
    if os.getpid() != owner:
        return
    try:
        if _is_at(file, path):  # the folder may have been moved, and another run's be there
            path.unlink(missing_ok=True)  # while it is locked: nobody else can make the file his own
        file.close()
    except OSError:  # Windows removes no open file, and nobody can open this one before it is closed
        file.close()
        with suppress(OSError):
            path.unlink()


def _close_copies() -> None:
    """Close the locks in a process that has started as a copy of their owner: it would hold them after its death."""
    for file in list(_held):
        file.close()


system.after_fork_in_child(_close_copies)
