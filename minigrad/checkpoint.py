"""Checkpoints: nested dicts, lists, numbers and tensors in one safetensors file, written completely or not at all.

The tensors are stored under their paths, and everything else as JSON in the file's metadata. Nothing is ever unpickled,
so the worst that a file from a stranger can contain is wrong data.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.tensor_base import wrap
from minigrad.extras import Later
from minigrad.file_kinds import kind_of_file
from minigrad.files import write_atomically
from minigrad.tensor import Tensor
from minigrad.typing import Array

if TYPE_CHECKING:
    import safetensors
    from safetensors import numpy as safetensors_numpy
else:
    safetensors = Later("safetensors", "a checkpoint")
    safetensors_numpy = Later("safetensors.numpy", "a checkpoint")


class CheckpointError(RuntimeError):
    """A file cannot be read as a checkpoint; the message names it and says why."""


def save(path: str | os.PathLike[str], tree: object, **metadata: str) -> None:
    """Write ``tree`` to ``path``, completely or not at all.

    Raises:
        TypeError: for a value other than a dict, list, tuple, number, string, None, array or tensor.
        OSError: if the file cannot be written; an old one is unchanged.
    """
    write_atomically(path, to_bytes(tree, **metadata))


def to_bytes(tree: object, **metadata: str) -> bytes:
    """Return the content of the file that :func:`save` writes.

    Raises:
        TypeError: for a value other than a dict, list, tuple, number, string, None, array or tensor.
    """
    tensors: dict[str, Array] = {}
    skeleton = _take_apart(tree, "", tensors)
    content: bytes = safetensors_numpy.save(tensors, {**metadata, "tree": json.dumps(skeleton)})
    return content


def load(path: str | os.PathLike[str], with_tensors: bool = True) -> Any:  # the tree that was saved
    """Return the tree that :func:`save` wrote. A plain safetensors file gives a flat dict of tensors.

    Args:
        with_tensors: False reads no tensors, which takes no time; each is None in the tree.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if it is truncated or not a safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) if with_tensors else None for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except safetensors.SafetensorError as error:
        if kind := kind_of_file(path):
            raise CheckpointError(f"{path}: not a safetensors file, but {kind}") from None
        size = path.stat().st_size
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({size} bytes): {error}. It may have been cut short while it "
            "was copied; take another copy or an earlier checkpoint"
        ) from None
    return _tree(tensors, metadata)


def from_bytes(content: bytes) -> Any:  # the tree that was saved
    """Return the tree that :func:`to_bytes` turned into bytes. A plain safetensors file gives a flat dict of tensors.

    Raises:
        CheckpointError: if they are not the whole content of a safetensors file.
    """
    try:
        tensors = safetensors_numpy.load(content)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"not a whole safetensors file ({len(content)} bytes): {error}") from None
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return _tree(tensors, head.get("__metadata__", {}))


def _tree(tensors: Mapping[str, Array | None], metadata: Mapping[str, str]) -> object:
    """Return the tree in a file of these tensors and texts."""
    if "tree" not in metadata:
        return {name: _tensor(array) for name, array in tensors.items()}
    return _put_together(json.loads(metadata["tree"]), tensors)


def _take_apart(node: object, name: str, tensors: dict[str, Array]) -> object:
    """Return ``node`` in a form for JSON, each tensor replaced by its name; the arrays go into ``tensors``."""
    if isinstance(node, Tensor | np.ndarray):
        tensors[name] = np.asarray(to_host(node.array if isinstance(node, Tensor) else node), order="C")
        return {"tensor": name}
    if isinstance(node, dict):
        prefix = f"{name}." if name else ""
        return {"dict": [[key, _take_apart(value, f"{prefix}{key}", tensors)] for key, value in node.items()]}
    if isinstance(node, list | tuple):
        kind = "list" if isinstance(node, list) else "tuple"
        return {kind: [_take_apart(value, f"{name}.{i}", tensors) for i, value in enumerate(node)]}
    if isinstance(node, np.generic):
        node = node.item()
    if node is None or isinstance(node, bool | int | float | str):
        return node
    raise TypeError(f"cannot save {name or 'the tree'}: {type(node).__name__} is neither data nor a tensor")


def _tensor(array: Array | None) -> Tensor | None:
    return None if array is None else wrap(array)


def _put_together(node: object, tensors: Mapping[str, Array | None]) -> object:
    """Return the tree that ``_take_apart`` turned into ``node`` and ``tensors``."""
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return _tensor(tensors[content])
    if kind == "dict":
        return {key: _put_together(value, tensors) for key, value in content}
    values = [_put_together(value, tensors) for value in content]
    return values if kind == "list" else tuple(values)
