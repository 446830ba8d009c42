"""An element of a sum or a mean, and of its gradient (ops/reduce.py)."""

from __future__ import annotations

import math

import numpy as np

from minigrad.ops.reduce import Mean
from minigrad.typing import Array
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.worked.element import Element, Run, wide, with_sum


def output(run: Run, at: Index) -> Element | None:
    """Work out y: the elements that were added up, divided by their number in a mean."""
    x, y = run.inputs[0], run.outputs[0]
    if x is None or y is None:
        return None
    dims = _dims(run, x)
    kept = list(at) if _keeps(run) else _with_zeros(at, dims, x.ndim)
    where = tuple(slice(None) if d in dims else kept[d] for d in range(x.ndim))
    count = math.prod(x.shape[d] for d in dims) if isinstance(run.node, Mean) else 1
    formula = f"Σ of x / {count:,}" if isinstance(run.node, Mean) else "Σ of x"
    element = Element(place("y", at), formula, number(y[at]))

    def describe(index: Index) -> tuple[str, str]:
        inner = iter(index)
        there = tuple(next(inner) if d in dims else kept[d] for d in range(x.ndim))
        return place("x", there), f"{number(x[there])} / {count:,}" if count > 1 else ""

    return with_sum(element, np.asarray(wide(x[where]) / count), describe)


def gradient(run: Run, k: int, at: Index) -> Element | None:
    """Work out ∂L/∂x: the gradient of the sum that the element is in, divided by the number of elements in a mean."""
    g, result = run.gradients[0], run.results[k]
    if g is None or result is None:
        return None
    dims = _dims(run, result)
    count = math.prod(result.shape[d] for d in dims) if isinstance(run.node, Mean) else 1
    there = tuple(0 if d in dims else i for d, i in enumerate(at) if _keeps(run) or d not in dims)
    element = Element(
        place("∂L/∂x", at),
        f"∂L/∂y / {count:,}" if count > 1 else "∂L/∂y, the same for every element",
        number(result[at]),
    )
    element.known = [(place("∂L/∂y", there), number(g[there]))]
    return element


def _dims(run: Run, x: Array) -> tuple[int, ...]:
    return tuple(int(d) % max(x.ndim, 1) for d in getattr(run.node, "dims", range(x.ndim)))


def _keeps(run: Run) -> bool:
    return bool(getattr(run.node, "keepdim", False))


def _with_zeros(at: Index, dims: tuple[int, ...], ndim: int) -> list[int]:
    kept = iter(at)
    return [0 if d in dims else next(kept) for d in range(ndim)]
