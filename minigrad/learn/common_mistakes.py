"""Mistakes that can be made in every exercise: another sign, a factor, a transpose, a part that is missing.

They are recognised by the numbers alone. Each explains what a learner's result is in every call of an exercise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from minigrad.learn.difference import wrong_elements
from minigrad.typing import Array


@dataclass(frozen=True)
class Diagnosis:
    """A mistake's name, and a sentence for the learner."""

    name: str
    says: str


@dataclass(frozen=True)
class Case:
    """One result of one call, and what it may be mistaken for."""

    found: Array
    right: Array
    arguments: Mapping[str, object]  #: of the call, by their names
    others: Mapping[str, object]  #: the other results, as they should be
    without_grad: object  #: the right result for a gradient of ones


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
    "not a number": (
        "There is nan, which is not a number. It comes from 0 / 0, from the root or the logarithm of a negative "
        "number, "
        "or from an array of np.empty, which holds whatever was there: np.zeros begins with 0."
    ),
    "infinite": "There are infinite numbers. They come from a division by 0, or from np.exp of a large number.",
    "whole numbers": "The fractions are lost: // divides whole numbers, and an array of int cannot hold fractions.",
    "elements left out": (
        "Some elements are 0 where they should not be, and all others are right. Does a loop or a slice end too early, "
        "or begin too late?"
    ),
}


def common(name: str, cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield the mistakes that explain a result in every call, the most telling first."""
    yield from _changed(cases)
    yield from _taken_for_another(name, cases)
    if all(equal(case.found, case.without_grad) for case in cases):
        yield Diagnosis("gradient from above missing", COMMON["gradient from above missing"])
    yield from _factor(cases)
    yield from _spoilt(cases)


def _changed(cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield what happened to the whole array."""
    changes: list[tuple[str, Callable[[Array], Array]]] = [
        ("sign", np.negative),
        ("transposed", lambda x: x.swapaxes(-1, -2) if x.ndim > 1 else x),
        ("flipped", lambda x: x[..., ::-1] if x.ndim else x),
        ("zero", np.zeros_like),
    ]
    if all(case.right.ndim > 1 for case in cases):
        changes += [("flipped", lambda x: x[..., ::-1, :]), ("flipped", lambda x: x[..., ::-1, ::-1])]
    for label, change in changes:
        if all(equal(case.found, change(case.right)) for case in cases):
            yield Diagnosis(label, COMMON[label])
    pairs = [(case.found, case.right) for case in cases]
    if all(a.ndim == b.ndim + 1 and equal(a.sum(0), b) for a, b in pairs):
        yield Diagnosis("sum over the batch missing", COMMON["sum over the batch missing"])
    if all(a.shape != b.shape and a.size == b.size and equal(a.reshape(b.shape), b) for a, b in pairs):
        yield Diagnosis("another shape", COMMON["another shape"])


def _taken_for_another(name: str, cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield the other result, or the argument, that was returned."""
    for other in cases[0].others:
        if all(equal(case.found, case.others.get(other)) for case in cases):
            yield Diagnosis("swapped results", f"{name} is what {other} should be. {COMMON['swapped results']}")
    for argument in cases[0].arguments:
        if all(equal(case.found, case.arguments.get(argument)) for case in cases):
            yield Diagnosis("argument returned", f"{name} is {argument} itself, as your function was given it.")


def _factor(cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield the factor that all numbers have too much, and the length of an argument that it is, if there is one."""
    factors = [_ratio(case.found, case.right) for case in cases]
    known = [(factor, case) for factor, case in zip(factors, cases, strict=True) if factor is not None]
    if len(known) < len(cases):
        return
    values = [factor for factor, _ in known]
    if np.allclose(values, values[0]):
        yield Diagnosis("factor", f"{COMMON['factor']} The factor is {values[0]:.4g}.")
        return
    for length in _lengths(cases[0].arguments):
        counts = [_lengths(case.arguments).get(length, 0) for case in cases]
        for how, counted in (("multiplied", counts), ("divided", [1 / count if count else 0 for count in counts])):
            if np.allclose(values, counted):
                yield Diagnosis(
                    "factor", f"Each number is {how} by {length} once too often, or the opposite is missing."
                )
                return
    most = max(values, key=lambda value: abs(np.log(abs(value))))
    yield Diagnosis(
        "factor",
        f"{COMMON['factor']} It is {most:.4g} in one case, and another one in others. Is it a number of elements: a "
        "sum for a mean?",
    )


def _lengths(arguments: Mapping[str, object]) -> dict[str, int]:
    """Return the lengths of arrays, as one writes them."""
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    lengths = {f"{name}.shape[{axis}]": n for name, array in arrays.items() for axis, n in enumerate(array.shape)}
    return lengths | {f"{name}.size": array.size for name, array in arrays.items()}


def _ratio(a: Array, b: Array) -> float | None:
    """Return the number c, neither 0 nor infinite, with a = c · b; None if there is none."""
    if a.shape != b.shape or not np.any(b) or not np.all(np.isfinite(a)):
        return None
    at = np.unravel_index(int(np.argmax(np.abs(b))), b.shape)
    factor = float(a[at] / b[at])
    return factor if factor != 0 and np.isfinite(factor) and equal(a, factor * b) else None


def _spoilt(cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield what spoilt some of the elements."""
    shaped = [(case.found, case.right) for case in cases]
    if any(a.shape != b.shape for a, b in shaped):
        return
    if any(np.isnan(a).any() and not np.isnan(b).any() for a, b in shaped):
        yield Diagnosis("not a number", COMMON["not a number"])
    elif any(np.isinf(a).any() and not np.isinf(b).any() for a, b in shaped):
        yield Diagnosis("infinite", COMMON["infinite"])
    if all(equal(a, np.floor(b)) or equal(a, np.trunc(b)) for a, b in shaped):
        yield Diagnosis("whole numbers", COMMON["whole numbers"])
    if "random" in cases[0].arguments:  # elements may be 0 by chance
        return
    wrong = [wrong_elements(a, b) for a, b in shaped]
    right_ones = [(~each & (b != 0)).any() for each, (_, b) in zip(wrong, shaped, strict=True)]
    if all(np.all(a[each] == 0) for each, (a, _) in zip(wrong, shaped, strict=True)) and any(right_ones):
        yield Diagnosis("elements left out", COMMON["elements left out"])


def equal(a: object, b: object) -> bool:
    """Return whether two results are the same; arrays, up to rounding."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and not bool(wrong_elements(a, b).any())
    return type(a) is type(b) and bool(a == b)
