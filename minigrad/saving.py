"""``save`` and ``load``, with torch's arguments: state dicts and other trees of tensors, in a safetensors file.

>>> import minigrad, tempfile, os
>>> model = minigrad.nn.Linear(2, 1)
>>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
>>> minigrad.save(model.state_dict(), path)
>>> model.load_state_dict(minigrad.load(path))
<All keys matched successfully>
"""

from __future__ import annotations

import os
from typing import IO, Any

from minigrad import checkpoint
from minigrad.devices import DeviceLike
from minigrad.tensor import Tensor


def save(obj: object, f: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write ``obj`` to the file ``f``, completely or not at all.

    Args:
        obj: nested dicts, lists and tuples of tensors, arrays, numbers, strings and None, such as a ``state_dict()``.
        f: the path, or an open file such as ``io.BytesIO()``. The content is a safetensors file, whatever the path
            ends with.

    Raises:
        TypeError: for anything else, such as a whole module.
        OSError: if the file cannot be written; an old one is unchanged.
    """
    if not isinstance(f, str | os.PathLike) and not hasattr(f, "write"):
        raise TypeError(f"minigrad.save takes a path or an open file to write to, not {type(f).__name__}")
    if hasattr(obj, "state_dict"):
        raise TypeError(
            f"minigrad.save writes data, not objects: save {type(obj).__name__.lower()}.state_dict(), and read it with "
            "load_state_dict(minigrad.load(path))"
        )
    if isinstance(f, str | os.PathLike):
        checkpoint.save(f, obj)
    else:
        f.write(checkpoint.to_bytes(obj))


def load(
    f: str | os.PathLike[str] | IO[bytes], map_location: DeviceLike | None = None, *, weights_only: bool = True
) -> Any:
    """Return what :func:`save` wrote to the file ``f``; of any other safetensors file, its tensors by name.

    Args:
        f: the path, or an open file, which is read from its position to its end.
        map_location: the device of the tensors; the CPU if None.
        weights_only: must be true: nothing in a file is ever run.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if it is truncated or another kind of file, such as one of torch's.
        NotImplementedError: for ``weights_only=False``.
    """
    if not isinstance(f, str | os.PathLike) and not hasattr(f, "read"):
        raise TypeError(f"minigrad.load takes a path or an open file to read from, not {type(f).__name__}")
    if not weights_only:
        raise NotImplementedError("minigrad.load: weights_only=False is not supported: nothing in a file is ever run")
    tree = checkpoint.load(f) if isinstance(f, str | os.PathLike) else _read(f)
    return tree if map_location is None else _moved(tree, map_location)


def _read(file: IO[bytes]) -> object:
    content = file.read()
    if not content and file.seekable() and file.tell() > 0:
        raise checkpoint.CheckpointError("minigrad.load: the file is at its end: call seek(0) on it first")
    return checkpoint.from_bytes(content)


def _moved(tree: object, where: DeviceLike) -> object:
    if isinstance(tree, Tensor):
        return tree.to(device=where)
    if isinstance(tree, dict):
        return {key: _moved(value, where) for key, value in tree.items()}
    return type(tree)(_moved(value, where) for value in tree) if isinstance(tree, list | tuple) else tree
