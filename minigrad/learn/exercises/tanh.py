"""Exercise: a derivative that is written in terms of the output."""

from __future__ import annotations

import numpy as np

from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.ops.activation import Tanh
from minigrad.typing import Array


def forward(x: Array) -> Array:
    return np.asarray(np.tanh(x))


def small(draw: Draw) -> tuple[object, ...]:
    return (draw(2, 3) / 4,)


def large(draw: Draw) -> tuple[object, ...]:
    return (draw(3, 2, 4),)


def saved(x: Array) -> tuple[object, ...]:
    return (np.tanh(x),)


def replaces(function: Written) -> list[Swap]:
    return [fused(Tanh, lambda node, grad: arrays(function(grad, *node.saved_arrays), 1))]


EXERCISE = Exercise(
    slug="tanh",
    title="A slope from the output",
    chapter=1,
    function="tanh_backward",
    text=prose("""
        y = tanh(x) squeezes any number into -1 ... 1. Its slope is 1 / cosh(x)^2,
        but there is a form with the output y alone, and y is already known. So
        the engine need not keep x.

        Given: grad, the gradient of y, and the output y itself, not x.
        Write: the gradient of x.

        Use tanh'(x) = 1 - tanh(x)^2.
    """),
    template=code('''
        import numpy as np


        def tanh_backward(grad, y):
            """Return dx, the gradient of x, where y = np.tanh(x)."""
            dx = ...
            return dx
    '''),
    hints=(
        "Far from 0, tanh is flat: y is close to 1 or -1. There dx must be close to 0.",
        "The chain rule again: the gradient from above times the slope. y stands for tanh(x) in the formula of the "
        "slope.",
        "The slope is 1 - y * y. Mind the parentheses when you multiply it by grad.",
    ),
    solution=code('''
        import numpy as np


        def tanh_backward(grad, y):
            """Return dx, the gradient of x, where y = np.tanh(x)."""
            dx = grad * (1 - y * y)
            return dx
    '''),
    why=prose("""
        tanh = sinh / cosh. The quotient rule gives (cosh^2 - sinh^2) / cosh^2, which
        is 1 - tanh^2. Saving y rather than x costs nothing, since y is there anyway:
        the next operation needs it. Many operations do this: exp (its slope is y),
        sigmoid (y * (1 - y)), the square root (1 / (2 * y)).

        In the engine: class Tanh in minigrad/ops/activation.py.
    """),
    returns=("dx",),
    probes=derivative(forward, (small, large), {"dx": 0}, saved),
    mistakes=(
        Mistake(
            "tanh taken twice",
            {"1 - y * y": "1 - np.tanh(y) ** 2"},
            "y already is tanh(x); tanh was taken of it once more.",
        ),
        Mistake("gradient from above missing", {"grad * (1 - y * y)": "1 - y * y"}),
        Mistake(
            "parentheses missing",
            {"grad * (1 - y * y)": "grad * 1 - y * y"},
            "grad must multiply the whole slope: grad * (1 - y * y). Without parentheses it multiplies only the 1.",
        ),
        Mistake("sign", {"(1 - y * y)": "(y * y - 1)"}),
        Mistake(
            "square missing",
            {"y * y": "y"},
            "The slope is 1 - y squared; this is 1 - y.",
        ),
        Mistake(
            "slope of the sigmoid",
            {"(1 - y * y)": "y * (1 - y)"},
            "y * (1 - y) is the slope of the sigmoid. That of tanh is 1 - y * y.",
        ),
        Mistake(
            "gradient squared",
            {"(1 - y * y)": "(1 - grad * grad)"},
            "The slope was computed from grad. It depends on y: grad only multiplies it.",
        ),
        Mistake(
            "root of the slope",
            {"(1 - y * y)": "np.sqrt(1 - y * y)"},
            "There is no root: the slope is 1 - y * y.",
        ),
        Mistake(
            "sign of the square",
            {"1 - y * y": "1 + y * y"},
            "The slope is 1 - y * y: it is 1 at 0, and falls to 0 on both sides. This one grows.",
        ),
        Mistake(
            "slope of the exponential",
            {"(1 - y * y)": "y"},
            "This is grad * y, the rule of the exponential. The slope of tanh is 1 - y * y.",
        ),
        Mistake(
            "gradient inside the square",
            {
                "grad * (1 - y * y)": "1 - (grad * y) ** 2",
            },
            "grad is inside the square. The slope is 1 - y * y, and grad is a factor of all of it.",
        ),
        Mistake(
            "square of the difference",
            {
                "(1 - y * y)": "(1 - y) ** 2",
            },
            "This is the square of 1 - y. The slope is 1 minus the square of y.",
        ),
        Mistake(
            "slopes added up",
            {
                "(1 - y * y)": "(1 - y * y).sum()",
            },
            "The slopes of all elements are added up. Each element has a slope of its own: no sum.",
        ),
    ),
    teaches=frozenset(),
    properties=(linear_in_grad(forward, large, 1, saved),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x: x.tanh(), numbers(4, 5)),
    replaced="Tanh.backward",
)
