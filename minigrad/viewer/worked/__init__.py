"""Worked elements: how one element of an output, or of a gradient, was computed, in numbers.

A family of operations has a file: convolutions, matrix products, poolings, batch norms, probabilities, sums. All others
are tried in general: element by element, or as a move of elements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from minigrad.engine.function import Function
from minigrad.ops.activation import LogSoftmax, Softmax
from minigrad.ops.conv import Conv2d
from minigrad.ops.cross_entropy import CrossEntropy
from minigrad.ops.linalg import Linear, MatMul
from minigrad.ops.norm import BatchNorm, BatchNormEval
from minigrad.ops.pool import AvgPool2d, MaxPool2d
from minigrad.ops.reduce import Mean, Sum
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.worked import conv, elementwise, moves, norm, pool, probabilities, products, reductions
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
    family = family_of(type(run.node))
    if family is not None:
        return family[0](run, at) if which == 0 else None
    element = elementwise.output(run, at) if which == 0 else None
    return element or moves.output(run, at, which) or _value_alone(run, at, which)


def worked_gradient(run: Run, k: int, at: Index, raw: np.ndarray | None) -> Element | None:
    """Return how the element ``at`` of the gradient of input ``k`` was computed.

    Args:
        raw: the gradient before broadcasting was undone.
    """
    result = run.results[k]
    if result is None:
        return None
    if raw is not None and raw.shape != result.shape:
        return elementwise.broadcast_gradient(run, k, at, raw)
    family = family_of(type(run.node))
    if family is not None:
        return family[1](run, k, at)
    if run.kind == "elementwise":
        return elementwise.gradient(run, k, at)
    places = moves.numbered_run(run) if run.kind == "move" else None
    return _gradient_alone(run, k, at) if places is None else moves.gradient(run, k, at, places)


def _gradient_alone(run: Run, k: int, at: Index) -> Element | None:
    result = run.results[k]
    return None if result is None else Element(place("∂L/∂x", at), "", number(result[at]))


def _value_alone(run: Run, at: Index, which: int) -> Element | None:
    y = run.outputs[which]
    return None if y is None else Element(place("y", at), "", number(y[at]))
