"""Recognise typical mistakes by name.

Each exercise has a bank of wrong solutions. A learner who makes a mistake of the bank gets the same wrong numbers as
the wrong solution, however differently it is written. So the learner's numbers are compared with those of each wrong
solution on the same arguments, result by result; and with simple changes of the right numbers (another sign, a factor,
a transpose, a flip), which are mistakes in every exercise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from minigrad.learn.difference import wrong_elements
from minigrad.learn.outcome import NotYetError, Outcome, call, load
from minigrad.learn.record import Exercise, Probe
from minigrad.typing import Array

#: The seed of all arguments, so that a check says the same each time.
SEED = 20


@dataclass(frozen=True)
class Diagnosis:
    """A mistake's name, and a sentence for the learner."""

    name: str
    says: str


COMMON = {
    "sign": "The sign is wrong: each number is minus what it should be.",
    "factor": "Each number is too large or too small by the same factor.",
    "swapped results": "Two results are swapped: each of them is the other's gradient.",
    "transposed": "The result is transposed: rows and columns are swapped.",
    "flipped": "The result is flipped: its elements are right, in the opposite order.",
    "zero": "The result is 0 everywhere. Is it computed and then not used?",
    "sum over the batch missing": "There is a part for each example. All of them count: sum over the batch, axis 0.",
    "another shape": "The numbers are right, but arranged in another shape. Is there a dimension of length 1 too many?",
    "gradient from above missing": (
        "The gradient from above, grad, is missing: this is the slope of the operation alone. The chain rule "
        "multiplies it by grad."
    ),
}


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
    several = [_of_one_result(exercise, found, name, names) for name in wrong]
    known = list({diagnosis.name: diagnosis for diagnosis in several if diagnosis}.values())
    if len(known) > 1:
        says = "\n".join(f"{d.name}: {d.says}" for d in known)
        return Diagnosis(", and ".join(d.name for d in known), says)
    if known:
        return known[0]
    return next((d for d, outcomes in _pairs(exercise) if all(_same(found, outcomes, name) for name in names)), None)


def _of_one_result(exercise: Exercise, found: Sequence[Outcome], name: str, names: Sequence[str]) -> Diagnosis | None:
    """Return the mistake that explains one result, whatever the others are."""
    right = expected(exercise)

    def explains(outcomes: Sequence[Outcome]) -> bool:
        return not _same(outcomes, right, name) and _same(found, outcomes, name, traces=True)

    single = [diagnosis for diagnosis, outcomes in _bank(exercise) if explains(outcomes)]
    single = single or list(_common(exercise, found, name, names))
    return single[0] if single else next((d for d, outcomes in _pairs(exercise) if explains(outcomes)), None)


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
        elif name and not _equal(a.values.get(name), b.values.get(name)):
            return False
    return True


def _ending(outcome: Outcome) -> str:
    """Return how a call failed, without the names of files."""
    cause = outcome.problem.__cause__ if outcome.problem else None
    return f"{type(cause).__name__}: {cause}" if cause else str(outcome.problem)


def _equal(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and not bool(wrong_elements(a, b).any())
    return type(a) is type(b) and bool(a == b)


def _common(exercise: Exercise, found: Sequence[Outcome], name: str, names: Sequence[str]) -> Iterator[Diagnosis]:
    """Yield the common mistakes that explain one of the results in every call."""
    right = expected(exercise)
    pairs = [
        (a.values[name], b.values[name])
        for a, b in zip(found, right, strict=True)
        if isinstance(a.values.get(name), np.ndarray) and isinstance(b.values.get(name), np.ndarray)
    ]
    arrays = [(a, b) for a, b in pairs if isinstance(a, np.ndarray) and isinstance(b, np.ndarray)]
    if len(arrays) < len(found) or not arrays:
        return
    changes: dict[str, Callable[[Array], Array]] = {
        "sign": np.negative,
        "transposed": lambda x: x.swapaxes(-1, -2) if x.ndim > 1 else x,
        "flipped": lambda x: x[..., ::-1] if x.ndim else x,
        "zero": np.zeros_like,
    }
    for label, change in changes.items():
        if all(_equal(a, change(b)) for a, b in arrays):
            yield Diagnosis(label, COMMON[label])
    turned: list[Callable[[Array], Array]] = [lambda x: x[..., ::-1, :], lambda x: x[..., ::-1, ::-1]]
    if all(b.ndim > 1 for _, b in arrays) and any(all(_equal(a, turn(b)) for a, b in arrays) for turn in turned):
        yield Diagnosis("flipped", COMMON["flipped"])
    if all(a.ndim == b.ndim + 1 and _equal(a.sum(0), b) for a, b in arrays):
        yield Diagnosis("sum over the batch missing", COMMON["sum over the batch missing"])
    if all(a.shape != b.shape and a.size == b.size and _equal(a.reshape(b.shape), b) for a, b in arrays):
        yield Diagnosis("another shape", COMMON["another shape"])
    for other in names:
        others = [outcome.values.get(other) for outcome in right]
        if other != name and all(_equal(a, b) for (a, _), b in zip(arrays, others, strict=True)):
            yield Diagnosis("swapped results", f"{name} is what {other} should be. {COMMON['swapped results']}")
    if _without_grad(exercise, arrays, name):
        yield Diagnosis("gradient from above missing", COMMON["gradient from above missing"])
    factors = [_factor(a, b) for a, b in arrays]
    known = [factor for factor in factors if factor is not None and np.isfinite(factor)]
    if len(known) == len(factors) and known:
        same = np.allclose(known, known[0])
        shown = f"{known[-1]:.4g}" if same else f"{known[-1]:.4g} in the last case, another one in others"
        much = f" The factor is {shown}." + ("" if same else " Is it a number of elements: a sum for a mean?")
        yield Diagnosis("factor", COMMON["factor"] + much)


def _without_grad(exercise: Exercise, arrays: Sequence[tuple[Array, Array]], name: str) -> bool:
    """Return whether the results are those for a gradient of ones."""
    if not exercise.template.partition(f"def {exercise.function}(")[2].startswith("grad,"):
        return False
    function = load(exercise.solution, f"<{exercise.slug}>", exercise.function)
    for (a, _), probe in zip(arrays, probes(exercise), strict=True):
        grad, *rest = probe.arguments
        ones = call(exercise, function, (np.ones_like(np.asarray(grad)), *rest))
        b = ones.values.get(name)
        if not isinstance(b, np.ndarray):
            return False
        if a.shape != b.shape:
            return False
        if not _equal(a, b):
            return False
    return True


def _factor(a: Array, b: Array) -> float | None:
    """Return the number c with a = c · b, or None if there is none."""
    if a.shape != b.shape or not np.any(b) or not np.all(np.isfinite(a)):
        return None
    at = np.unravel_index(int(np.argmax(np.abs(b))), b.shape)
    factor = float(a[at] / b[at])
    return factor if factor != 0 and _equal(a, factor * b) else None
