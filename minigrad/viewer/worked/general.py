"""An element of the gradient of any operation: the chain rule itself, with slopes from difference quotients.

An element x reaches the loss through every element y of the output that it changes:

    ∂L/∂x = Σ over y of ∂L/∂y · ∂y/∂x

The operation is run twice more, with x a little larger and a little smaller, and in float64. The sum must agree with
the gradient that the operation itself has computed; at a kink it may not, and then nothing is shown.
"""

from __future__ import annotations

import numpy as np

from minigrad.engine.grad_mode import no_grad
from minigrad.typing import Array
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.worked.element import Element, Run, product, wide, with_sum

_MOST = 1 << 22  # elements of the inputs and the output
_STEP = 1e-5  # of the difference quotient, relative to x


def gradient(run: Run, k: int, at: Index) -> Element | None:
    """Work out an element of the gradient of input ``k`` by the chain rule; None where that does not succeed."""
    result, g = run.results[k], run.gradients[0]
    if result is None or g is None or sum(gradient is not None for gradient in run.gradients) > 1:
        return None
    slopes = _slopes(run, k, at)
    if slopes is None or slopes.shape != g.shape:
        return None
    reached = np.argwhere(slopes != 0)
    arriving, values = wide(g), wide(g) * slopes
    scale = float(np.abs(values).sum())
    if not np.isclose(float(values.sum()), float(result[at]), rtol=1e-3, atol=1e-4 * scale):
        return None
    element = Element(place("∂L/∂x", at), "Σ over y of ∂L/∂y · ∂y/∂x, the chain rule", number(result[at]))
    if len(reached) == 0:
        element.formula = "x changes no element of y, so it gets nothing"
        return element

    def describe(index: Index) -> tuple[str, str]:
        there = tuple(int(i) for i in reached[index[0]])
        return f"{place('∂L/∂y', there)} · ∂{place('y', there)}/∂x", product(arriving[there], slopes[there])

    return with_sum(element, values[tuple(reached.T)] if g.ndim else values.reshape(1), describe)


def _slopes(run: Run, k: int, at: Index) -> Array | None:
    """Return ∂y/∂x of every element of the output, for one element x of an input."""
    x = run.inputs[k]
    sizes = [each.size for each in run.inputs if isinstance(each, np.ndarray)]
    if not isinstance(x, np.ndarray) or sum(sizes) > _MOST:
        return None
    step = _STEP * max(1.0, abs(float(x[at])))
    found = [_run_again(run, k, at, change) for change in (step, -step)]
    if found[0] is None or found[1] is None:
        return None
    difference: Array = found[0] - found[1]
    noise = 1e-12 * (np.abs(found[0]) + np.abs(found[1]))  # the same element, rounded in another order
    return np.where(np.abs(difference) > noise, difference / (2 * step), 0.0)


def _run_again(run: Run, k: int, at: Index, change: float) -> Array | None:
    """Return the output with one element of an input changed."""
    inputs: list[object] = []
    for i, x in enumerate(run.inputs):
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            copy = wide(x)
            if i == k:
                copy[at] += change
            inputs.append(copy)
        elif x is None and i < len(run.shapes) and run.shapes[i] is not None:
            return None  # it is not in memory any more
        else:
            inputs.append(x)
    node = type(run.node)()
    node._edges = run.node._edges  # forward may look at which gradients are wanted
    try:
        with no_grad():
            found = node.forward(*inputs, **run.options)
    except Exception:  # whatever a Function of the reader's own raises, for example in float64
        return None
    first = found[0] if isinstance(found, tuple) else found
    return np.asarray(first) if isinstance(first, np.ndarray | np.generic) else None
