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
from typing import Any

from minigrad import checkpoint
from minigrad.devices import DeviceLike
from minigrad.tensor import Tensor


def save(obj: object, f: str | os.PathLike[str]) -> None:
    """Write ``obj`` to the file ``f``, completely or not at all.

    Args:
        obj: nested dicts, lists and tuples of tensors, arrays, numbers, strings and None, such as a ``state_dict()``.
        f: the path. The content is a safetensors file, whatever the path ends with.

    Raises:
        TypeError: for anything else, such as a whole module.
        OSError: if the file cannot be written; an old one is unchanged.
    """
    if not isinstance(f, str | os.PathLike):
        raise TypeError(f"minigrad.save takes a path to write to, not {type(f).__name__}")
    if hasattr(obj, "state_dict"):
        raise TypeError(
            f"minigrad.save writes data, not objects: save {type(obj).__name__.lower()}.state_dict(), and read it with "
            "load_state_dict(minigrad.load(path))"
        )
    checkpoint.save(f, obj)


def load(f: str | os.PathLike[str], map_location: DeviceLike | None = None, *, weights_only: bool = True) -> Any:
    """Return what :func:`save` wrote to the file ``f``; of any other safetensors file, its tensors by name.

    Args:
        map_location: the device of the tensors; the CPU if None.
        weights_only: must be true: nothing in a file is ever run.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if it is truncated or another kind of file, such as one of torch's.
        NotImplementedError: for ``weights_only=False``.
    """
    if not isinstance(f, str | os.PathLike):
        raise TypeError(f"minigrad.load takes a path to read from, not {type(f).__name__}")
    if not weights_only:
        raise NotImplementedError("minigrad.load: weights_only=False is not supported: nothing in a file is ever run")
    tree = checkpoint.load(f)
    return tree if map_location is None else _moved(tree, map_location)


def _moved(tree: object, where: DeviceLike) -> object:
    if isinstance(tree, Tensor):
        return tree.to(device=where)
    if isinstance(tree, dict):
        return {key: _moved(value, where) for key, value in tree.items()}
    return type(tree)(_moved(value, where) for value in tree) if isinstance(tree, list | tuple) else tree
