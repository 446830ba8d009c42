"""Probes for a function that is the derivative of an operation: one-hot gradients, random ones, quotients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from minigrad.learn.record import Probe, Property, Written
from minigrad.learn.swap import arrays
from minigrad.testing.naming import element
from minigrad.typing import Array

#: Draws an array of a shape: small whole numbers for the first probes, normal ones later.
Draw: TypeAlias = Callable[..., Array]
#: Returns the inputs of one case: arrays, and options that are numbers or tuples.
Inputs: TypeAlias = Callable[[Draw], tuple[object, ...]]
Forward: TypeAlias = Callable[..., Array]


def whole(random: np.random.Generator) -> Draw:
    """Return a function that draws whole numbers from −4 to 4, but not 0, as floats."""
    return lambda *shape: random.choice([-4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0], shape)


def normal(random: np.random.Generator) -> Draw:
    """Return a function that draws normal numbers."""
    return lambda *shape: np.asarray(random.standard_normal(shape))


def derivative(
    forward: Forward,
    cases: Sequence[Inputs],
    results: dict[str, int],
    saved: Callable[..., tuple[object, ...]] | None = None,
) -> Callable[[np.random.Generator], list[Probe]]:
    """Return the probes of a function of ``grad`` and what the operation saved.

    Args:
        forward: the operation.
        cases: the inputs of the operation; the first is small, for the one-hot probes.
        results: maps the name of each result to the position of the input whose gradient it is.
        saved: returns what the function gets after ``grad``, from the inputs; by default the inputs themselves.
    """

    def probes(random: np.random.Generator) -> list[Probe]:
        made = []
        small = cases[0](whole(random))
        shape = np.shape(forward(*small))
        places = list(np.ndindex(*shape))
        for place in (places[len(places) // 2], places[-1], places[0]):
            grad = np.zeros(shape)
            grad[place] = 1.0
            where = f"grad is 1 at [{', '.join(map(str, place))}] and 0 elsewhere" if place else "grad is 1"
            shapes = ", ".join(str(x.shape) for x in small if isinstance(x, np.ndarray))
            note = f"A small case with whole numbers (inputs of shape {shapes}); {where}."
            made.append(Probe((grad, *(saved(*small) if saved else small)), "one element", note))
        grad = whole(random)(*shape)
        made.append(Probe((grad, *(saved(*small) if saved else small)), "numbers", "Whole numbers, also in grad."))
        for case in cases:
            inputs = case(normal(random))
            grad = normal(random)(*np.shape(forward(*inputs)))
            arguments = (grad, *(saved(*inputs) if saved else inputs))
            made.append(Probe(arguments, "numbers", "Random numbers.", _quotients(forward, inputs, grad, results)))
        return made

    return probes


def _quotients(
    forward: Forward, inputs: tuple[object, ...], grad: Array, results: dict[str, int]
) -> Callable[[], dict[str, Array]]:
    def loss(position: int, value: Array) -> float:
        moved = (*inputs[:position], value, *inputs[position + 1 :])
        return float(np.sum(grad * forward(*moved)))

    def measured() -> dict[str, Array]:
        found = {}
        for name, position in results.items():
            x = np.asarray(inputs[position])
            quotient = np.zeros(x.shape)
            for index in np.ndindex(*x.shape):
                up, down = x.copy(), x.copy()
                up[index] += 1e-5
                down[index] -= 1e-5
                quotient[index] = (loss(position, up) - loss(position, down)) / 2e-5
            found[name] = quotient
        return found

    return measured


def linear_in_grad(
    forward: Forward,
    case: Inputs,
    count: int,
    saved: Callable[..., tuple[object, ...]] | None = None,
) -> Property:
    """Return the property that every derivative has: it is linear in the gradient from above."""

    def holds(function: Written, random: np.random.Generator) -> str | None:
        for _ in range(3):
            inputs = case(normal(random))
            given = saved(*inputs) if saved else inputs
            shape = np.shape(forward(*inputs))
            a, b = normal(random)(*shape), normal(random)(*shape)
            parts = [arrays(function(g.copy(), *given), count) for g in (a, b, 2 * a - 3 * b, np.zeros(shape))]
            for i, (x, y, both, none) in enumerate(zip(*parts, strict=True)):
                if np.any(none):
                    at = tuple(int(k) for k in np.argwhere(none)[0])
                    return f"for a gradient of zeros your {element(f'result {i}', at)} is not 0."
                if not np.allclose(2 * x - 3 * y, both):
                    return f"for 2·a − 3·b your result {i} is not 2 times that of a minus 3 times that of b."
        return None

    return Property("it is linear in the gradient from above", holds)
