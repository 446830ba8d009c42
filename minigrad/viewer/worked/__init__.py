"""Worked elements: how one element of an output, or of a gradient, was computed, in numbers.

A family of operations has a file: convolutions, matrix products, poolings, batch norms, probabilities, sums. All others
are tried in general: element by element, as a move of elements, or by the chain rule with measured slopes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from minigrad.caller import warn
from minigrad.engine.function import Function
from minigrad.ops.activation import LogSoftmax, Softmax
from minigrad.ops.conv import Conv2d
from minigrad.ops.cross_entropy import CrossEntropy
from minigrad.ops.linalg import Linear, MatMul
from minigrad.ops.norm import BatchNorm, BatchNormEval
from minigrad.ops.pool import AvgPool2d, MaxPool2d
from minigrad.ops.reduce import Mean, Sum
from minigrad.typing import Array
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.sources import source_of
from minigrad.viewer.worked import conv, elementwise, general, moves, norm, pool, probabilities, products, reductions
from minigrad.viewer.worked.element import Element as Element
from minigrad.viewer.worked.element import Run as Run

_Output: TypeAlias = Callable[[Run, Index], Element | None]
_Gradient: TypeAlias = Callable[[Run, int, Index], Element | None]

FAMILIES: dict[type[Function], tuple[_Output, _Gradient]] = {
    Conv2d: (conv.output, conv.gradient),
    Linear: (products.linear, products.linear_gradient),
    MatMul: (products.matmul, products.matmul_gradient),
    MaxPool2d: (pool.largest, pool.largest_gradient),
    AvgPool2d: (pool.mean, pool.mean_gradient),
    BatchNorm: (norm.output, norm.gradient),
    BatchNormEval: (norm.output, norm.gradient),
    Softmax: (probabilities.softmax, probabilities.softmax_gradient),
    LogSoftmax: (probabilities.log_softmax, probabilities.log_softmax_gradient),
    CrossEntropy: (probabilities.cross_entropy, probabilities.cross_entropy_gradient),
    Sum: (reductions.output, reductions.gradient),
    Mean: (reductions.output, reductions.gradient),
}


def family_of(operation: type[Function]) -> tuple[_Output, _Gradient] | None:
    """Return how elements of an operation are worked out, if it is of a family."""
    return next((FAMILIES[cls] for cls in operation.__mro__ if cls in FAMILIES), None)


def worked_output(run: Run, at: Index, which: int = 0) -> Element | None:
    """Return how the element ``at`` of an output was computed; None if that is not known."""
    return _without_harm(run, lambda: _output(run, at, which))


def worked_gradient(run: Run, k: int, at: Index, raw: Array | None) -> Element | None:
    """Return how the element ``at`` of the gradient of input ``k`` was computed; None if that is not known.

    Args:
        raw: the gradient before broadcasting was undone.
    """
    return _without_harm(run, lambda: _gradient_of(run, k, at, raw))


def _without_harm(run: Run, work_out: Callable[[], Element | None]) -> Element | None:
    """Return an element, or None with a warning: what only explains a training step must not end it."""
    try:
        return work_out()
    except Exception as error:
        warn(f"the viewer could not work out an element of {run.node.name}: {error!r}")
        return None


def _output(run: Run, at: Index, which: int) -> Element | None:
    family = family_of(type(run.node))
    element = None
    if family is not None:
        element = family[0](run, at) if which == 0 else None
    else:
        element = (elementwise.output(run, at) if which == 0 else None) or moves.output(run, at, which)
    return element or _value_alone(run, at, which)


def _gradient_of(run: Run, k: int, at: Index, raw: Array | None) -> Element | None:
    result = run.results[k]
    if result is None:
        return None
    if raw is not None and raw.shape != result.shape:
        return elementwise.broadcast_gradient(run, k, at, raw)
    return _by_its_kind(run, k, at) or general.gradient(run, k, at) or _gradient_alone(run, k, at)


def _by_its_kind(run: Run, k: int, at: Index) -> Element | None:
    """Return how an element of a gradient was computed by an operation of a known family or kind."""
    family = family_of(type(run.node))
    if family is not None:
        return family[1](run, k, at)
    if run.kind == "elementwise":
        return elementwise.gradient(run, k, at)
    places = moves.numbered_run(run) if run.kind == "move" else None
    return None if places is None else moves.gradient(run, k, at, places)


def _gradient_alone(run: Run, k: int, at: Index) -> Element | None:
    result = run.results[k]
    return None if result is None else Element(place("∂L/∂x", at), "", number(result[at]))


def _value_alone(run: Run, at: Index, which: int) -> Element | None:
    y = run.outputs[which]
    return None if y is None else Element(place("y", at), source_of(type(run.node)).formula, number(y[at]))
