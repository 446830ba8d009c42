"""``torch.save`` and ``torch.load`` as programs call them: of whole models, and with open files.

State dicts and other trees of tensors become a safetensors file, as with ``minigrad.save``. Of any other object, such
as a whole model, a copy stays in memory, and the file has only its number: the program that wrote it can read it back,
and another one is told to save a ``state_dict()``. So no file is ever unpickled.
"""

from __future__ import annotations

import copy
import os
import tempfile
from typing import Any

from minigrad import saving

_MARK = "an object of the program that wrote this file"
_kept: dict[str, Any] = {}


def save(obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: int = 2, **_: object) -> None:
    """Write ``obj`` to a path or an open file."""
    if isinstance(f, str | os.PathLike):
        _write(obj, os.fspath(f))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "saved")
        _write(obj, path)
        with open(path, "rb") as written:
            f.write(written.read())


def _write(obj: Any, path: str) -> None:
    try:
        saving.save(obj, path)
    except TypeError:  # not a tree of tensors
        number = f"{os.getpid()}-{len(_kept)}"
        _kept[number] = copy.deepcopy(obj)
        saving.save({_MARK: number, "type": type(obj).__name__}, path)


def load(f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool = True, **_: object) -> Any:
    """Return what is in a path or an open file, on the device ``map_location``, if that names one.

    Raises:
        RuntimeError: if another program wrote a whole object.
    """
    if not isinstance(f, str | os.PathLike):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "saved")
            with open(path, "wb") as copied:
                copied.write(f.read())
            return load(path, map_location)
    where = map_location if isinstance(map_location, str) or hasattr(map_location, "type") else None
    found = saving.load(f, where)
    if not isinstance(found, dict) or _MARK not in found:
        return found
    if found[_MARK] not in _kept:
        raise RuntimeError(
            f"{os.fspath(f)} was written by torch.save(…) of a whole {found['type']}, which only the same run of "
            "the program can read back; save its state_dict() instead"
        )
    return copy.deepcopy(_kept[found[_MARK]])
