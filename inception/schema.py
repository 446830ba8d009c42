"""Schemas: compare data from a file with the type that was declared for them.

    class Position(TypedDict):
        epoch: int
        step: int

    misfit({"epoch": 1, "step": "two"}, Position)  # "step is a text instead of a whole number"

A file may come from another version, or from a stranger. What fits its schema needs no further checks where it is used.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from minigrad import Tensor

_NAMES = {
    bool: "true or false",
    dict: "a dict",
    float: "a number",
    int: "a whole number",
    list: "a list",
    str: "a text",
    tuple: "a tuple",
    Tensor: "a tensor",
    NoneType: "nothing",
}


def misfit(value: object, declared: Any, where: str = "", with_tensors: bool = True) -> str | None:
    """Return in words what does not fit the declared type, or None if all fits.

    Args:
        declared: bool, int, float, str, Tensor, None, object, a TypedDict, or a dict, list, tuple or union of these.
        where: the name of the value, for the words.
        with_tensors: False if every tensor was replaced by None.
    """
    origin, parts = get_origin(declared), get_args(declared)
    if declared is object or (declared is Tensor and value is None and not with_tensors):
        return None
    if origin in (Union, UnionType):
        misfits = [misfit(value, part, where, with_tensors) for part in parts]
        return None if None in misfits else misfits[0]
    kind = NoneType if declared is None else dict if is_typeddict(declared) else origin or declared
    if not _is(value, kind):
        return f"{where or 'it'} is {named(value)} instead of {_NAMES[kind]}"
    if is_typeddict(declared):
        return _misfit_of_fields(value, get_type_hints(declared), where, with_tensors)
    inner: list[tuple[object, Any, str]] = []
    if isinstance(value, dict) and parts:
        inner = [(key, parts[0], f"a key of {where}") for key in value]
        inner += [(each, parts[1], _joined(where, key)) for key, each in value.items()]
    elif isinstance(value, list) and parts:
        inner = [(each, parts[0], _joined(where, i)) for i, each in enumerate(value)]
    elif isinstance(value, tuple) and parts:
        if len(value) != len(parts):
            return f"{where} has {len(value)} values instead of {len(parts)}"
        inner = [(each, part, _joined(where, i)) for i, (each, part) in enumerate(zip(value, parts, strict=True))]
    return next((wrong for each in inner if (wrong := misfit(*each, with_tensors)) is not None), None)


def unlike(value: object, own: object, where: str = "") -> str | None:
    """Return in words where a value is not of the same form as ``own``, or None: the same keys and the same types."""
    if isinstance(own, bool | str | NoneType):
        return misfit(value, type(own), where)
    if isinstance(own, int | float):
        return misfit(value, float, where)
    if isinstance(own, dict):
        if not isinstance(value, dict) or value.keys() != own.keys():
            return f"{where or 'it'} does not have the entries {', '.join(map(str, own))}"
        pairs = [(value[key], own[key], _joined(where, key)) for key in own]
    elif isinstance(own, list | tuple):
        if not isinstance(value, list | tuple) or len(value) != len(own):
            return f"{where or 'it'} is no list of {len(own)} values"
        pairs = [(theirs, ours, _joined(where, i)) for i, (theirs, ours) in enumerate(zip(value, own, strict=True))]
    else:
        return None if type(value) is type(own) else f"{where or 'it'} is {named(value)}"
    return next((found for pair in pairs if (found := unlike(*pair)) is not None), None)


def named(value: object) -> str:
    """Return the type of a value in words."""
    return _NAMES.get(type(value), type(value).__name__)


def _misfit_of_fields(value: Any, fields: dict[str, Any], where: str, with_tensors: bool) -> str | None:
    for name, declared in fields.items():
        if name not in value:
            return f"{_joined(where, name)} is missing"
        found = misfit(value[name], declared, _joined(where, name), with_tensors)
        if found is not None:
            return found
    return None


def _is(value: object, kind: type) -> bool:
    if kind in (int, float):
        return isinstance(value, int | float if kind is float else int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _joined(where: str, name: object) -> str:
    return f"{where}.{name}" if where else str(name)
