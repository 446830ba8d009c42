"""Image files: find them in the folders of their classes, and count what is left out on the way."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from minigrad.data.datasets.images import EXTENSIONS

_EXTENSIONS = frozenset(EXTENSIONS)
_USUAL = (".JPEG", ".jpg", ".jpeg", ".JPG", ".png")  # recognised in half the time
#: Folders that systems and archives add by themselves, beside those whose name begins with a dot.
_SYSTEM_FOLDERS = frozenset(
    ("__MACOSX", "__pycache__", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information")
)
#: Files that file managers add by themselves: not worth a word.
_SYSTEM_FILES = frozenset((".DS_Store", ".directory", ".localized", "Thumbs.db", "desktop.ini"))
_NAMED = 3  # files named in a line; the others are counted


@dataclass
class LeftOut:
    """The files and folders that were found and not taken, by reason; paths are relative to ``root``."""

    root: str
    formats: Counter[str] = field(default_factory=Counter)  # by extension
    hidden: list[str] = field(default_factory=list)
    dangling: list[str] = field(default_factory=list)  # links
    repeated: list[str] = field(default_factory=list)  # folders that links lead to again
    outside: list[str] = field(default_factory=list)  # images in no class's folder
    special: list[str] = field(default_factory=list)  # pipes, sockets, devices
    corrupt: list[str] = field(default_factory=list)  # a sentence each

    def lines(self) -> list[str]:
        """Return a line for each reason that occurred."""
        counts = ", ".join(f"{extension or 'no extension'} {n}" for extension, n in self.formats.most_common())
        found = [
            (sum(self.formats.values()), "file{} with other extensions than an image's", counts),
            (len(self.hidden), "hidden file{} or folder{}", _some(self.hidden)),
            (len(self.dangling), "link{} to nowhere", _some(self.dangling)),
            (len(self.repeated), "link{} to a folder that is read already", _some(self.repeated)),
            (len(self.outside), "image{} outside the folders of the classes", _some(self.outside)),
            (len(self.special), "thing{} that is no plain file", _some(self.special)),
            (len(self.corrupt), "image{} that cannot be read", _some(self.corrupt, "; ", 20)),
        ]
        name = os.path.basename(os.path.abspath(self.root))
        return [
            f"{name}: left out {n:,} {what.replace('{}', '' if n == 1 else 's')}: {which}"
            for n, what, which in found
            if n
        ]

    def add(self, reason: list[str], path: str) -> None:
        """Record a path, relative to the root."""
        reason.append(os.path.relpath(path, self.root))


def _some(names: list[str], between: str = ", ", most: int = _NAMED) -> str:
    shown = between.join(sorted(names)[:most])
    return shown if len(names) <= most else f"{shown}{between}and {len(names) - most:,} more"


def class_folders(root: str, left_out: LeftOut) -> dict[str, list[str]]:
    """Return the folders in ``root`` by their names, which are the classes, sorted.

    Names are composed (Unicode's NFC), since systems write "é" as one character or as two. Folders whose names differ
    in nothing else are one class.
    """
    found: dict[str, list[str]] = {}
    with os.scandir(root) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if _is_hidden(entry.name):
                if entry.name not in _SYSTEM_FILES:
                    left_out.add(left_out.hidden, entry.path)
            elif _is_dir(entry):
                found.setdefault(unicodedata.normalize("NFC", entry.name), []).append(entry.path)
            elif _extension(entry.name) in _EXTENSIONS and _is_file(entry):
                left_out.add(left_out.outside, entry.path)
            elif entry.is_symlink() and not _is_file(entry):
                left_out.add(left_out.dangling, entry.path)
    return dict(sorted(found.items()))


def images_in(folders: Iterable[str], left_out: LeftOut) -> list[str]:
    """Return the paths of the images in some folders and in all folders below them, in torchvision's order.

    Links are followed; a folder that several of them lead to is read once, so that circles end.
    """
    found = []
    for folder in folders:
        read = {_identity(parent) for parent in _parents(os.path.abspath(folder))}
        below = [folder]
        while below:
            path = below.pop()
            identity = _identity(path)
            if identity in read:
                left_out.add(left_out.repeated, path)
                continue
            read.add(identity)
            images, inner = _entries(path, left_out)
            found.append((path, images))
            below += sorted(inner, reverse=True)
    prefixes = ((os.path.join(path, ""), images) for path, images in sorted(found))
    return [prefix + name for prefix, images in prefixes for name in images]


def _entries(folder: str, left_out: LeftOut) -> tuple[list[str], list[str]]:
    """Return the names of the images in a folder, sorted, and the paths of the folders in it.

    A million images pass through here, so each costs a look at its name and none at the disk.
    """
    with os.scandir(folder) as listed:
        entries = list(listed)
    images = [
        name
        for entry in entries
        if ((name := entry.name).endswith(_USUAL) or name[name.rfind(".") :].lower() in _EXTENSIONS)
        and name[0] != "."
        and _is_file(entry)
    ]
    folders: list[str] = []
    if len(images) < len(entries):
        taken = set(images)
        for entry in entries:
            if entry.name not in taken:
                _sort_out(entry, folders, left_out)
    return sorted(images), folders


def _sort_out(entry: os.DirEntry[str], folders: list[str], left_out: LeftOut) -> None:
    """Add a folder to those that are still to be read, and anything else to what is left out."""
    if entry.name in _SYSTEM_FILES:
        return
    if _is_hidden(entry.name):
        left_out.add(left_out.hidden, entry.path)
    elif _is_dir(entry):
        folders.append(entry.path)
    elif _is_file(entry):
        left_out.formats[_extension(entry.name)] += 1
    else:
        left_out.add(left_out.dangling if entry.is_symlink() else left_out.special, entry.path)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    """Return whether this is a folder, or a link to one; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Return whether this is a file, or a link to one; a link that leads to itself is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _SYSTEM_FOLDERS


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _identity(path: str) -> tuple[int, int]:
    """Return what tells a folder from every other one, whatever the path that leads to it."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _parents(path: str) -> list[str]:
    parents = []
    while (parent := os.path.dirname(path)) != path:
        parents.append(parent)
        path = parent
    return parents
