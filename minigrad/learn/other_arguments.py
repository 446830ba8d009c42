"""Arguments in another form: the right solution, computed with the mean of an argument, its sign, or another argument.

A learner whose numbers are those of the right solution for such arguments has used the argument in that form.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from minigrad.learn.diagnoses import Diagnosis
from minigrad.typing import Array

#: The arguments of one call, and the results that are right for them.
Arguments: TypeAlias = tuple[object, ...]
Results: TypeAlias = Mapping[str, object]
#: Makes the arguments in another form.
Form: TypeAlias = Callable[[Arguments, Results], Arguments]
_OfArray: TypeAlias = Callable[[Array], Array]


def _along(function: Callable[..., Array], axis: int | None) -> _OfArray:
    """Return a function that replaces each element by a mean or a sum, repeated to the old shape."""
    return lambda x: np.broadcast_to(function(x, axis=axis, keepdims=True), x.shape).copy()


def _repeated(part: slice) -> _OfArray:
    return lambda x: np.broadcast_to(x[part], x.shape).copy()


_ARRAYS: dict[str, _OfArray] = {
    "abs({0})": np.abs,
    "-{0}": np.negative,
    "ones in the shape of {0}": np.ones_like,
    "zeros in the shape of {0}": np.zeros_like,
    "{0} ** 2": np.square,
    "the square root of {0}": lambda x: np.sqrt(np.abs(x)),
    "1 / {0}": lambda x: 1 / x,
    "the sign of {0}": np.sign,
    "{0} without its fractions": np.trunc,
    "np.exp({0})": np.exp,
    "np.tanh({0})": np.tanh,
    "1 - {0}": lambda x: 1 - x,
    "2 * {0}": lambda x: 2 * x,
    "{0} / 2": lambda x: x / 2,
    "the positive part of {0}": lambda x: np.maximum(x, 0),
    "the mean of all of {0}": _along(np.mean, None),
    "the sum of all of {0}": _along(np.sum, None),
    "the mean of {0} over axis 0": _along(np.mean, 0),
    "the sum of {0} over axis 0": _along(np.sum, 0),
    "the mean of {0} over axis 1": _along(np.mean, 1),
    "the sum of {0} over axis 1": _along(np.sum, 1),
    "the mean of {0} over its last axis": _along(np.mean, -1),
    "the sum of {0} over its last axis": _along(np.sum, -1),
    "{0} with its last axis reversed": lambda x: x[..., ::-1],
    "{0} with its first axis reversed": lambda x: x[::-1],
    "{0} with its two last axes swapped": lambda x: x.swapaxes(-1, -2),
    "{0} moved by one along its last axis": lambda x: np.roll(x, 1, axis=-1),
    "{0} moved back by one along its last axis": lambda x: np.roll(x, -1, axis=-1),
    "the first row of {0} alone": _repeated(np.s_[:1]),
    "the last row of {0} alone": _repeated(np.s_[-1:]),
    "{0} - its mean": lambda x: x - x.mean(axis=0),
    "{0} divided by its length": lambda x: x / np.linalg.norm(x),
}

_NUMBERS: dict[str, Callable[[float], float]] = {
    "0": lambda x: 0,
    "1": lambda x: 1,
    "-{0}": lambda x: -x,
    "1 - {0}": lambda x: 1 - x,
    "{0} + 1": lambda x: x + 1,
    "{0} - 1": lambda x: x - 1,
    "2 * {0}": lambda x: 2 * x,
    "{0} / 2": lambda x: x / 2,
    "{0} ** 2": lambda x: x**2,
    "the square root of {0}": lambda x: x**0.5,
    "1 / {0}": lambda x: 1 / x,
    "0.5": lambda x: 0.5,
    "0.9": lambda x: 0.9,
}


def forms(names: Sequence[str], example: tuple[Arguments, Results]) -> Iterator[tuple[Diagnosis, Form]]:
    """Yield what arguments may be mistaken for. A form that an argument does not have raises an error.

    Args:
        names: of the arguments.
        example: one call; the types of its arguments decide which forms there are.
    """
    arguments, results = example
    for i, (name, value) in enumerate(zip(names, arguments, strict=False)):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            for says, of_array in _ARRAYS.items():
                yield _instead(says.format(name), name), partial(_changed, i, of_array)
            for result in results:
                yield _instead(f"the result {result}", name), partial(_result_instead, i, result)
        elif isinstance(value, list) and value and isinstance(value[0], np.ndarray):
            for says, of_array in _ARRAYS.items():
                form = partial(_changed, i, partial(_each, of_array))
                yield _instead(says.format(f"{name}[i]"), f"{name}[i]"), form
        elif isinstance(value, bool):
            yield _instead(f"not {name}", name), partial(_changed, i, operator.not_)
        elif isinstance(value, int | float):
            for says, of_number in _NUMBERS.items():
                yield _instead(says.format(name), name), partial(_changed, i, partial(_number, of_number))
        for j, other in enumerate(arguments[: len(names)]):
            if j != i and type(other) is type(value) and not callable(value):
                order = [*range(len(arguments))]
                order[i] = j
                yield _instead(names[j], name), partial(_reordered, tuple(order))
                order[j] = i
                says = f"{name} and {names[j]} are used in each other's place."
                yield Diagnosis("swapped arguments", says), partial(_reordered, tuple(order))
    yield from _one_example(arguments)


def _changed(i: int, function: Callable[..., object], arguments: Arguments, results: Results) -> Arguments:
    return (*arguments[:i], function(arguments[i]), *arguments[i + 1 :])


def _each(function: _OfArray, several: Sequence[Array]) -> list[Array]:
    return [function(array) for array in several]


def _number(function: Callable[[float], float], value: float) -> float:
    """Return another number of the same type."""
    return type(value)(function(value))


def _result_instead(i: int, result: str, arguments: Arguments, results: Results) -> Arguments:
    return (*arguments[:i], results[result], *arguments[i + 1 :])


def _reordered(order: Sequence[int], arguments: Arguments, results: Results) -> Arguments:
    return tuple(arguments[k] for k in order)


def _instead(form: str, name: str) -> Diagnosis:
    return Diagnosis(f"{form} for {name}", f"This is what comes out with {form} in place of {name}.")


def _one_example(arguments: Arguments) -> Iterator[tuple[Diagnosis, Form]]:
    """Yield the arguments with one example instead of all."""
    first = arguments[0]
    if not isinstance(first, np.ndarray) or first.ndim < 2:
        return
    for word, part in (("first", np.s_[:1]), ("last", np.s_[-1:])):

        def alone(arguments: Arguments, results: Results, part: slice = part) -> Arguments:
            count = len(np.asarray(arguments[0]))
            return tuple(x[part] if isinstance(x, np.ndarray) and x.ndim and len(x) == count else x for x in arguments)

        says = f"This comes from the {word} example alone. All of them count: is there an = for a +=?"
        yield Diagnosis(f"{word} example alone", says), alone
