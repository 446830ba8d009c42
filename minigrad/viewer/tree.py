"""The tree of modules: calls and operations in their order, with repeated blocks collapsed into one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from minigrad.viewer.story import Call
from minigrad.viewer.telling import Told

Branch: TypeAlias = dict[str, Any]  # {"call": n, "in": […]}, {"op": n} or {"repeat": "4 × InceptionC", "in": […]}

_LEAST = 2  # blocks in a row that are collapsed


def tree_of(story: Told) -> list[Branch]:
    """Return the branches below the step itself."""
    return _branches(story, story.calls[0])


def _branches(story: Told, call: Call) -> list[Branch]:
    branches: list[Branch] = []
    for kind, number in call.items:
        if kind == "operation":
            branches.append({"op": number})
        else:
            inner = story.calls[number]
            inside = _branches(story, inner)
            if len(inside) == 1 and "op" in inside[0]:  # a layer that is one operation takes one line
                branches.append({**inside[0], "name": inner.name or inner.kind, "kind": inner.kind})
            else:
                branches.append({"call": number, "in": inside})
    return _collapsed(story, branches)


def _collapsed(story: Told, branches: Sequence[Branch]) -> list[Branch]:
    """Return the branches with neighbours of the same structure under one of their own."""
    result: list[Branch] = []
    start = 0
    while start < len(branches):
        end = start + 1
        while end < len(branches) and _alike(story, branches[start], branches[end]):
            end += 1
        blocks = branches[start:end]
        if len(blocks) >= _LEAST and "call" in blocks[0] and _size(blocks[0]) > 1:
            kind = story.calls[blocks[0]["call"]].kind
            result.append({"repeat": f"{len(blocks)} × {kind}", "in": list(blocks)})
        else:
            result += blocks
        start = end
    return result


def _alike(story: Told, one: Branch, other: Branch) -> bool:
    if "call" not in one or "call" not in other:
        return False
    return _structure(story, one) == _structure(story, other)


def _structure(story: Told, branch: Branch) -> object:
    """Return what a block is made of, without its names and sizes."""
    if "op" in branch:
        return (branch.get("kind"), story.operations[branch["op"]].name)
    inside = tuple(_structure(story, each) for each in branch["in"])
    return ("repeat" if "repeat" in branch else story.calls[branch["call"]].kind, inside)


def _size(branch: Branch) -> int:
    """Return the number of operations in a block."""
    return 1 if "op" in branch else sum(map(_size, branch["in"]))
