"""An element of a convolution, of the gradient of its input, and of those of its kernel and bias (ops/conv.py)."""

from __future__ import annotations

import numpy as np

from minigrad.kernels.geometry import Window
from minigrad.typing import Array
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.worked.element import Element, Mark, Run, Term, alone, product, wide, with_sum


def output(run: Run, at: Index) -> Element | None:
    """Work out y[n, o, p, q]: the window of x that it saw, times the kernel, plus the bias."""
    x, w, b = run.inputs
    y = run.outputs[0]
    if x is None or w is None or y is None:
        return None
    n, o, p, q = at
    window, first = _window(run), _first_channel(run, w, o)
    rows, columns = _read(window, p, 0), _read(window, q, 1)
    i, j = _within(rows, x.shape[2])[:, None], _within(columns, x.shape[3])
    seen = wide(x[n, first : first + w.shape[1]])[:, rows[i], columns[j]]
    products = np.zeros(w.shape[1:])
    products[:, i, j] = wide(w[o])[:, i, j] * seen

    def describe(index: Index) -> tuple[str, str]:
        c, i, j = index
        u, v = int(rows[i]), int(columns[j])
        if not (0 <= u < x.shape[2] and 0 <= v < x.shape[3]):
            return f"{place('w', (o, c, i, j))} · padding", product(w[o, c, i, j], 0.0)
        symbols = f"{place('w', (o, c, i, j))} · {place('x', (n, first + c, u, v))}"
        return symbols, product(w[o, c, i, j], x[n, first + c, u, v])

    bias = [] if b is None else [Term(place("b", (o,)), "", number(b[o]))]
    added = "" if b is None else " + b[o]"
    element = Element(place("y", at), f"Σ over c, i, j of w[o, c, i, j] · x[n, c, …]{added}", number(y[at]))
    strongest = int(np.argmax(np.abs(products).sum((1, 2))))
    element.marks[0] = ((n, first + strongest, max(0, int(rows[0])), max(0, int(columns[0]))), _mark(rows, columns, x))
    element.marks[1] = ((o, strongest, 0, 0), (0, 0, *w.shape[2:]))
    element.marks[2] = alone((o,))
    return with_sum(element, products, describe, bias)


def gradient(run: Run, k: int, at: Index) -> Element | None:
    """Work out an element of the gradient of input ``k``: of the image, the kernel or the bias."""
    result, g = run.results[k], run.gradients[0]
    if result is None or g is None:
        return None
    if k == 2:
        return _of_bias(result, g, at)
    x, w = run.inputs[:2]
    if k == 0 and w is not None:
        return _of_image(run, result, g, w, at)
    if k == 1 and x is not None and w is not None:
        return _of_kernel(run, result, g, x, w, at)
    return None


def _of_bias(result: Array, g: Array, at: Index) -> Element:
    (o,) = at
    element = Element(place("∂L/∂b", at), "Σ over n, p, q of ∂L/∂y[n, o, p, q]", number(result[at]))
    values = wide(g[:, o])

    def describe(index: Index) -> tuple[str, str]:
        n, p, q = index
        return place("∂L/∂y", (n, o, p, q)), ""

    return with_sum(element, values, describe)


