"""A lock: while a run writes into its folder, no other run can.

The operating system holds the lock, and gives it up when the process ends, however it ends. So a file that a killed run
has left behind locks nothing.
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
        path = folder / NAME
        files.refuse_link(path)
        file = _locked(path)
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "started": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        file.truncate(0)  # of a run that was killed
        file.write(json.dumps(owner).encode())
        file.flush()
        _held.add(file)
        self.release = weakref.finalize(self, _release, path, file, os.getpid())


def _locked(path: Path) -> BinaryIO:
    """Return the file, opened and locked."""
    while True:
        file = files.open_for_update(path)
        if not system.lock(file):
            text = file.read()
            file.close()
            raise FolderInUseError(_in_use(path.parent, text))
        try:
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:
            pass
        file.close()  # its owner has removed it since it was opened: there is a new file, or none


def _in_use(folder: Path, text: bytes) -> str:
    who = "another process"
    with suppress(ValueError, KeyError, TypeError):  # it is just being written
        owner = json.loads(text)
        who = f"process {owner['pid']} on {owner['host']}, which started at {owner['started']}"
    return f"{folder} is in use by {who}. Wait for it, stop it (Ctrl-C saves its work), or choose another --output"


def _release(path: Path, file: BinaryIO, owner: int) -> None:
    """Remove the file and give up the lock, in the process that holds it."""
    if os.getpid() != owner:
        return
    try:
        path.unlink(missing_ok=True)  # while it is locked: nobody else's file can be there
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
