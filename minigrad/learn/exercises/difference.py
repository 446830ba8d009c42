"""Exercise: difference quotients, by which any gradient can be checked."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from minigrad.creation import from_numpy
from minigrad.learn.engine_runs import numbers
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.swap import arrays
from minigrad.tensor import Tensor
from minigrad.testing import gradcheck
from minigrad.typing import Array


def _cube(x: Array) -> float:
    return float(np.sum(x**3))


def _mixed(x: Array) -> float:
    weights = 1.0 + np.arange(x.size).reshape(x.shape)
    return float(np.sum(weights * np.sin(x)) + x.flat[0] * x.flat[-1])


def probes(random: np.random.Generator) -> list[Probe]:
    x = np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 4.0]])
    note = "f(x) is the sum of x ** 3; its gradient is 3 * x ** 2."
    made = [Probe((_cube, x, 1e-3), "one element", note)]
    for shape in ((3,), (2, 1, 3), (1,)):
        made.append(Probe((_mixed, random.standard_normal(shape), 1e-3), "numbers", "f mixes sines and a product."))
    return made


def _keeps_x(function: Written, random: np.random.Generator) -> str | None:
    x = random.standard_normal((2, 3))
    before = x.copy()
    (found,) = arrays(function(_mixed, x, 1e-4), 1)
    if not np.array_equal(x, before):
        return "x is not what it was. Put each element back after you moved it, or move it in a copy."
    exact = (1.0 + np.arange(6).reshape(2, 3)) * np.cos(before)
    exact[0, 0] += before[1, 2]
    exact[1, 2] += before[0, 0]
    if not np.allclose(found, exact, atol=1e-6):
        return "your quotients are further from the gradient than 1e-6. Are they central: up and down?"
    return None


def replaces(function: Written) -> list[Swap]:
    def jacobian(func: Callable[[], Tensor], x: Tensor, eps: float) -> Array:
        """Return ∂f/∂x by the learner's function, one element of f at a time."""
        size, values = func().numel(), x.array.copy()

        def part(k: int) -> Callable[[Array], float]:
            def f(moved: Array) -> float:
                x.array[...] = moved
                result = float(func().detach().array.reshape(-1)[k])
                x.array[...] = values
                return result

            return f

        columns = [arrays(function(part(k), values.copy(), eps), 1)[0].reshape(-1) for k in range(size)]
        return np.stack(columns, axis=1)

    return [Swap(sys.modules[gradcheck.__module__], "_numerical_jacobian", jacobian)]


def in_engine() -> list[Array]:
    """Return what gradcheck says of a right gradient and of a wrong one, through the difference quotients."""
    x = from_numpy(numbers(2, 3)).requires_grad_()
    right = gradcheck(lambda x: x * x, (x,), raise_exception=False)
    wrong = gradcheck(lambda x: x * x.detach(), (x,), raise_exception=False)
    return [np.asarray(float(right)), np.asarray(float(wrong))]


