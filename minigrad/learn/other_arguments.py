"""Arguments in another form: the right solution, computed with the mean of an argument, its sign, or another argument.

A learner whose numbers are those of the right solution for such arguments has used the argument in that form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from minigrad.typing import Array

#: Arguments of one call, and the results that are right for them.
Call: TypeAlias = tuple[Sequence[object], Mapping[str, object]]
#: Makes another value of the argument at a position; None if there is none.
Form: TypeAlias = Callable[[Sequence[object], Mapping[str, object], int], object]


def _along(function: Callable[..., Array], axis: int | None) -> Callable[[Array], object]:
    """Return a function that replaces each element by a mean or a sum, repeated to the old shape."""

    def form(x: Array) -> object:
        if axis is None or -x.ndim <= axis < x.ndim:
            return np.broadcast_to(function(x, axis=axis, keepdims=True), x.shape).copy()
        return None

    return form


def _moved(shift: int) -> Callable[[Array], object]:
    return lambda x: np.roll(x, shift, axis=-1) if x.ndim else None


_ARRAYS: dict[str, Callable[[Array], object]] = {
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
    "{0} with its last axis reversed": lambda x: x[..., ::-1] if x.ndim else None,
    "{0} with its first axis reversed": lambda x: x[::-1] if x.ndim else None,
    "{0} with its two last axes swapped": lambda x: x.swapaxes(-1, -2) if x.ndim > 1 else None,
    "{0} moved by one along its last axis": _moved(1),
    "{0} moved back by one along its last axis": _moved(-1),
    "the first row of {0} alone": lambda x: np.broadcast_to(x[:1], x.shape).copy() if x.ndim else None,
    "the last row of {0} alone": lambda x: np.broadcast_to(x[-1:], x.shape).copy() if x.ndim else None,
    "{0} - its mean": lambda x: x - x.mean(axis=0) if x.ndim else None,
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


def forms(names: Sequence[str], example: Call) -> Iterator[tuple[str, int, Form]]:
    """Yield descriptions of what an argument may be mistaken for, the argument's position, and how to compute it.

    Args:
        names: of the arguments.
        example: one call; the types of its arguments decide what there is.
    """
    arguments, results = example
    for i, value in enumerate(arguments):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            for says, of_array in _ARRAYS.items():
                yield says.format(names[i]), i, lambda a, r, k, f=of_array: f(a[k])
        elif isinstance(value, list) and value and isinstance(value[0], np.ndarray):
            for says, of_array in _ARRAYS.items():
                yield (
                    says.format(f"each array of {names[i]}"), i,
                    lambda a, r, k, f=of_array: [f(array) for array in a[k]],
                )  # fmt: skip
        elif isinstance(value, bool):
            yield f"not {names[i]}", i, lambda a, r, k: not a[k]
        elif isinstance(value, int | float):
            for says, of_number in _NUMBERS.items():
                yield says.format(names[i]), i, lambda a, r, k, f=of_number: type(a[k])(f(a[k]))
        for j, other in enumerate(arguments):
            if j != i and type(other) is type(value) and not callable(value):
                yield names[j], i, lambda a, r, k, j=j: a[j]
        for result in results:
            if isinstance(value, np.ndarray) and isinstance(results[result], np.ndarray):
                yield f"{result}, the result,", i, lambda a, r, k, n=result: r[n]
