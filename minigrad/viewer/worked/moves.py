"""An element of an operation that only moves elements: joins, splits, selections, padding, other shapes.

No list says where each element comes from. The operation is run again on the numbers 1, 2, 3, … in place of the values:
what arrives is the place that an element came from, and 0 is padding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad.engine.grad_mode import no_grad
from minigrad.typing import Array
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.worked.element import Element, Run, alone, with_sum

_MOST = 1 << 24  # float32 holds the whole numbers up to here


def origins(run: Run) -> Sequence[Array] | None:
    """Return, for each output, where its elements came from: 1 + the position among all elements of the inputs.

    None if the operation does anything else than to move elements.
    """
    arrays = _moved(run)
    if not arrays or any(y is None for y in run.outputs):
        return None
    flat = np.concatenate([np.zeros(1), *[x.reshape(-1).astype(np.float64) for x in arrays]])
    places = numbered_run(run)
    for whole, y in zip(places or (), run.outputs, strict=False):
        assert y is not None
        if whole.shape != y.shape or not np.array_equal(flat[whole], y.astype(np.float64), equal_nan=True):
            return None
    return places


def numbered_run(run: Run) -> Sequence[Array] | None:
    """Return what the operation makes of the numbers 1, 2, 3, …; None if that is anything but such numbers and 0."""
    total = sum(math.prod(shape) for shape in run.shapes if shape is not None)
    if total >= _MOST:
        return None
    numbered: list[object] = []
    start = 1
    for x, shape in zip(run.inputs, run.shapes, strict=True):
        if shape is None:
            numbered.append(x)  # None or a number stays what it is
        else:
            numbered.append(np.arange(start, start + math.prod(shape), dtype=np.float64).reshape(shape))
            start += math.prod(shape)
    node = type(run.node)()
    node._edges = run.node._edges  # forward may look at which gradients are wanted
    try:
        with no_grad():
            found = node.forward(*numbered, **run.options)
    except Exception:  # whatever a Function of the reader's own raises on such numbers
        return None
    places = []
    for origin in found if isinstance(found, tuple) else (found,):
        if not isinstance(origin, np.ndarray):
            return None
        whole = np.rint(origin).astype(np.int64)
        if not np.array_equal(whole, origin) or whole.min(initial=0) < 0 or whole.max(initial=0) > total:
            return None
        places.append(whole)
    return places


def output(run: Run, at: Index, which: int = 0) -> Element | None:
    """Work out an element: the element of an input that it is."""
    places, y = origins(run), run.outputs[which]
    if places is None or y is None:
        return None
    element = Element(place("y", at), "an element of the input, moved", number(y[at]), kind="move")
    origin = int(places[which][at])
    if origin == 0:
        element.formula = "a constant, as around an image"
        return element
    k, index = _where(run, origin)
    element.known = [(_name(run, k, index), number(y[at]))]
    if index:
        element.marks[k] = alone(index)
    return element


def gradient(run: Run, k: int, at: Index, places: Sequence[Array]) -> Element | None:
    """Work out an element of the gradient: the sum over the places that the element was moved to."""
    result = run.results[k]
    if result is None:
        return None
    before = sum(math.prod(shape) for shape in run.shapes[:k] if shape is not None)
    own = run.shapes[k]
    if own is None:
        return None
    origin = 1 + before + (int(np.ravel_multi_index(at, own)) if at else 0)
    element = Element(place("∂L/∂x", at), "Σ of ∂L/∂y over the places that x was moved to", number(result[at]))
    values, names = [], []
    for number_of_output, (where, g) in enumerate(zip(places, run.gradients, strict=False)):
        for there in np.argwhere(where == origin):
            index = tuple(int(i) for i in there)
            if g is not None:
                values.append(float(g[index]))
                names.append(place("∂L/∂y" if len(places) == 1 else f"∂L/∂y{number_of_output}", index))
    if not values:
        element.formula = "x was moved nowhere, so it gets nothing"
        return element
    return with_sum(element, np.array(values), lambda i: (names[i[0]], ""))


def _moved(run: Run) -> list[Array]:
    """Return the inputs that may be moved: all but whole numbers and conditions, which say where to."""
    pairs = zip(run.inputs, run.shapes, strict=True)
    return [x for x, shape in pairs if isinstance(x, np.ndarray) and shape is not None]


def _where(run: Run, origin: int) -> tuple[int, Index]:
    """Return the input, and the index in it, of a position among all elements of the inputs."""
    left = origin - 1
    for k, shape in enumerate(run.shapes):
        if shape is not None:
            if left < math.prod(shape):
                return k, tuple(int(i) for i in np.unravel_index(left, shape)) if shape else ()
            left -= math.prod(shape)
    raise AssertionError("a position beyond the inputs")


def _name(run: Run, k: int, index: Index) -> str:
    several = sum(shape is not None for shape in run.shapes) > 1
    return place(f"x{k}" if several else "x", index)
