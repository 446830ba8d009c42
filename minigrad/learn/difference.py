"""Show where two arrays differ: the first wrong element by its index, and a map of the region around it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest

import numpy as np

from minigrad.testing.naming import element
from minigrad.typing import Array

#: How far a learner's float64 numbers may be from the right ones, relative to the largest of them.
CLOSE = 1e-7
_ROWS, _COLUMNS = 10, 10  # the largest table
_MAP_ROWS, _MAP_COLUMNS = 12, 60  # the largest map


def wrong_elements(found: Array, expected: Array, close: float = CLOSE) -> Array:
    """Return True for each element that is wrong; both arrays have the same shape."""
    if found.dtype == np.float32:
        close = max(close, 1e-4)
    scale = float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0))
    return ~np.isclose(found, expected, rtol=close, atol=close * max(scale, 1e-3), equal_nan=True)


def number(value: object) -> str:
    """Return a number in few characters."""
    text = f"{float(value):.4g}"  # type: ignore[arg-type]
    return "0" if text == "-0" else text


def first_difference(name: str, found: Array, expected: Array, close: float = CLOSE) -> list[str]:
    """Return lines that name the first wrong element, count the wrong ones, and show the plane around it."""
    wrong = wrong_elements(found, expected, close)
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    lines = [f"{element(name, index)} is {number(found[index])}, but should be {number(expected[index])}."]
    if wrong.size == 1:
        return lines
    count = int(wrong.sum())
    lines.append(
        f"All {count} elements of {name} are wrong." if count == wrong.size
        else f"{count} of the {wrong.size} elements of {name} {'is' if count == 1 else 'are'} wrong."
    )  # fmt: skip
    return [*lines, "", *_plane(name, found, expected, wrong, index)]


def _plane(name: str, found: Array, expected: Array, wrong: Array, index: tuple[int, ...]) -> list[str]:
    """Return the two last dimensions around an element as tables, or as a map of the wrong elements if they are large.

    Only the map is shown where the tables are too wide for 80 columns.
    """
    outer = index[:-2]
    yours, right, marks = (np.atleast_2d(array[outer]) for array in (found, expected, wrong))
    title = element(name, (*outer,)) if outer else name
    marked = [" ".join(".x"[int(w)] for w in row[: _MAP_COLUMNS // 2]) for row in marks[:_MAP_ROWS]]
    cut = marks.shape[0] > _MAP_ROWS or marks.shape[1] > _MAP_COLUMNS // 2
    heads = ["wrong: x"]
    columns = [marked]
    if marks.shape[0] <= _ROWS and marks.shape[1] <= _COLUMNS:
        tables = [_table(yours), _table(right)]
        width = sum(len(table[0]) for table in tables) + len(marked[0]) + 12
        if width <= 74:
            columns, heads = [*tables, marked], ["yours", "right", "wrong: x"]
    widths = [max(len(head), *(len(line) for line in column)) for head, column in zip(heads, columns, strict=True)]
    rows = [heads, *zip(*columns, strict=True)]
    body = ["    " + "    ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [f"{title}:", "", *body, *(["    (only the beginning is shown)"] if cut else [])]


def _table(plane: Array) -> list[str]:
    cells = [[number(value) for value in row] for row in plane]
    widths = [max(len(row[column]) for row in cells) for column in range(plane.shape[1])]
    return ["  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)) for row in cells]


def small_arguments(arguments: Mapping[str, object]) -> list[str]:
    """Return lines that show arrays side by side, if they are small tables of whole numbers; else none."""
    tables = {name: _plane_of(value) for name, value in arguments.items() if isinstance(value, np.ndarray)}
    planes = [plane for plane in tables.values() if plane is not None and plane.size]
    if not planes or len(planes) < len(tables) or any(np.any(plane % 1) for plane in planes):
        return []
    columns = [[name, *_table(plane)] for name, plane in zip(tables, planes, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    if sum(widths) + 4 * len(widths) > 74 or max(map(len, columns)) > _ROWS:
        return []
    rows = zip_longest(*columns, fillvalue="")
    return ["    " + "    ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _plane_of(array: Array) -> Array | None:
    """Return an array as a table; None if it has more than two dimensions that are longer than 1."""
    plane = np.atleast_2d(array.reshape(array.shape[-2:]) if array.size == np.prod(array.shape[-2:]) else array)
    return plane if plane.ndim == 2 else None
