"""The calls by which an exercise is judged, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from minigrad.learn.diagnoses import equal
from minigrad.learn.outcome import Outcome, call, load
from minigrad.learn.record import Exercise, Probe

#: The seed of all arguments, so that a check says the same each time.
SEED = 20


@cache
def probes(exercise: Exercise) -> tuple[Probe, ...]:
    """Return the calls by which an exercise is judged, always the same."""
    return tuple(exercise.probes(np.random.default_rng(SEED)))


@cache
def expected(exercise: Exercise) -> tuple[Outcome, ...]:
    """Return the results of the right solution."""
    return outcomes_of(exercise, exercise.solution)


def outcomes_of(exercise: Exercise, source: str) -> tuple[Outcome, ...]:
    """Return the results of a solution in all calls."""
    function = load(source, f"<{exercise.slug}>", exercise.function)
    return tuple(call(exercise, function, probe.arguments) for probe in probes(exercise))


def same(found: Sequence[Outcome], others: Sequence[Outcome], name: str, traces: bool = False) -> bool:
    """Return whether one of the results is the same in all calls; the name "" stands for how the call ended."""
    for a, b in zip(found, others, strict=True):
        if traces and a.traces != b.traces:
            return False
        if (a.problem is None) != (b.problem is None):
            return False
        if a.problem is not None and b.problem is not None:
            if _ending(a) != _ending(b):
                return False
        elif name and not equal(a.values.get(name), b.values.get(name)):
            return False
    return True


def _ending(outcome: Outcome) -> str:
    """Return how a call failed, without the names of files."""
    cause = outcome.problem.__cause__ if outcome.problem else None
    return f"{type(cause).__name__}: {cause}" if cause else str(outcome.problem)
