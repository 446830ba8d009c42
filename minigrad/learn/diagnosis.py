"""Recognise typical mistakes by name.

Each exercise has a bank of wrong solutions. A learner who makes a mistake of the bank gets the same wrong numbers as
the wrong solution, however differently it is written. So the learner's numbers are compared with those of each wrong
solution on the same arguments, result by result; then with

- the mistakes that can be made in every exercise, such as another sign or a missing factor (common_mistakes.py),
- the right solution with one small thing changed (slips.py),
- the right solution for arguments in another form, such as their mean (other_arguments.py),
- and two mistakes of the bank at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from minigrad.learn.common_mistakes import COMMON, Case, Diagnosis, common, equal
from minigrad.learn.other_arguments import forms
from minigrad.learn.outcome import NotYetError, Outcome, argument_names, call, load
from minigrad.learn.record import Exercise, Probe, Written
from minigrad.learn.slips import counted, slips

#: The seed of all arguments, so that a check says the same each time.
SEED = 20


@cache
def probes(exercise: Exercise) -> tuple[Probe, ...]:
    """Return the calls by which an exercise is judged, always the same."""
    return tuple(exercise.probes(np.random.default_rng(SEED)))


@cache
def expected(exercise: Exercise) -> tuple[Outcome, ...]:
    """Return the results of the right solution."""
    return _outcomes(exercise, exercise.solution)


@cache
def _bank(exercise: Exercise) -> tuple[tuple[Diagnosis, tuple[Outcome, ...]], ...]:
    """Return the results of each wrong solution."""
    return tuple(
        (
            Diagnosis(mistake.name, mistake.says or COMMON[mistake.name]),
            _outcomes(exercise, mistake.source(exercise.solution)),
        )
        for mistake in exercise.mistakes
    )


def _outcomes(exercise: Exercise, source: str) -> tuple[Outcome, ...]:
    function = load(source, f"<{exercise.slug}>", exercise.function)
    return tuple(call(exercise, function, probe.arguments) for probe in probes(exercise))


@cache
def _pairs(exercise: Exercise) -> tuple[tuple[Diagnosis, tuple[Outcome, ...]], ...]:
    """Return the results of two wrong solutions at once, where their edits do not exclude each other."""
    found = []
    for i, first in enumerate(exercise.mistakes):
        for second in exercise.mistakes[i + 1 :]:
            try:
                outcomes = _outcomes(exercise, second.source(first.source(exercise.solution)))
            except (ValueError, NotYetError):  # the first edit has taken away what the second one changes
                continue
            says = "\n".join(f"{m.name}: {m.says or COMMON[m.name]}" for m in (first, second))
            found.append((Diagnosis(f"{first.name}, and {second.name}", says), outcomes))
    return tuple(found)


def diagnose(exercise: Exercise, found: Sequence[Outcome]) -> Diagnosis | None:
    """Return the mistake that a learner's results show, or None if it is not a known one."""
    right = expected(exercise)
    names = list(dict.fromkeys(name for outcome in right for name in outcome.values)) or [""]
    for diagnosis, outcomes in _bank(exercise):  # everything is as in this wrong solution
        if all(_same(found, outcomes, name, traces=True) for name in names):
            return diagnosis
    wrong = [name for name in names if name and not _same(found, right, name)]
    one = _of_all_results(exercise, found, names) if len(wrong) > 1 else None
    if one:
        return one
    several = [_of_one_result(exercise, found, name, names) for name in wrong]
    known = list({diagnosis.name: diagnosis for diagnosis in several if diagnosis}.values())
    if len(known) > 1:
        says = "\n".join(f"{d.name}: {d.says}" for d in known)
        return Diagnosis(", and ".join(d.name for d in known), says)
    if known:
        return known[0]
    return next((d for d, outcomes in _pairs(exercise) if all(_same(found, outcomes, name) for name in names)), None)


def _of_all_results(exercise: Exercise, found: Sequence[Outcome], names: Sequence[str]) -> Diagnosis | None:
    """Return the one change that explains all results at once, if it is no mistake of a single result."""
    if any(_common(exercise, found, name, names) for name in names):
        return None
    return _slip(exercise, found, names) or _other_argument(exercise, found, names)


