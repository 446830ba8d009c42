"""Write files completely or not at all, and never through a link that somebody else has made.

A folder may come from a stranger, or be shared with one. A link in it, under a name that is about to be written, would
redirect the write to any file of the user. So a new file gets a name that nobody can guess and must not exist before,
and links are refused where an existing file is written to.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".*.partial"  # the names of files that are being written, for glob
#: Errors of file systems that cannot sync, such as some of networks. A file is then as safe as they keep it.
_CANNOT_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def write_atomically(
    path: str | os.PathLike[str], content: bytes, keep_old_as: str | os.PathLike[str] | None = None
) -> None:
    """Write a file completely or not at all; see :func:`writing`."""
    with writing(path, keep_old_as) as file:
        file.write(content)


@contextmanager
def writing(path: str | os.PathLike[str], keep_old_as: str | os.PathLike[str] | None = None) -> Iterator[BinaryIO]:
    """Yield a file to write to. At the end it is synced to disk, and renamed to ``path``.

    After a crash or an error at any moment, there is either the old file or the new one, never a part of one. A link at
    ``path`` is replaced; what it points to is not touched.

    Args:
        keep_old_as: the old file goes there, once the new one is on the disk.

    Raises:
        OSError: if the file cannot be written; what was there before is unchanged.
    """
    path = Path(path)
    try:
        with _temporary(path) as (file, temporary):
            yield file
            file.flush()
            _sync(file.fileno())
            file.close()  # Windows renames no open file
            if keep_old_as is not None and path.is_file():
                keep_as(path, keep_old_as)
            os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}; what was there before is unchanged", str(path)) from None
    if hasattr(os, "O_DIRECTORY"):  # the rename itself must reach the disk too; Windows opens no folders
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            _sync(folder)
        finally:
            os.close(folder)


def _sync(descriptor: int) -> None:
    """Write a file or folder through to the disk, where the file system can do that."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def keep_as(path: Path, other: str | os.PathLike[str]) -> None:
    """Give a file a second name, under which it stays when ``path`` is replaced. A file of that name is replaced.

    It costs no space, unless the file system has no links. Files with a second name must not be written to.
    """
    with _unused_name(Path(other)) as temporary:
        try:
            os.link(path, temporary)
        except OSError:
            temporary.write_bytes(path.read_bytes())
        os.replace(temporary, other)


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Create a file beside ``path`` that did not exist before; remove it at the end if it still exists."""
    with _unused_name(path) as temporary, open(temporary, "xb") as file:  # x: create it, and follow no link
        yield file, temporary


@contextmanager
def _unused_name(path: Path) -> Iterator[Path]:
    """Yield a name that nobody can guess, beside ``path``; remove the file at the end if it still exists."""
    temporary = path.with_name(f".{path.name[:40]}.{os.urandom(8).hex()}.partial")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def make_writable(folder: Path) -> None:
    """Create a folder if it does not exist, create a file in it and remove that again.

    Raises:
        OSError: if the folder cannot be created or written to, naming it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _temporary(folder / "writable"):
            pass
    except OSError as error:
        raise OSError(error.errno, f"cannot write to this folder: {error.strerror}", str(folder)) from None


def append(path: str | os.PathLike[str], content: bytes) -> None:
    """Add bytes to the end of a file, which is created if it does not exist.

    Raises:
        OSError: if the file cannot be written, or is a link or not a plain file.
    """
    with open(_plain_file(path, os.O_WRONLY | os.O_APPEND), "ab") as file:
        file.write(content)


def open_for_update(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading and writing without emptying it; create it if it does not exist.

    Raises:
        OSError: if the file cannot be opened, or is a link or not a plain file.
    """
    return open(_plain_file(path, os.O_RDWR), "r+b")


def _plain_file(path: str | os.PathLike[str], flags: int) -> int:
    refuse_link(path)
    flags |= os.O_CREAT
    for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"):  # each only where the system has it
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no plain file: refused to write to it. Remove it, or choose another folder")
    return descriptor


def own_folder(path: Path) -> Path:
    """Create a folder if it does not exist, and return it.

    Raises:
        OSError: if it cannot be created, or is a link or a file.
    """
    refuse_link(path)
    path.mkdir(exist_ok=True)
    return path


def refuse_link(path: str | os.PathLike[str]) -> None:
    """Raise OSError if ``path`` is a link, even a broken one.

    Junctions, which link folders on Windows, count as links.
    """
    path = Path(path)
    if path.is_symlink() or (hasattr(path, "is_junction") and path.is_junction()):
        raise OSError(
            f"{path} is a link: refused to write through it, since it may lead out of its folder. Remove it, or choose "
            "another folder"
        )
