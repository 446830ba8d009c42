"""Recognise typical mistakes by name.

Each exercise has a bank of wrong solutions. A learner who makes a mistake of the bank gets the same wrong numbers as
the wrong solution, however differently it is written. So the learner's numbers are compared with those of each wrong
solution on the same arguments, result by result; then with

- the mistakes that can be made in every exercise, such as another sign or a missing factor (common_mistakes.py),
- the right solution with one small thing changed, in it or in its arguments (near_solutions.py),
- and two mistakes of the bank at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from minigrad.learn.common_mistakes import COMMON, Case, common
from minigrad.learn.diagnoses import Diagnosis
from minigrad.learn.near_solutions import first_that_explains, near_solution
from minigrad.learn.outcome import Drawn, Outcome, argument_names, call, load, parts
from minigrad.learn.probing import expected, outcomes_of, probes, same
from minigrad.learn.record import Exercise


@cache
def _bank(exercise: Exercise) -> tuple[tuple[Diagnosis, tuple[Outcome, ...]], ...]:
    """Return the results of each wrong solution."""
    return tuple(
        (
            Diagnosis(mistake.name, mistake.says or COMMON[mistake.name]),
            outcomes_of(exercise, mistake.source(exercise.solution)),
        )
        for mistake in exercise.mistakes
    )


@cache
def _pairs(exercise: Exercise) -> tuple[tuple[Diagnosis, str], ...]:
    """Return two wrong solutions at once, where their edits do not exclude each other."""
    found = []
    for i, first in enumerate(exercise.mistakes):
        for second in exercise.mistakes[i + 1 :]:
            try:
                source = second.source(first.source(exercise.solution))
            except ValueError:  # the first edit has taken away what the second one changes
                continue
            says = "\n".join(f"{m.name}: {m.says or COMMON[m.name]}" for m in (first, second))
            found.append((Diagnosis(f"{first.name}, and {second.name}", says), source))
    return tuple(found)


def diagnose(exercise: Exercise, found: Sequence[Outcome]) -> Diagnosis | None:
    """Return the mistake that a learner's results show, or None if it is not a known one."""
    right = expected(exercise)
    names = list(dict.fromkeys(name for outcome in right for name in outcome.values)) or [""]
    for diagnosis, outcomes in _bank(exercise):  # everything is as in this wrong solution
        if all(same(found, outcomes, name, traces=True) for name in names):
            return diagnosis
    drawn = {name for outcome in right for name, value in outcome.values.items() if isinstance(value, Drawn)}
    wrong = [name for name in names if name and name not in drawn and not same(found, right, name)]
    if len(wrong) > 1:
        together = _of_all_results(exercise, found, wrong)
        if together:
            return together
    known = _merged([_of_one_result(exercise, found, name) for name in wrong])
    if known or not wrong:
        return known
    return first_that_explains(exercise, found, wrong, _pairs(exercise))


def _merged(several: Sequence[Diagnosis | None]) -> Diagnosis | None:
    """Return one diagnosis that names all of the mistakes."""
    known = list({diagnosis.name: diagnosis for diagnosis in several if diagnosis}.values())
    if len(known) < 2:
        return known[0] if known else None
    says = "\n".join(f"{d.name}: {d.says}" for d in known)
    return Diagnosis(", and ".join(d.name for d in known), says)


def _of_all_results(exercise: Exercise, found: Sequence[Outcome], wrong: Sequence[str]) -> Diagnosis | None:
    """Return the one mistake that explains all wrong results together."""
    swapped = [[d for d in _common(exercise, found, name) if d.name == "swapped results"] for name in wrong]
    if all(swapped):
        return Diagnosis("swapped results", COMMON["swapped results"])
    if any(_of_bank(exercise, found, name) or _common(exercise, found, name) for name in wrong):
        return None  # each result has a mistake of its own
    return near_solution(exercise, found, wrong)


def _of_one_result(exercise: Exercise, found: Sequence[Outcome], name: str) -> Diagnosis | None:
    """Return the mistake that explains one result, whatever the others are."""
    known = _of_bank(exercise, found, name) or next(iter(_common(exercise, found, name)), None)
    known = known or near_solution(exercise, found, [name])
    return known or first_that_explains(exercise, found, [name], _pairs(exercise))


def _of_bank(exercise: Exercise, found: Sequence[Outcome], name: str) -> Diagnosis | None:
    return next((d for d, outcomes in _bank(exercise) if _explains(exercise, outcomes, found, name)), None)


def _explains(exercise: Exercise, outcomes: Sequence[Outcome], found: Sequence[Outcome], name: str) -> bool:
    """Return whether a wrong solution gives this result of the learner's."""
    return not same(outcomes, expected(exercise), name) and same(found, outcomes, name, traces=True)


def _common(exercise: Exercise, found: Sequence[Outcome], name: str) -> list[Diagnosis]:
    """Return the mistakes of every exercise that explain one of the results in every call."""
    cases = []
    for probe, yours, right, alone in zip(
        probes(exercise), found, expected(exercise), _without_grad(exercise), strict=True
    ):
        if yours.problem is None and name not in right.values:
            continue
        a, b = yours.values.get(name), right.values.get(name)
        if isinstance(b, float) and isinstance(a, float | int):
            a, b = np.asarray(a), np.asarray(b)
        if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
            return []
        given = dict(zip(argument_names(exercise), probe.arguments, strict=False))
        others = {other: value for other, value in right.values.items() if other != name}
        before = _before(exercise, probe.arguments).get(name)
        cases.append(Case(a, b, given, others, alone.values.get(name) if alone else None, before))
    return list(common(name, cases)) if cases else []


def _before(exercise: Exercise, arguments: tuple[object, ...]) -> dict[str, object]:
    """Return what the arguments that are changed in place held before."""
    held: dict[str, object] = {}
    for position, name in exercise.changes:
        held |= parts(name, arguments[position])
    return held


@cache
def _without_grad(exercise: Exercise) -> tuple[Outcome | None, ...]:
    """Return the right results for a gradient of ones in place of the one from above."""
    if argument_names(exercise)[0] != "grad":
        return (None,) * len(probes(exercise))
    function = load(exercise.solution, f"<{exercise.slug}>", exercise.function)
    arguments = [probe.arguments for probe in probes(exercise)]
    return tuple(call(exercise, function, (np.ones_like(np.asarray(grad)), *rest)) for grad, *rest in arguments)
