"""One element of a tensor, worked out in numbers: the largest terms of a sum, and the sum of the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from minigrad.engine.function import Function
from minigrad.typing import Array, Shape
from minigrad.viewer.samples import Index, number

TERMS = 4  #: the number of terms that are shown one by one

#: Row, column, height and width of the part of a plane that an element was computed from.
Mark = tuple[int, int, int, int]


@dataclass
class Run:
    """An operation that ran: its arrays, and the options that it was given."""

    node: Function
    inputs: Sequence[Array | None]  #: None for what is no array, or is not in memory any more
    outputs: Sequence[Array | None]
    options: Mapping[str, object]
    gradients: Sequence[Array | None] = ()  #: of the outputs, on the way back
    results: Sequence[Array | None] = ()  #: the gradients of the inputs
    shapes: Sequence[Shape | None] = ()  #: of the inputs of a floating dtype, in memory or not any more
    kind: str = ""  #: on the way back: what the element of the output was found to be


@dataclass
class Term:
    """One term of a sum: in symbols, in numbers, and its value."""

    symbols: str
    numbers: str
    value: str


@dataclass
class Element:
    """One element, and how it was computed."""

    name: str  #: y[0, 3, 5, 7]
    formula: str
    value: str
    terms: list[Term] = field(default_factory=list)
    rest: tuple[int, str] | None = None  #: the number of other terms, and their sum
    known: list[tuple[str, str]] = field(default_factory=list)  #: what else the formula needs, by its symbol
    marks: dict[int, tuple[Index, Mark]] = field(default_factory=dict)  #: what was read of each input
    gradient_mark: tuple[Index, Mark] | None = None  #: what was read of the gradient of the output
    kind: str = ""  #: "elementwise" or "move", for operations of no family


def with_sum(
    element: Element, values: Array, describe: Callable[[Index], tuple[str, str]], more: Sequence[Term] = ()
) -> Element:
    """Add the largest of ``values`` to an element as terms, and the sum of the others.

    Args:
        describe: returns a term in symbols and in numbers, from its index among the values.
        more: terms that are shown in any case, such as a bias.
    """
    flat = values.reshape(-1)
    order = np.argsort(-np.abs(np.nan_to_num(flat)), kind="stable")
    shown = sorted(order[:TERMS].tolist()) if flat.size > TERMS else range(flat.size)
    for k in shown:
        index = tuple(int(i) for i in np.unravel_index(k, values.shape))
        element.terms.append(Term(*describe(index), number(float(flat[k]))))
    element.terms += more
    if flat.size > TERMS:
        element.rest = (flat.size - TERMS, number(float(flat[order[TERMS:]].sum())))
    return element


def product(a: float, b: float) -> str:
    """Return a product in numbers; a negative second factor stands in parentheses."""
    right = number(b)
    return f"{number(a)} · {f'({right})' if right.startswith('-') else right}"


def alone(at: Index) -> tuple[Index, Mark]:
    """Return the mark of a single element."""
    row, column = (0, 0, *at)[-2:]
    return at, (row, column, 1, 1)


def wide(array: Array) -> Array:
    """Return an array in float64, in which the terms are computed."""
    return array.astype(np.float64)
