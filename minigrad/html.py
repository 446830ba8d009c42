"""Tensors, modules and profiles as HTML, which notebooks show: tables and a tree that unfolds, without scripts.

Text and lines take the colours of the page, so that both dark and light pages are readable. Every text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Protocol

import numpy as np

from minigrad.devices import device_of, to_host
from minigrad.engine.tensor_base import TensorBase
from minigrad.printing import notation
from minigrad.typing import Array

_ROWS, _COLUMNS = 10, 10  # of a table; what lies between the first and the last is left out
_CELL = "padding:1px 8px;text-align:right;font-family:monospace;white-space:pre;border:1px solid rgba(128,128,128,.35)"
_HEAD = "padding:1px 8px;text-align:right;font-weight:normal;font-size:inherit;border:1px solid rgba(128,128,128,.35)"
_TABLE = "border-collapse:collapse;margin:4px 0;background:none;color:inherit"


class Node(Protocol):
    """The part of a module that the tree shows."""

    def named_children(self) -> Iterable[tuple[str, Node]]: ...
    def parameters(self) -> Iterable[TensorBase]: ...
    def extra_repr(self) -> str: ...


def tensor_html(tensor: TensorBase) -> str:
    """Return a table of the values, under a line with shape, dtype and what else there is to know."""
    tensor._catch_up()
    array = tensor.array
    said = [f"shape {tuple(array.shape)}", array.dtype.name]
    if (where := device_of(array)).type != "cpu":
        said.append(str(where))
    if tensor.grad_fn is not None:
        said.append(repr(tensor.grad_fn))
    elif tensor.requires_grad:
        said.append("requires_grad")
    kind = type(tensor).__name__.replace("Tensor", "tensor")
    line = f"<div style='opacity:.75'>{escape(' · '.join([kind, *said]))}</div>"
    return f"<div>{line}{_values(to_host(array))}</div>"


def _values(array: Array) -> str:
    if array.size == 0:
        return ""
    plane = array[(0,) * max(array.ndim - 2, 0)] if array.ndim > 2 else array
    grid = plane.reshape(1, -1) if plane.ndim < 2 else plane
    rows, columns = _edges(len(grid), _ROWS), _edges(grid.shape[1], _COLUMNS)
    shown = notation(grid[np.ix_(_inside(rows), _inside(columns))])
    cells = [[None if r is None or c is None else shown.write(grid[r, c].item()) for c in columns] for r in rows]
    lines = ["<tr>" + "".join(map(_cell, row)) + "</tr>" for row in cells]
    others = math.prod(array.shape[:-2])
    note = ""
    if others > 1:
        place = ", ".join("0" * (array.ndim - 2))
        note = f"<div style='opacity:.75'>[{place}], the first of {others:,} matrices</div>"
    return f"{note}<table style='{_TABLE}'>{''.join(lines)}</table>"


def _edges(size: int, most: int) -> list[int | None]:
    """Return the positions that are shown; None stands for those that are left out."""
    half = most // 2
    return [*range(size)] if size <= most else [*range(half), None, *range(size - half, size)]


def _inside(positions: Sequence[int | None]) -> list[int]:
    return [position for position in positions if position is not None]


def _cell(text: str | None) -> str:
    return f"<td style='{_CELL}'>{'⋯' if text is None else escape(text)}</td>"


def module_html(module: Node, name: str = "", open_levels: int = 2) -> str:
    """Return a tree of modules that unfolds, with the number of parameters of each."""
    count = sum(parameter.array.size for parameter in module.parameters())
    frozen = count - sum(p.array.size for p in module.parameters() if p.requires_grad)
    sizes = "" if not count else f"{count:,} parameter{'s' if count != 1 else ''}"
    sizes += f", {frozen:,} frozen" if frozen else ""
    options = " ".join(module.extra_repr().split())
    title = f"{f'({escape(name)}) ' if name else ''}<b>{escape(type(module).__name__)}</b>"
    title += f"({escape(options)})" if options else ""
    title += f" <span style='opacity:.65'>{sizes}</span>" if sizes else ""
    children = list(module.named_children())
    style = "font-family:monospace;margin-left:1.2em" if name else "font-family:monospace"
    if not children:
        return f"<div style='{style};padding-left:1em'>{title}</div>"
    inside = "".join(module_html(child, child_name, open_levels - 1) for child_name, child in children)
    state = " open" if open_levels > 0 and len(children) <= 30 else ""
    return f"<details{state} style='{style}'><summary>{title}</summary>{inside}</details>"


def table_html(rows: Sequence[Mapping[str, str]], note: str = "") -> str:
    """Return a table; the keys of the first row are the heads of the columns."""
    if not rows:
        return f"<div>{escape(note)}</div>"
    head = "".join(f"<th style='{_HEAD}'>{escape(name)}</th>" for name in rows[0])
    lines = "".join("<tr>" + "".join(map(_cell, row.values())) + "</tr>" for row in rows)
    end = f"<div style='opacity:.75'>{escape(note)}</div>" if note else ""
    return f"<table style='{_TABLE}'><tr>{head}</tr>{lines}</table>{end}"
