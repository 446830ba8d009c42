"""An element of a pooling and of its gradient (ops/pool.py)."""

from __future__ import annotations

import numpy as np

from minigrad.devices import to_host
from minigrad.kernels.geometry import Window
from minigrad.typing import Array
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.worked.element import Element, Run, Term, product, wide, with_sum

_MOST = 9  # elements of a window that are all shown


def largest(run: Run, at: Index) -> Element | None:
    """Work out y[n, c, p, q]: the largest element of its window."""
    x, y, window = run.inputs[0], run.outputs[0], getattr(run.node, "window", None)
    if x is None or y is None or not isinstance(window, Window):
        return None
    read = _seen(window, at, x)
    element = Element(place("y", at), "max over the window of x", number(y[at]))
    element.marks[0] = (read[0], _around(read))
    values = sorted(read, key=lambda index: -float(x[index]))
    for index in values[:_MOST]:
        winner = "the largest" if index == values[0] else ""
        element.terms.append(Term(place("x", index), winner, number(x[index])))
    element.known = [("elements in the window", str(len(read)))] if len(read) > _MOST else []
    return element


def largest_gradient(run: Run, k: int, at: Index) -> Element | None:
    """Work out ∂L/∂x[n, c, u, v]: the sum of the gradients of the windows that the element won."""
    window, result, g = getattr(run.node, "window", None), run.results[k], run.gradients[0]
    if result is None or g is None or not isinstance(window, Window):
        return None
    (taps,) = run.node.saved_arrays
    element = Element(place("∂L/∂x", at), "Σ of ∂L/∂y over the windows that x won", number(result[at]))
    won = [there for there in _windows_over(window, at, g) if _winner(window, there, to_host(taps)) == at]
    if not won:
        element.formula = "won no window, so it gets nothing"
        return element
    element.gradient_mark = (won[0], _around(won))
    values = np.array([float(g[there]) for there in won])
    return with_sum(element, values, lambda i: (place("∂L/∂y", won[i[0]]), ""))


def mean(run: Run, at: Index) -> Element | None:
    """Work out y[n, c, p, q]: the scaled sum of its window."""
    x, y, window = run.inputs[0], run.outputs[0], getattr(run.node, "window", None)
    if x is None or y is None or not isinstance(window, Window):
        return None
    read, scale = _seen(window, at, x), _scale(run, at)
    element = Element(place("y", at), "scale · Σ of x over the window", number(y[at]))
    element.known = [("scale", number(scale))]
    element.marks[0] = (read[0], _around(read))
    values = np.array([float(x[index]) * scale for index in read])
    return with_sum(
        element, values, lambda i: (f"scale · {place('x', read[i[0]])}", product(scale, float(x[read[i[0]]])))
    )


def mean_gradient(run: Run, k: int, at: Index) -> Element | None:
    """Work out ∂L/∂x[n, c, u, v]: its share of the gradient of every window that contains it."""
    result, g, window = run.results[k], run.gradients[0], getattr(run.node, "window", None)
    if result is None or g is None or not isinstance(window, Window):
        return None
    over = _windows_over(window, at, g)
    element = Element(place("∂L/∂x", at), "Σ of scale · ∂L/∂y over the windows with x", number(result[at]))
    if not over:
        element.formula = "no window contains it"
        return element
    element.gradient_mark = (over[0], _around(over))
    scales = [_scale(run, there) for there in over]
    values = np.array([float(wide(g[there])) * s for there, s in zip(over, scales, strict=True)])
    return with_sum(
        element,
        values,
        lambda i: (f"scale · {place('∂L/∂y', over[i[0]])}", product(scales[i[0]], float(g[over[i[0]]]))),
    )


def _scale(run: Run, at: Index) -> float:
    scale = getattr(run.node, "scale", 1.0)
    scale = scale if isinstance(scale, int | float) else to_host(scale)
    return float(scale[at[2:]]) if isinstance(scale, np.ndarray) and scale.ndim else float(scale)


def _seen(window: Window, at: Index, x: Array) -> list[Index]:
    """Return the elements of x under the window at a position, without its padding."""
    n, c, p, q = at
    rows = _positions(window, p, 0, x.shape[2])
    columns = _positions(window, q, 1, x.shape[3])
    return [(n, c, u, v) for u in rows for v in columns]


def _positions(window: Window, p: int, axis: int, size: int) -> list[int]:
    start = p * window.stride[axis] - window.padding[axis][0]
    read = [start + tap * window.dilation[axis] for tap in range(window.kernel[axis])]
    return [u for u in read if 0 <= u < size]


def _windows_over(window: Window, at: Index, g: Array) -> list[Index]:
    """Return the positions of the windows that contain an element."""
    n, c, u, v = at
    rows = [p for p in range(g.shape[2]) if u in _positions(window, p, 0, u + 1)]
    columns = [q for q in range(g.shape[3]) if v in _positions(window, q, 1, v + 1)]
    return [(n, c, p, q) for p in rows for q in columns]


def _winner(window: Window, at: Index, taps: Array) -> Index:
    """Return the element that won a window, from its number within the window."""
    n, c, p, q = at
    i, j = divmod(int(taps[at]), window.kernel[1])
    u = p * window.stride[0] + i * window.dilation[0] - window.padding[0][0]
    return n, c, u, q * window.stride[1] + j * window.dilation[1] - window.padding[1][0]


def _around(indices: list[Index]) -> tuple[int, int, int, int]:
    """Return row, column, height and width of the part of the plane that holds some elements."""
    rows, columns = [index[2] for index in indices], [index[3] for index in indices]
    return (min(rows), min(columns), max(rows) - min(rows) + 1, max(columns) - min(columns) + 1)
