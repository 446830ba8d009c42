"""The judge: five steps, from the simplest question to the hardest, until one fails.

    shapes       does it run, and return arrays of the right shapes?
    one element  the gradient from above is 1 at one place and 0 elsewhere: small whole numbers, easy to follow
    numbers      random numbers in several shapes, and the difference quotients of the forward pass
    engine       the learner's function stands in the engine: does the engine still compute what it did?
    properties   sentences that hold for every input, tried on random ones

The judge knows no exercise: it reads a record (record.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from minigrad.learn.advice import where
from minigrad.learn.diagnoses import Diagnosis
from minigrad.learn.diagnosis import diagnose
from minigrad.learn.difference import first_difference, small_arguments, wrong_elements
from minigrad.learn.outcome import Drawn, NotYetError, Outcome, argument_names, call, load
from minigrad.learn.probing import SEED, expected, probes, same
from minigrad.learn.record import Exercise, Probe, Written
from minigrad.learn.swap import Counted, swapped
from minigrad.typing import Array

#: The steps in order, with what a learner reads of each when it has passed.
STEPS = {
    "shapes": "it runs, and the shapes are right",
    "one element": "one element at a time",
    "numbers": "random numbers",
    "difference quotients": "difference quotients",
    "engine": "in the engine",
    "properties": "properties",
}


@dataclass
class Verdict:
    """The judgement of one function."""

    passed: bool = False
    done: list[str] = field(default_factory=list)  #: the steps that passed
    failed: str = ""  #: the step that failed
    lines: list[str] = field(default_factory=list)  #: the explanation
    diagnosis: str = ""  #: the name of the mistake, if it is a known one
    unwritten: bool = False  #: the function is still as it was given


class _FailedError(Exception):
    def __init__(self, step: str, lines: Sequence[str], diagnosis: Diagnosis | None = None) -> None:
        super().__init__(step)
        self.step, self.lines, self.diagnosis = step, list(lines), diagnosis


def judge(exercise: Exercise, source: str, path: str = "<your file>") -> Verdict:
    """Judge a learner's file."""
    verdict = Verdict()
    try:
        function = load(source, path, exercise.function)
        _take_steps(exercise, function, path, verdict.done)
        verdict.passed = True
    except NotYetError as problem:
        verdict.failed, verdict.lines, verdict.diagnosis = "shapes", str(problem).split("\n"), problem.name
        verdict.unwritten = problem.unwritten or is_unwritten(source)
        if is_unwritten(source):
            verdict.lines = [_first(exercise), "", *verdict.lines]
    except _FailedError as failure:
        verdict.failed, verdict.lines = failure.step, failure.lines
        verdict.unwritten = is_unwritten(source)
        if verdict.unwritten:
            verdict.lines = [_first(exercise)]
        elif failure.diagnosis:
            verdict.diagnosis = failure.diagnosis.name
            verdict.lines += [
                "",
                f"Most likely: {verdict.diagnosis}.",
                failure.diagnosis.says,
            ]
    if not verdict.passed:
        order = list(STEPS)
        verdict.done = [step for step in verdict.done if order.index(step) < order.index(verdict.failed)]
    return verdict


def _first(exercise: Exercise) -> str:
    return f"Write {exercise.function} first: there is still a line `...` where your code belongs."


def is_unwritten(source: str) -> bool:
    """Return whether a line of the file is still ``...``."""
    return any(line.strip() == "..." for line in source.splitlines())


def _take_steps(exercise: Exercise, function: Written, path: str, done: list[str]) -> None:
    """Take the steps, and note in ``done`` the names of those that passed.

    Raises:
        NotYetError, _FailedError: at the first that fails.
    """
    cases = probes(exercise)
    outcomes: list[Outcome] = []
    for probe, right in zip(cases, expected(exercise), strict=True):
        outcome = call(exercise, function, probe.arguments, path)
        outcomes.append(outcome)
        problem = _wrong(exercise, probe, outcome, right)
        if problem:
            step, lines = problem
            done += ["shapes"] if step != "shapes" and "shapes" not in done else []
            rest = [call(exercise, function, p.arguments, path) for p in cases[len(outcomes) :]]
            unwritten = outcome.problem is not None and outcome.problem.unwritten
            known = None if unwritten else diagnose(exercise, [*outcomes, *rest])
            known = known or _changing(exercise, function, probe, outcome)
            if outcome.problem is not None and known is None:
                raise outcome.problem
            raise _FailedError(step, lines, known)
        done += [step for step in ("shapes", probe.stage) if step not in done]
    if any(probe.measured for probe in cases):
        done.append("difference quotients")
    if exercise.replaces and exercise.in_engine:
        _try_in_engine(exercise, function, path)
        done.append("engine")
    if exercise.properties:
        _try_properties(exercise, function, path)
        done.append("properties")


def _changing(exercise: Exercise, function: Written, probe: Probe, outcome: Outcome) -> Diagnosis | None:
    """Return what makes the results of two calls with the same arguments different, or None if they are the same."""
    again = call(exercise, function, probe.arguments)
    if outcome.problem is not None or all(same([outcome], [again], name) for name in outcome.values):
        return None
    says = "Two calls with the same arguments give different results. "
    drawn = any(isinstance(value, Drawn) for value in outcome.values.values())
    says += (
        "Draw from the source of random numbers that is passed, and from no other." if drawn
        else "Does the function remember something from call to call, or begin with np.empty?"
    )  # fmt: skip
    return Diagnosis("another result each time", says)


