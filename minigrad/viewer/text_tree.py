"""A graph as a tree of text. A chain is not indented, so only branches make the tree deeper."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.viewer.graph import Box


def text_tree(boxes: Sequence[Box]) -> str:
    """Return the tree whose root is the last box."""
    uses = [0] * len(boxes)
    for box in boxes:
        for maker in box.inputs:
            uses[maker] += 1
    shared = {k: 0 for k, box in enumerate(boxes) if uses[k] > 1 and not box.is_leaf}
    lines: list[str] = []
    waiting = [(len(boxes) - 1, "", "")]  # a box, what stands in front of its line, and of the lines below it
    met: set[int] = set()
    while waiting:
        k, first, below = waiting.pop()
        if k in met:
            lines.append(f"{first}#{shared[k]} {boxes[k].name}, as above")
            continue
        met.add(k)
        if k in shared:
            shared[k] = 1 + max(shared.values())
        lines.append(first + _line(boxes, k, shared))
        makers = [maker for maker in boxes[k].inputs if not boxes[maker].is_leaf]
        if len(makers) == 1:
            waiting.append((makers[0], below, below))
        branches = [(m, f"{below}├─ ", f"{below}│  ") for m in makers[:-1]]
        branches += [(m, f"{below}└─ ", f"{below}   ") for m in makers[-1:]]
        if len(makers) > 1:
            waiting += branches[::-1]
    return "\n".join(lines)


def _line(boxes: Sequence[Box], k: int, shared: dict[int, int]) -> str:
    """Return a box as text: its number if others refer to it, its name, shape and leaves."""
    box = boxes[k]
    leaves = [f"{boxes[m].name} ({_shape(boxes[m])})" for m in box.inputs if boxes[m].is_leaf]
    number = f"#{shared[k]} " if k in shared else ""
    return f"{number}{box.name}   {_shape(box)}" + (f"   of {', '.join(leaves)}" if leaves else "")


def _shape(box: Box) -> str:
    return " × ".join(map(str, box.shape)) or "scalar"