def _of_one_result(exercise: Exercise, found: Sequence[Outcome], name: str, names: Sequence[str]) -> Diagnosis | None:
    """Return the mistake that explains one result, whatever the others are."""
    right = expected(exercise)

    def explains(outcomes: Sequence[Outcome]) -> bool:
        return not _same(outcomes, right, name) and _same(found, outcomes, name, traces=True)

    single = [diagnosis for diagnosis, outcomes in _bank(exercise) if explains(outcomes)]
    single = single or _common(exercise, found, name, names)
    return (
        (single[0] if single else None)
        or _slip(exercise, found, [name])
        or _other_argument(exercise, found, [name])
        or next((d for d, outcomes in _pairs(exercise) if explains(outcomes)), None)
    )


def _slip(exercise: Exercise, found: Sequence[Outcome], names: Sequence[str]) -> Diagnosis | None:
    """Return the small change of the right solution that explains these results."""
    for diagnosis, source in slips(exercise.solution):
        try:
            function = load(counted(source), f"<{exercise.slug}>", exercise.function)
        except NotYetError:
            continue
        if _explained(exercise, found, names, function, [probe.arguments for probe in probes(exercise)]):
            return diagnosis
    return None


def _other_argument(exercise: Exercise, found: Sequence[Outcome], names: Sequence[str]) -> Diagnosis | None:
    """Return the form of an argument with which the right solution gives these results."""
    function = load(exercise.solution, f"<{exercise.slug}>", exercise.function)
    called = argument_names(exercise)
    calls = [(p.arguments, right.values) for p, right in zip(probes(exercise), expected(exercise), strict=True)]
    for says, position, form in forms(called, calls[0]):
        arguments = []
        try:
            with np.errstate(all="ignore"):
                for given, results in calls:
                    other = form(given, results, position)
                    if other is None:
                        break
                    arguments.append((*given[:position], other, *given[position + 1 :]))
        except (ArithmeticError, ValueError, KeyError, TypeError):
            continue
        if len(arguments) == len(calls) and _explained(exercise, found, names, function, arguments):
            mistaken = called[position]
            sentence = f"This is what comes out with {says} in place of {mistaken}."
            return Diagnosis(f"{says.rstrip(',')} for {mistaken}", sentence)
    return None


def _explained(
    exercise: Exercise,
    found: Sequence[Outcome],
    names: Sequence[str],
    function: Written,
    arguments: Sequence[tuple[object, ...]],
) -> bool:
    """Return whether a function gives these results of a learner's in every call, and not always the right ones."""
    wrong = False
    for given, yours, right in zip(arguments, found, expected(exercise), strict=True):
        outcome = call(exercise, function, given)
        if not all(_same([yours], [outcome], name, traces=True) for name in names):
            return False
        wrong = wrong or not all(_same([outcome], [right], name) for name in names)
    return wrong


def _same(found: Sequence[Outcome], others: Sequence[Outcome], name: str, traces: bool = False) -> bool:
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


def _common(exercise: Exercise, found: Sequence[Outcome], name: str, names: Sequence[str]) -> list[Diagnosis]:
    """Return the mistakes of every exercise that explain one of the results in every call."""
    cases = []
    for probe, yours, right, alone in zip(
        probes(exercise), found, expected(exercise), _without_grad(exercise), strict=True
    ):
        a, b = yours.values.get(name), right.values.get(name)
        if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
            return []
        given = dict(zip(argument_names(exercise), probe.arguments, strict=False))
        others = {other: right.values[other] for other in names if other != name and other in right.values}
        cases.append(Case(a, b, given, others, alone.values.get(name) if alone else None))
    return list(common(name, cases))


@cache
def _without_grad(exercise: Exercise) -> tuple[Outcome | None, ...]:
    """Return the right results for a gradient of ones in place of the one from above."""
    if argument_names(exercise)[0] != "grad":
        return (None,) * len(probes(exercise))
    function = load(exercise.solution, f"<{exercise.slug}>", exercise.function)
    arguments = [probe.arguments for probe in probes(exercise)]
    return tuple(call(exercise, function, (np.ones_like(np.asarray(grad)), *rest)) for grad, *rest in arguments)
