"""A graph as an SVG: data flows down, and leaves have round corners."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from minigrad.viewer.graph import Box
from minigrad.viewer.layout import arranged

_WIDTH, _HEIGHT = 150, 40  # of a box, in pixels
_COLUMN, _ROW = 172, 68  # from one box to the next
_LETTERS = 21  # that fit into a box

_STYLE = """
.mg { font: 12px system-ui, sans-serif; color-scheme: light dark; }
.mg rect { fill: none; stroke: currentColor; stroke-opacity: .45; }
.mg .leaf rect { fill: currentColor; fill-opacity: .08; }
.mg text { fill: currentColor; text-anchor: middle; }
.mg .shape { font-size: 10.5px; fill-opacity: .65; }
.mg path { fill: none; stroke: currentColor; stroke-opacity: .5; }
.mg marker path { fill: currentColor; fill-opacity: .5; stroke: none; }
"""


def svg(boxes: Sequence[Box]) -> str:
    """Return the drawing, in the colour of the text around it."""
    arrows = sorted({(maker, k) for k, box in enumerate(boxes) for maker in box.inputs})
    drawing = arranged(len(boxes), arrows, late={k for k, box in enumerate(boxes) if box.is_leaf})
    width, height = int(drawing.columns * _COLUMN), drawing.rows * _ROW

    def at(place: tuple[int, float]) -> tuple[float, float]:
        return width / 2 + place[1] * _COLUMN, place[0] * _ROW + _ROW / 2

    parts = [_arrow([at(point) for point in points]) for points in drawing.arrows]
    parts += [_box(box, *at(place)) for box, place in zip(boxes, drawing.places, strict=True)]
    tip = (
        '<marker id="mg-tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L6 3L0 6z"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="Graph of {len(boxes)} boxes" fill="currentColor">'
        f"<style>{_STYLE}</style><defs>{tip}</defs>{''.join(parts)}</svg>"
    )


def _arrow(points: Sequence[tuple[float, float]]) -> str:
    """Return an arrow from below its first box to above its last one, through the places between the boxes."""
    half = _HEIGHT / 2
    path = f"M{points[0][0]:g} {points[0][1] + half:g}"
    for k, ((x0, y0), (x1, y1)) in enumerate(pairwise(points), 1):
        start, end = y0 + half, y1 - half
        last = k == len(points) - 1
        path += f"C{x0:g} {(start + end) / 2:g} {x1:g} {(start + end) / 2:g} {x1:g} {end - (2 if last else 0):g}"
        if not last:
            path += f"L{x1:g} {y1 + half:g}"
    return f'<path d="{path}" marker-end="url(#mg-tip)"/>'


def _box(box: Box, x: float, y: float) -> str:
    name = box.name if len(box.name) <= _LETTERS else f"…{box.name[1 - _LETTERS :]}"
    shape = " × ".join(map(str, box.shape)) or "scalar"
    title = f"{box.name}: {box.formula}" if box.formula else box.name
    radius = _HEIGHT / 2 if box.is_leaf else 6
    return (
        f'<g class="{"leaf" if box.is_leaf else "op"}"><title>{escape(title)}</title>'
        f'<rect x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="{radius:g}"/>'
        f'<text x="{x:g}" y="{y - 2:g}">{escape(name)}</text>'
        f'<text class="shape" x="{x:g}" y="{y + 13:g}">{escape(shape)}</text></g>'
    )