def _wrong(exercise: Exercise, probe: Probe, outcome: Outcome, right: Outcome) -> tuple[str, list[str]] | None:
    """Return the step that a call fails and the explanation, or None."""
    note = [probe.note] if probe.note else []
    if probe.stage == "one element":
        shown = small_arguments(dict(zip(argument_names(exercise), probe.arguments, strict=False)))
        note += ["", *shown, ""] if shown else []
    if outcome.problem is not None:
        return "shapes", str(outcome.problem).split("\n")
    if exercise.accepts:
        (result,) = outcome.values.values()
        reason = exercise.accepts(probe.arguments, result)
        return (probe.stage, [*note, *reason.split("\n")]) if reason else None
    for name, value in right.values.items():
        found = outcome.values.get(name)
        if isinstance(value, Drawn) and isinstance(found, Drawn) and found != value:
            return probe.stage, [*note, *_drawn_wrongly(name, found, value)]
        if not isinstance(value, np.ndarray):
            if found != value:
                return probe.stage, [*note, f"{name} is {found!r}, but should be {value!r}."]
            continue
        if not isinstance(found, np.ndarray):
            return "shapes", [*note, f"There is no {name} in what your function left."]
        if found.shape != value.shape:
            return "shapes", _wrong_shape(exercise, probe, name, found, value)
        if wrong_elements(found, value).any():
            lines = [*note, *first_difference(name, found, value)]
            if found.dtype.kind in "iu" and value.dtype.kind == "f":
                lines.append(f"{name} holds whole numbers ({found.dtype}): make it from an array of floats.")
            return probe.stage, lines
    surplus = [name for name in outcome.values if name not in right.values]
    if surplus:
        return "shapes", [f"Your function left {', '.join(surplus)}, which nobody needs."]
    if probe.measured:
        for name, quotient in probe.measured().items():
            found = np.asarray(outcome.values[name])
            if wrong_elements(found, quotient, 1e-4).any():
                lines = first_difference(name, found, quotient, 1e-4)
                return "difference quotients", [*lines, "The right numbers here are difference quotients of forward."]
    return None


def _drawn_wrongly(name: str, found: Drawn, right: Drawn) -> list[str]:
    """Return in words how the numbers that were drawn from a source differ from those that should be."""
    if found.after == found.before:
        return [f"Nothing was drawn from {name} itself, so it would give the same numbers again: do not copy it."]
    if right.after == right.before:
        return [f"Numbers were drawn from {name}, where none are needed. The next draws from it give others."]
    return [f"More or fewer numbers than needed were drawn from {name}. The next draws from it give others."]


def _wrong_shape(exercise: Exercise, probe: Probe, name: str, found: Array, right: Array) -> list[str]:
    """Return the two shapes, and whose shape the wrong one is."""
    lines = [f"{name} has the shape {found.shape}, but should have {right.shape}."]
    given = dict(zip(argument_names(exercise), probe.arguments, strict=False))
    shapes = {argument: value.shape for argument, value in given.items() if isinstance(value, np.ndarray)}
    own = name.removeprefix("d")
    owners = [argument for argument, shape in shapes.items() if shape == found.shape]
    if owners:
        lines.append(f"That is the shape of {' and of '.join(owners)}.")
    if name.startswith("d") and shapes.get(own) == right.shape:
        lines.append(f"A gradient has the shape of what it belongs to: each element of {own} has one.")
    return lines


def _try_in_engine(exercise: Exercise, function: Written, path: str) -> None:
    """Let the engine compute with the learner's function, and compare with what it computes with its own."""
    assert exercise.replaces is not None
    assert exercise.in_engine is not None
    right = [np.asarray(array) for array in exercise.in_engine()]
    counted = Counted(function)
    try:
        with swapped(exercise.replaces(counted)):
            found = [np.asarray(array) for array in exercise.in_engine()]
    except Exception as error:
        lines = f"In the engine your function stopped with an error.\n\n{where(error, path)}".split("\n")
        raise _FailedError("engine", lines) from None
    if not counted.calls:
        raise _FailedError("engine", ["The engine did not call your function. This is a fault of the exercise."])
    for i, (a, b) in enumerate(zip(found, right, strict=True)):
        name = "result" if len(right) == 1 else f"result {i}"
        lines = _in_engine(name, a, b)
        if lines:
            raise _FailedError("engine", [f"With your function in place of {exercise.replaced}:", *lines])


def _in_engine(name: str, found: Array, right: Array) -> list[str]:
    if found.shape != right.shape:
        return [f"the engine's {name} has the shape {found.shape}, but should have {right.shape}."]
    close = 1e-4 if right.dtype == np.float32 else 1e-7
    return first_difference(name, found, right, close) if wrong_elements(found, right, close).any() else []


def _try_properties(exercise: Exercise, function: Written, path: str) -> None:
    for number, law in enumerate(exercise.properties):
        try:
            with np.errstate(all="ignore"):
                reason = law.holds(function, np.random.default_rng((SEED, number)))
        except Exception as error:
            reason = f"your function stopped with an error.\n\n{where(error, path)}"
        if reason:
            raise _FailedError("properties", [f"This must hold: {law.sentence}", *f"But {reason}".split("\n")])
