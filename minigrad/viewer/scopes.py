"""Scopes: for each module with several parts, the graph of these parts, each a box, and where the boxes stand."""

from __future__ import annotations

from typing import Any

from minigrad.viewer.layout import arranged
from minigrad.viewer.telling import Told


def scopes_of(story: Told) -> dict[int, dict[str, Any]]:
    """Return the drawing of every call with at least two parts: boxes with their places, and arrows."""
    scopes = {}
    for call in story.calls:
        if len(call.items) >= 2:
            boxes: dict[int, int] = {}  # from an operation to the box that it is in
            for k, (kind, number) in enumerate(call.items):
                for operation in [number] if kind == "operation" else _inside(story, number):
                    boxes[operation] = k
            arrows = sorted(
                {
                    (boxes[link.maker], box)
                    for operation, box in boxes.items()
                    for link in story.operations[operation].inputs
                    if link.maker in boxes and boxes[link.maker] != box
                }
            )
            drawing = arranged(len(call.items), arrows)
            scopes[call.number] = {
                "boxes": [
                    [kind, number, *place] for (kind, number), place in zip(call.items, drawing.places, strict=True)
                ],
                "arrows": [[list(point) for point in points] for points in drawing.arrows],
                "rows": drawing.rows,
                "columns": drawing.columns,
            }
    return scopes


def _inside(story: Told, number: int) -> list[int]:
    """Return the operations in a call, at any depth."""
    operations, unseen = [], [number]
    while unseen:
        for kind, inner in story.calls[unseen.pop()].items:
            if kind == "operation":
                operations.append(inner)
            else:
                unseen.append(inner)
    return operations
