"""Search along a line for a step that satisfies the strong Wolfe conditions.

Along the line, f(t) has the slope f′(t). With 0 < c₁ < c₂ < 1, a step t is good enough if

        f(t) ≤ f(0) + c₁·t·f′(0)        it goes down far enough
        |f′(t)| ≤ c₂·|f′(0)|            it ends where the line is flatter

First the step grows until an interval is sure to contain such a step; then the interval shrinks, each time to the
minimum of the cubic through the values and slopes at its ends.
Source: Nocedal & Wright 2006, "Numerical Optimization", algorithms 3.5 and 3.6; minFunc by Mark Schmidt, as torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from minigrad.typing import Array

_C1, _C2, _SMALLEST_CHANGE = 1e-4, 0.9, 1e-9


class Point(NamedTuple):
    """A step along the line, and what is known there."""

    step: float
    value: float
    gradient: Array
    slope: float  # the gradient along the line


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, step: float, largest_change: float, max_evaluations: int
) -> tuple[Point, int]:
    """Return a step that satisfies the conditions, or the best one found, and the number of evaluations.

    Args:
        evaluate: returns the point at a step.
        start: the point at step 0.
        step: the first to try.
        largest_change: of an element of the parameters, for a step of 1.
        max_evaluations: evaluate so often at most, besides the first.
    """
    ends, evaluations = _bracket(evaluate, start, step, max_evaluations)
    if len(ends) == 1:
        return ends[0], evaluations
    return _zoom(evaluate, start, ends, largest_change, evaluations, max_evaluations)


def _bracket(
    evaluate: Callable[[float], Point], start: Point, step: float, max_evaluations: int
) -> tuple[list[Point], int]:
    """Return one good point, or the ends of an interval that contains one."""
    last, point = start, evaluate(step)
    tries = 0
    while tries < max_evaluations:
        if _too_high(point, start) or (tries > 1 and point.value >= last.value):
            return [last, point], tries + 1
        if abs(point.slope) <= -_C2 * start.slope:
            return [point], tries + 1
        if point.slope >= 0:
            return [last, point], tries + 1
        bounds = point.step + 0.01 * (point.step - last.step), point.step * 10
        last, point = point, evaluate(_minimum_of_cubic(last, point, bounds))
        tries += 1
    return [start, point], tries + 1


def _zoom(
    evaluate: Callable[[float], Point],
    start: Point,
    ends: list[Point],
    largest_change: float,
    evaluations: int,
    max_evaluations: int,
) -> tuple[Point, int]:
    """Return a good point between two ends."""
    low, high = (0, 1) if ends[0].value <= ends[1].value else (1, 0)
    was_near_an_end = False
    while evaluations - 1 < max_evaluations:
        first, last = sorted((ends[0].step, ends[1].step))
        if (last - first) * largest_change < _SMALLEST_CHANGE:
            break
        step = _minimum_of_cubic(ends[0], ends[1])
        margin = 0.1 * (last - first)
        is_near = min(last - step, step - first) < margin
        if is_near and (was_near_an_end or step >= last or step <= first):  # little progress: move inwards
            step = last - margin if abs(step - last) < abs(step - first) else first + margin
            is_near = False
        was_near_an_end = is_near
        point = evaluate(step)
        evaluations += 1
        if _too_high(point, start) or point.value >= ends[low].value:
            ends[high] = point
            low, high = (0, 1) if ends[0].value <= ends[1].value else (1, 0)
            continue
        good = abs(point.slope) <= -_C2 * start.slope
        if not good and point.slope * (ends[high].step - ends[low].step) >= 0:
            ends[high] = ends[low]
        ends[low] = point
        if good:
            break
    return ends[low], evaluations


def _too_high(point: Point, start: Point) -> bool:
    return point.value > start.value + _C1 * point.step * start.slope


def _minimum_of_cubic(one: Point, two: Point, bounds: tuple[float, float] | None = None) -> float:
    """Return where the cubic through two values and slopes is smallest, between the bounds, by default the points."""
    low, high = bounds or (min(one.step, two.step), max(one.step, two.step))
    left, right = (one, two) if one.step <= two.step else (two, one)
    d1 = one.slope + two.slope - 3 * (one.value - two.value) / (one.step - two.step)
    square = d1**2 - one.slope * two.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    share = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2)
    return min(max(right.step - (right.step - left.step) * share, low), high)
