"""Mistakes that can be made in every exercise: another sign, a factor, a transpose, a part that is missing.

They are recognised by the numbers alone. Each explains what a learner's result is in every call of an exercise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from minigrad.learn.added_up import added_up
from minigrad.learn.diagnoses import Diagnosis, equal
from minigrad.learn.difference import wrong_elements
from minigrad.typing import Array


@dataclass(frozen=True)
class Case:
    """One result of one call, and what it may be mistaken for."""

    found: Array
    right: Array
    arguments: Mapping[str, object]  #: of the call, by their names
    others: Mapping[str, object]  #: the other results, as they should be
    without_grad: object  #: the right result for a gradient of ones
    before: object = None  #: what the array held before, if it is changed in place


COMMON = {
    "sign": "The sign is wrong: each number is minus what it should be.",
    "factor": "Each number is too large or too small by the same factor.",
    "swapped results": "Two results are swapped: each of them is the other's gradient.",
    "transposed": "The result is transposed: rows and columns are swapped.",
    "flipped": "The result is flipped: its elements are right, in the opposite order.",
    "zero": "The result is 0 everywhere. Is it computed and then not used?",
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
    "sign lost": "The numbers are right but for their signs: each is its absolute value.",
    "squared": "Each number is the square of what it should be.",
    "root": "Each number is the square root of what it should be.",
    "reciprocal": "Each number is 1 divided by what it should be.",
    "moved by one": "The numbers are right, but stand one place too far along an axis: an index is off by one.",
    "in other places": (
        "The numbers are right, but in other places. Is a reshape or a repeat in another order, or an index exchanged?"
    ),
    "elements that should be 0": "Some elements should be 0 and are not, and all others are right.",
    "elements left out": (
        "Some elements are 0 where they should not be, and all others are right. Does a loop or a slice end too early, "
        "or begin too late?"
    ),
}


def common(name: str, cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield the mistakes that explain a result in every call, the most telling first."""
    if all(case.before is not None for case in cases):
        yield from _step(name, cases)
    yield from _changed(cases)
    yield from _taken_for_another(name, cases)
    if all(equal(case.found, case.without_grad) for case in cases):
        yield Diagnosis("gradient from above missing", COMMON["gradient from above missing"])
    yield from _factor(cases, "Each number")
    yield from added_up(name, [(case.found, case.right) for case in cases])
    yield from _spoilt(cases)
    yield from _with_argument(cases)


def _step(name: str, cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield what is wrong with the change of an array that is changed in place."""
    steps = [
        (c.found - c.before, c.right - c.before, c)
        for c in cases
        if isinstance(c.before, np.ndarray) and c.before.shape == c.found.shape
    ]
    if len(steps) < len(cases):
        return
    moving = [(found, right, case) for found, right, case in steps if np.any(right)]
    if moving and not any(np.any(found) for found, _, _ in steps):
        yield Diagnosis("not changed", f"{name} is what it was before. Change it in place, with += or [...] =.")
    elif all(equal(case.found, right) for _, right, case in steps):
        yield Diagnosis("old value lost", f"{name} holds the step alone. It must be added to what {name} was.")
    elif all(equal(found, -right) for found, right, _ in steps):
        yield Diagnosis("sign", f"{name} moves the wrong way: each step is minus what it should be.")
    elif moving:
        yield from _factor([replace(case, found=a, right=b) for a, b, case in moving], "Each step")


def _changed(cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield what happened to the whole array."""
    for label, change in _CHANGES:
        if all(_fits(change, case) for case in cases):
            yield Diagnosis(label, COMMON[label])
    pairs = [(case.found, case.right) for case in cases]
    same_size = all(a.size == b.size for a, b in pairs) and any(a.shape != b.shape for a, b in pairs)
    if same_size and all(equal(a.reshape(b.shape), b) for a, b in pairs):
        yield Diagnosis("another shape", COMMON["another shape"])


_CHANGES: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("sign", np.negative),
    ("transposed", lambda x: x.swapaxes(-1, -2)),
    ("flipped", lambda x: x[..., ::-1]),
    ("flipped", lambda x: x[..., ::-1, :]),
    ("flipped", lambda x: x[..., ::-1, ::-1]),
    ("zero", np.zeros_like),
    ("sign lost", np.abs),
    ("squared", np.square),
    ("root", lambda x: np.sqrt(np.abs(x))),
    ("reciprocal", lambda x: 1 / x),
    ("moved by one", lambda x: np.roll(x, 1, -1)),
    ("moved by one", lambda x: np.roll(x, -1, -1)),
    ("moved by one", lambda x: np.roll(x, 1, 0)),
    ("moved by one", lambda x: np.roll(x, -1, 0)),
)


def _fits(change: Callable[[Array], Array], case: Case) -> bool:
    with np.errstate(all="ignore"):
        try:
            return equal(case.found, np.asarray(change(case.right)))
        except (IndexError, ValueError):  # it has too few dimensions
            return False


