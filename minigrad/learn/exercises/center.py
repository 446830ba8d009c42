"""Exercise: the gradient's path through a mean."""

from __future__ import annotations

import numpy as np

from minigrad.engine.function import Function
from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.tensor import Tensor
from minigrad.typing import Array


class Center(Function):
    """y = x − mean x over the rows        ∂L/∂x = g − mean g"""

    def forward(self, x: Array) -> Array:
        return np.asarray(x - x.mean(axis=0))

    def backward(self, grad: Tensor) -> Tensor:
        return grad - grad.mean(0, keepdim=True)


def forward(x: Array) -> Array:
    return np.asarray(x - x.mean(axis=0))


def small(draw: Draw) -> tuple[object, ...]:
    return (draw(4, 2),)


def large(draw: Draw) -> tuple[object, ...]:
    return (draw(5, 3),)


def saved(x: Array) -> tuple[object, ...]:
    return ()


def replaces(function: Written) -> list[Swap]:
    return [fused(Center, lambda node, grad: arrays(function(grad), 1))]


EXERCISE = Exercise(
    slug="center",
    title="The path through the mean",
    chapter=7,
    function="center_backward",
    text=prose("""
        y = x - x.mean(axis=0) moves each column of x so that its mean is 0. It looks
        harmless, and has a difficulty that will come back: x[0, 0] reaches y along
        *two* paths. Directly, into y[0, 0]; and through the mean, into every y of its
        column.

        Given: grad, the gradient of y, N rows.
        Write: the gradient of x. (x itself is not needed. Why?)

        Do the two paths one after the other, and add them.
    """),
    template=code('''
        import numpy as np


        def center_backward(grad):
            """Return dx, where y = x - x.mean(axis=0)."""
            direct = ...
            through_the_mean = ...
            return direct + through_the_mean
    '''),
    hints=(
        "The direct path: y[i] = x[i] - m with m held fixed. Its slope is 1.",
        "The path through m: each y of a column has the slope -1 with respect to m. So m gets the gradient "
        "-(sum of grad over the rows): many users, as in exercise 5. And each x gets 1 / N of that: exercise 4.",
        "direct = grad; through_the_mean = -grad.mean(axis=0): a sum over the rows, divided by N, with a minus.",
    ),
    solution=code('''
        import numpy as np


        def center_backward(grad):
            """Return dx, where y = x - x.mean(axis=0)."""
            direct = grad
            through_the_mean = -grad.mean(axis=0)
            return direct + through_the_mean
    '''),
    why=prose("""
        The backward of "subtract the mean" is "subtract the mean" again. Think of
        what y cannot see: if all of a column grow by the same amount, y stays. So the
        gradient may have no part that shifts a column, and subtracting its mean
        takes away just that part: each column of dx adds up to 0.

        The same thought explains batch norm's formula, two exercises on.

        In the engine: `g_hat - g_hat.mean(...)` in minigrad/ops/norm.py.
    """),
    returns=("dx",),
    probes=derivative(forward, (small, large), {"dx": 0}, saved),
    mistakes=(
        Mistake(
            "mean held fixed",
            {"-grad.mean(axis=0)": "0"},
            "Only the direct path is there. The mean depends on x, too: there is a second path, through it.",
        ),
        Mistake(
            "mean without count",
            {"-grad.mean(axis=0)": "-grad.sum(axis=0)"},
            "The path through the mean lacks the 1 / N: the sum must be divided by the number of rows.",
        ),
        Mistake(
            "sign of the second path",
            {"-grad.mean(axis=0)": "grad.mean(axis=0)"},
            "The mean is subtracted in y, so the path through it has a minus.",
        ),
        Mistake(
            "mean of everything",
            {"-grad.mean(axis=0)": "-grad.mean()"},
            "This is the mean over all of grad. Each column has a mean of its own: axis=0.",
        ),
        Mistake(
            "direct path forgotten",
            {"direct + through": "0 * direct + through"},
            "Only the path through the mean is there. Add the direct one.",
        ),
        Mistake(
            "mean over the wrong dimension",
            {"grad.mean(axis=0)": "grad.mean(axis=1, keepdims=True)"},
            "The mean goes over the rows (axis=0), as in the forward pass.",
        ),
        Mistake("sign", {"return direct + through_the_mean": "return -(direct + through_the_mean)"}),
        Mistake(
            "N - 1 for N",
            {"-grad.mean(axis=0)": "-grad.sum(axis=0) / (len(grad) - 1)"},
            "Divided by N - 1. The mean divides by N, and so does the path through it.",
        ),
        Mistake(
            "path counted twice",
            {"-grad.mean(axis=0)": "-2 * grad.mean(axis=0)"},
            "The path through the mean counts twice. x reaches each y along two paths: one direct, one through the "
            "mean.",
        ),
        Mistake(
            "median for mean",
            {"-grad.mean(axis=0)": "-np.median(grad, axis=0)"},
            "This is the median. The path through the mean is a mean.",
        ),
        Mistake(
            "own part of the mean alone",
            {
                "return direct + through_the_mean": "return grad * (1 - 1 / len(grad))",
            },
            "Only the effect of x[i] on its own y[i] is there, with the slope 1 - 1/N. Through the mean "
            "it has an effect on every y of its column.",
        ),
        Mistake(
            "first row subtracted",
            {
                "-grad.mean(axis=0)": "-grad[0]",
            },
            "The first row is subtracted. The mean of all rows belongs here.",
        ),
        Mistake(
            "half of the second path",
            {
                "-grad.mean(axis=0)": "-grad.mean(axis=0) / 2",
            },
            "The path through the mean counts half. All of it belongs there.",
        ),
        Mistake(
            "divided by the deviation",
            {
                "return direct + through_the_mean": "return (direct + through_the_mean) / grad.std(axis=0)",
            },
            "This is divided by the standard deviation. Only the mean was subtracted, nothing was divided.",
        ),
    ),
    teaches=frozenset({".mean"}),
    terms=frozenset(),
    properties=(linear_in_grad(forward, large, 1, saved),),
    replaces=replaces,
    in_engine=lambda: gradients(Center.apply, numbers(4, 3)),
    replaced="Center.backward (of this exercise)",
)