EXERCISE = Exercise(
    slug="difference",
    title="Measure a slope",
    chapter=1,
    function="numerical_gradient",
    text=prose("""
        How do you know that a gradient is right? Measure it. Move an element of x
        a little up, then a little down, and see how the result changes:

            (f(x + eps) - f(x - eps)) / (2 * eps)

        This difference quotient needs two calls of f for each number, far too slow
        for training; but it needs no calculus, so it can check those who do.

        Given: f, a function that takes an array and returns a number; x, an
            array of any shape; eps, a small step.
        Write: an array of x's shape with the quotient for each element of x.

        Leave x as it was. `for index in np.ndindex(*x.shape):` visits every
        element; x[index] is that element. x.copy() makes a copy of an array.
    """),
    template=code('''
        import numpy as np


        def numerical_gradient(f, x, eps):
            """Return the difference quotient of f for each element of x."""
            slopes = np.zeros(x.shape)
            ...
            return slopes
    '''),
    hints=(
        "Only one element moves at a time; all others stay. So inside the loop you need an array that equals x "
        "everywhere but at index.",
        "up = x.copy(), then up[index] += eps. In the same way make down. f(up) and f(down) are two numbers.",
        "slopes[index] is the quotient for this element:\n\n    slopes[index] = (f(up) - f(down)) / (2 * eps)",
    ),
    solution=code('''
        import numpy as np


        def numerical_gradient(f, x, eps):
            """Return the difference quotient of f for each element of x."""
            slopes = np.zeros(x.shape)
            for index in np.ndindex(*x.shape):
                up = x.copy()
                up[index] += eps
                down = x.copy()
                down[index] -= eps
                slopes[index] = (f(up) - f(down)) / (2 * eps)
            return slopes
    '''),
    why=prose("""
        Taylor: f(x + e) = f + f'e + f''e^2/2 + ..., and f(x - e) = f - f'e + f''e^2/2
        - ... In the difference of the two, f'' cancels: the error is of order e^2
        instead of e. From now on you can check every backward that you write:
        L = sum(grad * forward(x)) is a single number, and its slopes are dx.
        (The judge does just that.)

        In the engine: minigrad/testing/gradcheck.py. Your function now runs in it.
    """),
    returns=("slopes",),
    probes=probes,
    mistakes=(
        Mistake(
            "one-sided difference",
            {"(f(up) - f(down)) / (2 * eps)": "(f(up) - f(x)) / eps"},
            "This looks forward only. Its error is of order eps; look up and down, and it is of order eps squared.",
        ),
        Mistake(
            "divided by eps",
            {"(2 * eps)": "eps"},
            "From x - eps to x + eps the step is 2 * eps long, so divide by 2 * eps.",
        ),
        Mistake(
            "parentheses missing",
            {"/ (2 * eps)": "/ 2 * eps"},
            "a / 2 * eps is (a / 2) * eps in Python. Write a / (2 * eps).",
        ),
        Mistake("sign", {"f(up) - f(down)": "f(down) - f(up)"}),
        Mistake(
            "all elements moved",
            {"up[index] += eps": "up += eps", "down[index] -= eps": "down -= eps"},
            "All elements were moved at once: this is the slope along one direction. Move only x[index].",
        ),
        Mistake(
            "copies kept from element to element",
            {
                "    for index in np.ndindex(*x.shape):\n        up = x.copy()\n": (
                    "    up = x.copy()\n    for index in np.ndindex(*x.shape):\n"
                ),
            },
            "An element that was moved stays moved while the next ones are measured. Start each time from x.",
        ),
        Mistake(
            "division missing",
            {" / (2 * eps)": ""},
            "The difference of the two values is not divided by the length of the step, 2 * eps.",
        ),
        Mistake(
            "one-sided difference",
            {
                "f(up)": "f(x)",
                "(2 * eps)": "eps",
            },
            "This is a one-sided difference, from x - eps to x. The central one, from x - eps to x + eps, "
            "is far more exact.",
        ),
        Mistake(
            "one-sided difference",
            {
                "f(down)": "f(x)",
            },
            "The other side is missing: f(x) stands where f(x - eps) belongs, so the quotient is about "
            "half of what it should be.",
        ),
        Mistake(
            "second difference",
            {
                "(f(up) - f(down)) / (2 * eps)": "(f(up) - 2 * f(x) + f(down)) / eps**2",
            },
            "This is the second difference: how the slope changes. The slope is (f(up) - f(down)) / (2 * eps).",
        ),
        Mistake(
            "whole rows moved",
            {
                "[index] += eps": "[index[0]] += eps",
                "[index] -= eps": "[index[0]] -= eps",
            },
            "A whole row moves at once. Only one element may: x[index], with all of its indices.",
        ),
        Mistake(
            "always the same element moved",
            {
                "up[index]": "up.flat[0]",
                "down[index]": "down.flat[0]",
            },
            "The first element moves in every round. It must be the one at index.",
        ),
    ),
    teaches=frozenset({"np.zeros", "np.ndindex", ".copy", ".shape"}),
    terms=frozenset({"difference quotient"}),
    properties=(Property("x is left as it was, and the quotients are close to the gradient", _keeps_x),),
    replaces=replaces,
    in_engine=in_engine,
    replaced="the difference quotients of gradcheck",
)