def _taken_for_another(name: str, cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield the other result, or the argument, that was returned."""
    for other in cases[0].others:
        if all(equal(case.found, case.others.get(other)) for case in cases):
            yield Diagnosis("swapped results", f"{name} is what {other} should be. {COMMON['swapped results']}")
    for argument in cases[0].arguments:
        if all(equal(case.found, case.arguments.get(argument)) for case in cases):
            yield Diagnosis("argument returned", f"{name} is {argument} itself, as your function was given it.")


def _with_argument(cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield the argument by which a result is multiplied or divided, or that is added to it."""
    for argument in cases[0].arguments:
        values = [case.arguments.get(argument) for case in cases]
        if not all(isinstance(v, np.ndarray | int | float) and not isinstance(v, bool) for v in values):
            continue
        for how, combine in _COMBINATIONS:
            with np.errstate(all="ignore"):
                try:
                    made = [combine(c.right, np.asarray(v)) for c, v in zip(cases, values, strict=True)]
                except (ValueError, TypeError):  # the shapes do not fit
                    continue
            if all(equal(case.found, value) for case, value in zip(cases, made, strict=True)):
                yield Diagnosis(how.format(argument), f"Each number is the right one, {how.format(argument)}.")


_COMBINATIONS: tuple[tuple[str, Callable[[Array, Array], Array]], ...] = (
    ("multiplied by {}", np.multiply),
    ("divided by {}", np.divide),
    ("multiplied by the square of {}", lambda x, y: x * y * y),
    ("plus {}", np.add),
    ("minus {}", np.subtract),
)


def _factor(cases: Sequence[Case], each: str) -> Iterator[Diagnosis]:
    """Yield the factor that all numbers have too much, and the length of an argument that it is, if there is one."""
    too_large = f"{each} is too large or too small by the same factor."
    factors = [_ratio(case.found, case.right) for case in cases]
    known = [(factor, case) for factor, case in zip(factors, cases, strict=True) if factor is not None]
    if len(known) < len(cases):
        return
    values = [factor for factor, _ in known]
    if np.allclose(values, values[0]):
        yield Diagnosis("factor", f"{too_large} The factor is {values[0]:.4g}.")
        return
    for length in _lengths(cases[0].arguments):
        counts = [_lengths(case.arguments).get(length, 0) for case in cases]
        for how, counted in (("multiplied", counts), ("divided", [1 / count if count else 0 for count in counts])):
            if np.allclose(values, counted):
                yield Diagnosis("factor", f"{each} is {how} by {length} once too often, or the opposite is missing.")
                return
    if all(case.right.size < 2 for case in cases):  # any two numbers have a ratio
        return
    most = max(values, key=lambda value: abs(np.log(abs(value))))
    yield Diagnosis(
        "factor",
        f"{too_large} It is {most:.4g} in one case, and another one in others. Is it a number of elements: a "
        "sum for a mean?",
    )


def _lengths(arguments: Mapping[str, object]) -> dict[str, float]:
    """Return the lengths of arrays, and the arguments that are numbers, as one writes them."""
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    lengths = {f"{name}.shape[{axis}]": n for name, array in arrays.items() for axis, n in enumerate(array.shape)}
    numbers = {name: v for name, v in arguments.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    shares = {f"(1 - {name})": 1 - value for name, value in numbers.items()}
    sizes = {f"{name}.size": array.size for name, array in arrays.items()}
    lists = {f"len({name})": len(value) for name, value in arguments.items() if isinstance(value, list)}
    return lengths | sizes | lists | {f"{name}": value for name, value in numbers.items()} | shares


def _ratio(a: Array, b: Array) -> float | None:
    """Return the number c, neither 0 nor infinite, with a = c · b; None if there is none."""
    if a.shape != b.shape or not np.any(b) or not np.all(np.isfinite(a)):
        return None
    at = np.unravel_index(int(np.argmax(np.abs(b))), b.shape)
    factor = float(a[at] / b[at])
    return factor if factor != 0 and np.isfinite(factor) and equal(a, np.asarray(factor * b)) else None


def _spoilt(cases: Sequence[Case]) -> Iterator[Diagnosis]:
    """Yield what spoilt some of the elements."""
    shaped = [(case.found, case.right) for case in cases]
    if any(a.shape != b.shape for a, b in shaped):
        return
    if any(np.isnan(a).any() and not np.isnan(b).any() for a, b in shaped):
        yield Diagnosis("not a number", COMMON["not a number"])
    elif any(np.isinf(a).any() and not np.isinf(b).any() for a, b in shaped):
        yield Diagnosis("infinite", COMMON["infinite"])
    whole = all(a.dtype.kind in "iu" and b.dtype.kind == "f" for a, b in shaped)
    if whole or all(equal(a, np.floor(b)) or equal(a, np.trunc(b)) for a, b in shaped):
        yield Diagnosis("whole numbers", COMMON["whole numbers"])
    if "random" in cases[0].arguments:  # elements may be 0 by chance
        return
    wrong = [wrong_elements(a, b) for a, b in shaped]
    right_ones = [(~each & (b != 0)).any() for each, (_, b) in zip(wrong, shaped, strict=True)]
    if all(np.all(a[each] == 0) for each, (a, _) in zip(wrong, shaped, strict=True)) and any(right_ones):
        yield Diagnosis("elements left out", COMMON["elements left out"])
    if all(np.all(b[each] == 0) for each, (_, b) in zip(wrong, shaped, strict=True)) and any(right_ones):
        yield Diagnosis("elements that should be 0", COMMON["elements that should be 0"])
    if all(equal(np.sort(a, axis=None), np.sort(b, axis=None)) for a, b in shaped):
        yield Diagnosis("in other places", COMMON["in other places"])
    yield from _at_an_edge(wrong)


def _at_an_edge(wrong: Sequence[Array]) -> Iterator[Diagnosis]:
    """Yield the edge along which all wrong elements lie."""
    spoilt = [each for each in wrong if each.any()]
    for axis in range(min(each.ndim for each in spoilt) if spoilt else 0):
        for place, word in ((0, "begins"), (-1, "ends")):
            inner = [np.delete(each, place, axis) for each in spoilt]
            if not any(each.any() for each in inner) and all(each.size and each.shape[axis] > 1 for each in inner):
                says = f"Only the {'first' if place == 0 else 'last'} elements along axis {axis} are wrong, and all "
                says += f"others are right. Is there a loop, a slice or a border that {word} one too early or too late?"
                yield Diagnosis("an end is off", says)