def _of_image(run: Run, result: Array, g: Array, w: Array, at: Index) -> Element:
    """Add up ∂L/∂y · w over the outputs whose windows saw the pixel."""
    n, c, u, v = at
    window = _window(run)
    outputs = w.shape[0] // _groups(run)
    group = c // w.shape[1]
    local, first = c % w.shape[1], group * outputs
    rows = [(i, p) for i in range(w.shape[2]) if (p := _position(window, u, i, 0, g.shape[2])) is not None]
    columns = [(j, q) for j in range(w.shape[3]) if (q := _position(window, v, j, 1, g.shape[3])) is not None]
    taps = [(i, j, p, q) for i, p in rows for j, q in columns]
    element = Element(place("∂L/∂x", at), "Σ over o, i, j of ∂L/∂y[n, o, p, q] · w[o, c, i, j]", number(result[at]))
    if not taps:
        element.formula = "no window saw this pixel"
        return element
    i, j, p, q = np.array(taps).T
    from_outputs = wide(g[n, first : first + outputs])[:, p, q]  # outputs, taps
    values = from_outputs * wide(w[first : first + outputs, local])[:, i, j]

    def describe(index: Index) -> tuple[str, str]:
        o, tap = first + index[0], index[1]
        there, here = (n, o, int(p[tap]), int(q[tap])), (o, local, int(i[tap]), int(j[tap]))
        return f"{place('∂L/∂y', there)} · {place('w', here)}", product(g[there], w[here])

    strongest = first + int(np.argmax(np.abs(values).sum(1)))
    top, left = int(p.min()), int(q.min())
    element.gradient_mark = (
        (n, strongest, top, left),
        (top, left, int(p.max()) - top + 1, int(q.max()) - left + 1),
    )
    return with_sum(element, values, describe)


def _of_kernel(run: Run, result: Array, g: Array, x: Array, w: Array, at: Index) -> Element:
    """Add up ∂L/∂y · x over every image and position, since the weight has met them all."""
    o, c, i, j = at
    window, channel = _window(run), _first_channel(run, w, o) + c
    rows = np.arange(g.shape[2]) * window.stride[0] + i * window.dilation[0] - window.padding[0][0]
    columns = np.arange(g.shape[3]) * window.stride[1] + j * window.dilation[1] - window.padding[1][0]
    p, q = _within(rows, x.shape[2]), _within(columns, x.shape[3])
    element = Element(place("∂L/∂w", at), "Σ over n, p, q of ∂L/∂y[n, o, p, q] · x[n, c, …]", number(result[at]))
    values = wide(g[:, o])[:, p][:, :, q] * wide(x[:, channel])[:, rows[p]][:, :, columns[q]]

    def describe(index: Index) -> tuple[str, str]:
        n = index[0]
        there = (n, o, int(p[index[1]]), int(q[index[2]]))
        here = (n, channel, int(rows[p[index[1]]]), int(columns[q[index[2]]]))
        return f"{place('∂L/∂y', there)} · {place('x', here)}", product(g[there], x[here])

    return with_sum(element, values, describe)


def _window(run: Run) -> Window:
    window = getattr(run.node, "window", None)
    assert isinstance(window, Window)
    return window


def _groups(run: Run) -> int:
    return int(getattr(run.node, "groups", 1))


def _first_channel(run: Run, w: Array, o: int) -> int:
    """Return the first input channel that output channel ``o`` reads: that of its group."""
    outputs, channels = int(w.shape[0]), int(w.shape[1])
    return o // (outputs // _groups(run)) * channels


def _read(window: Window, p: int, axis: int) -> Array:
    """Return the rows (or columns) that the taps read at position ``p``; outside the image they are padding."""
    taps = np.arange(window.kernel[axis])
    read: Array = p * window.stride[axis] + taps * window.dilation[axis] - window.padding[axis][0]
    return read


def _within(positions: Array, size: int) -> Array:
    within: Array = np.flatnonzero((positions >= 0) & (positions < size))
    return within


def _position(window: Window, u: int, tap: int, axis: int, positions: int) -> int | None:
    """Return the position at which a tap reads row (or column) ``u``; None if there is none."""
    p, left_over = divmod(u + window.padding[axis][0] - tap * window.dilation[axis], window.stride[axis])
    return p if left_over == 0 and 0 <= p < positions else None


def _mark(rows: Array, columns: Array, x: Array) -> Mark:
    """Return the part of the image under a window, without its padding."""
    top, left = max(0, int(rows[0])), max(0, int(columns[0]))
    bottom, right = min(x.shape[2], int(rows[-1]) + 1), min(x.shape[3], int(columns[-1]) + 1)
    return (top, left, max(0, bottom - top), max(0, right - left))
