"""Keep files in folders that only their owner can write, and notice damaged and exchanged ones.

Machine code is run as it is read: another user who can write a file of it can run any program as its reader. So a file
counts only if nobody else can have written it, or have put its folder, or a link to one, in its place.
A checksum over name and content finds a file that was damaged, or that stands under the name of another.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from minigrad.system import only_these_users_write, user

_CHECKSUM = 32  # bytes
_PACKAGE = Path(__file__).parent


def read(name: str, folders: Iterable[Path]) -> bytes | None:
    """Return the content of a file in the first of these folders that has a sound one; None if none has."""
    for folder in folders:
        if not is_safe(folder):
            continue
        try:
            with open(folder / name, "rb") as file:
                status, content = os.fstat(file.fileno()), file.read()
        except OSError:
            continue
        if not only_these_users_write(status, _trusted()):
            _say_unsafe(folder / name)
        elif _checksum(name, content[_CHECKSUM:]) == content[:_CHECKSUM]:
            return content[_CHECKSUM:]
        else:
            say_damaged(folder)
    return None


def write(name: str, content: bytes, folders: Iterable[Path]) -> bool:
    """Write a file into the first of these folders that can be written; return whether there is one."""
    for folder in folders:
        try:
            if make(folder):
                _write_whole(folder / name, _checksum(name, content) + content)
                return True
        except OSError:
            continue
    return False


def make(folder: Path) -> bool:
    """Create a folder that only this user can write, if it does not exist; return whether it is safe.

    Raises:
        OSError: if it cannot be created.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o755, exist_ok=True)
    return is_safe(folder)


def is_safe(folder: Path) -> bool:
    """Return whether only trusted users can have put files into a folder; say so in one line if others can.

    One that does not exist is safe.
    """
    try:
        status, above = folder.lstat(), folder.parent.stat()
    except OSError:
        return True
    safe = (
        stat.S_ISDIR(status.st_mode)  # and no link
        and only_these_users_write(status, _trusted())
        and only_these_users_write(above, _trusted(), in_groups=True)
    )
    if not safe:
        _say_unsafe(folder)
    return safe


@cache
def _trusted() -> frozenset[int | None]:
    """Return the users whose files may be run: this one, root, and the owner of this package, which runs already."""
    return frozenset({0, user(), _PACKAGE.stat().st_uid})


def _checksum(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + content).digest()


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that other processes see all of it or nothing; every user may read it."""
    descriptor, partial = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


@cache
def _say_unsafe(path: Path) -> None:
    logging.getLogger("minigrad").warning(
        "minigrad: %s is not used: other users may have written it, and machine code is run as it is read. Remove it, "
        "or set NUMBA_CACHE_DIR to a folder that only you can write",
        path,
    )


@cache
def say_damaged(folder: Path) -> None:
    """Say in one line that files in a folder are damaged."""
    logging.getLogger("minigrad").warning("minigrad: damaged machine code in %s is compiled anew", folder)
