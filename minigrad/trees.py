"""Trees of data: nested dicts, lists, tuples, numbers, arrays and tensors, taken apart for a file and put together.

A tree that is put together may come from a stranger, so every part of it is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.tensor_base import wrap
from minigrad.tensor import Tensor
from minigrad.typing import Array

_KINDS = {"tensor", "array", "dict", "list", "tuple"}


def taken_apart(tree: object) -> tuple[str, dict[str, Array]]:
    """Return a tree as JSON in which tensors and arrays are names, and the arrays under these names.

    Raises:
        TypeError: for a value other than a dict, list, tuple, number, string, None, array or tensor.
    """
    tensors: dict[str, Array] = {}
    return json.dumps(_take_apart(tree, "", tensors)), tensors


def put_together(text: str, tensors: Mapping[str, Array | None]) -> object:
    """Return the tree that :func:`taken_apart` returned as ``text`` and ``tensors``; that of a None is None.

    Raises:
        ValueError: for a text that it cannot have returned, saying where.
    """
    try:
        return _put_together(json.loads(text), "", tensors)
    except json.JSONDecodeError as error:
        raise ValueError(f"its tree is not JSON ({error})") from None
    except RecursionError:
        raise ValueError("its tree is nested too deeply") from None


def tensor_of(array: Array | None) -> Tensor | None:
    """Return an array as a tensor."""
    return None if array is None else wrap(array)


def _take_apart(node: object, name: str, tensors: dict[str, Array]) -> object:
    """Return ``node`` in a form for JSON, each tensor replaced by its name; the arrays go into ``tensors``."""
    if isinstance(node, Tensor | np.ndarray):
        tensors[name] = np.asarray(to_host(node.array if isinstance(node, Tensor) else node), order="C")
        return {"tensor" if isinstance(node, Tensor) else "array": name}
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


def _put_together(node: object, name: str, tensors: Mapping[str, Array | None]) -> object:
    """Return the tree that ``_take_apart`` turned into ``node`` and ``tensors``."""
    if node is None or isinstance(node, bool | int | float | str):
        return node
    if not isinstance(node, dict) or len(node) != 1 or not node.keys() <= _KINDS:
        raise ValueError(f"{name or 'its tree'} is neither data nor a tensor")
    ((kind, content),) = node.items()
    if kind in ("tensor", "array"):
        if not isinstance(content, str) or content not in tensors:
            raise ValueError(f"{name or 'its tree'} is a tensor that the file does not hold")
        return tensor_of(tensors[content]) if kind == "tensor" else tensors[content]
    if not isinstance(content, list):
        raise ValueError(f"{name or 'its tree'} is no {kind}")
    prefix = f"{name}." if name else ""
    if kind == "dict":
        if not all(isinstance(pair, list) and len(pair) == 2 and _is_key(pair[0]) for pair in content):
            raise ValueError(f"{name or 'its tree'} is no dict")
        return {key: _put_together(value, f"{prefix}{key}", tensors) for key, value in content}
    values = [_put_together(value, f"{prefix}{i}", tensors) for i, value in enumerate(content)]
    return values if kind == "list" else tuple(values)


def _is_key(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
