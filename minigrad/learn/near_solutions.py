"""Solutions that are near the right one: one small thing is changed in it, or in one of its arguments."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial

import numpy as np

from minigrad.learn.diagnoses import Diagnosis
from minigrad.learn.other_arguments import forms
from minigrad.learn.outcome import Outcome, argument_names, call, load
from minigrad.learn.probing import expected, probes, same
from minigrad.learn.record import Exercise
from minigrad.learn.slips import function_of, slips

#: Seconds after which a search is given up.
PATIENCE = 4.0


def near_solution(exercise: Exercise, found: Sequence[Outcome], names: Sequence[str]) -> Diagnosis | None:
    """Return the small change that explains these results of a learner's in every call."""
    if any(outcome.problem is not None and outcome.problem.__cause__ is not None for outcome in found):
        return None  # the error itself says more
    known = first_that_explains(exercise, found, names, slips(exercise.solution))
    if known:
        return known
    for number, (diagnosis, _) in enumerate(_other_arguments(exercise)):
        if _explains(exercise, found, names, partial(_of_other_argument, exercise, number)):
            return diagnosis
    return None


def first_that_explains(
    exercise: Exercise, found: Sequence[Outcome], names: Sequence[str], wrong: Iterable[tuple[Diagnosis, str]]
) -> Diagnosis | None:
    """Return the diagnosis of the first wrong solution that explains these results."""
    end = time.monotonic() + PATIENCE
    for diagnosis, source in wrong:
        if time.monotonic() > end:
            return None
        if _explains(exercise, found, names, partial(_of_source, exercise, source)):
            return diagnosis
    return None


def _explains(
    exercise: Exercise, found: Sequence[Outcome], names: Sequence[str], outcome: Callable[[int], Outcome | None]
) -> bool:
    """Return whether the outcomes of a wrong solution are these, and not always the right ones."""
    wrong = False
    for i, (yours, right) in enumerate(zip(found, expected(exercise), strict=True)):
        other = outcome(i)
        if other is None or not all(same([yours], [other], name, traces=True) for name in names):
            return False
        wrong = wrong or not all(same([other], [right], name) for name in names)
    return wrong


@cache
def _of_source(exercise: Exercise, source: str, i: int) -> Outcome | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function = function_of(source, exercise.function)
        return call(exercise, function, probes(exercise)[i].arguments) if function else None


@cache
def _other_arguments(exercise: Exercise) -> tuple[tuple[Diagnosis, tuple[tuple[object, ...], ...]], ...]:
    """Return the arguments of all calls in other forms, with the mistake of taking them so."""
    calls = [(p.arguments, right.values) for p, right in zip(probes(exercise), expected(exercise), strict=True)]
    found = []
    for diagnosis, form in forms(argument_names(exercise), calls[0]):
        try:
            with np.errstate(all="ignore"):
                made = [form(*each) for each in calls]
        except (ArithmeticError, ValueError, KeyError, TypeError, IndexError):
            continue
        found.append((diagnosis, tuple(made)))
    return tuple(found)


@cache
def _of_other_argument(exercise: Exercise, number: int, i: int) -> Outcome:
    function = load(exercise.solution, f"<{exercise.slug}>", exercise.function)
    _, arguments = _other_arguments(exercise)[number]
    return call(exercise, function, arguments[i])
