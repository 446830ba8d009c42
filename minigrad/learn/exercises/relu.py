"""Exercise: the derivative of a function with a kink."""

from __future__ import annotations

import numpy as np

from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Probe, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.ops.activation import Relu
from minigrad.typing import Array


def forward(x: Array) -> Array:
    return np.maximum(x, 0)


def small(draw: Draw) -> tuple[object, ...]:
    return (draw(2, 4),)


def large(draw: Draw) -> tuple[object, ...]:
    return (draw(3, 2, 3),)


def probes(random: np.random.Generator) -> list[Probe]:
    made = derivative(forward, (small, large), {"dx": 0})(random)
    at_kink = np.array([[0.0, -1.0, 2.0], [3.0, 0.0, -2.0]])
    made.insert(3, Probe((np.full((2, 3), 5.0), at_kink), "numbers", "x is 0 in two places; there dx is 0."))
    return made


def replaces(function: Written) -> list[Swap]:
    return [fused(Relu, lambda node, grad: arrays(function(grad, *node.saved_arrays), 1))]


EXERCISE = Exercise(
    slug="relu",
    title="The kink",
    chapter=1,
    function="relu_backward",
    text=prose("""
        Between its layers a network needs a function that is not linear, or all
        layers together would be one. The usual one is y = max(x, 0), called ReLU.

        Given: grad, the gradient of y, and x.
        Write: the gradient of x.

        For x > 0 the slope is 1, for x < 0 it is 0. At x = 0 there is a kink, and
        no slope; take 0, as PyTorch does.

        x > 0 is an array of True and False. As a factor, True counts as 1.
    """),
    template=code('''
        import numpy as np


        def relu_backward(grad, x):
            """Return dx, the gradient of x, where y = np.maximum(x, 0)."""
            dx = ...
            return dx
    '''),
    hints=(
        "Where x is negative, y is 0 and stays 0 if x moves a little: no effect on L. Where x is positive, y moves "
        "just as x does.",
        "So the gradient passes where x > 0, and is stopped elsewhere. The sign of grad does not matter.",
        "dx = grad * (x > 0).",
    ),
    solution=code('''
        import numpy as np


        def relu_backward(grad, x):
            """Return dx, the gradient of x, where y = np.maximum(x, 0)."""
            dx = grad * (x > 0)
            return dx
    '''),
    why=prose("""
        ReLU is a gate: open for positive inputs, shut for others, both ways. An
        input that is negative for every example never gets a gradient again: a
        "dead" unit. The condition may look at y as well as at x, since y > 0 is the
        same; the engine keeps y, which it has anyway.

        In the engine: class Relu in minigrad/ops/activation.py.
    """),
    returns=("dx",),
    probes=probes,
    mistakes=(
        Mistake(
            "gate on the gradient",
            {"(x > 0)": "(grad > 0)"},
            "The gate looks at grad. It must look at x: was the input positive? A gradient may have either sign.",
        ),
        Mistake(
            "ReLU of the gradient",
            {"grad * (x > 0)": "np.maximum(grad, 0) * (x > 0)"},
            "Negative gradients were cut off. Only the sign of x decides; grad may have either sign.",
        ),
        Mistake(
            "open at 0",
            {"x > 0": "x >= 0"},
            "At x = 0 the gradient must be 0: use >, not >=.",
        ),
        Mistake(
            "gate reversed",
            {"x > 0": "x < 0"},
            "The gate is open where it should be shut: the gradient passes where x > 0.",
        ),
        Mistake("gradient from above missing", {"grad * (x > 0)": "1.0 * (x > 0)"}),
        Mistake(
            "output instead of slope",
            {"(x > 0)": "np.maximum(x, 0)"},
            "grad was multiplied by the output. The slope is 1 where x > 0, not x.",
        ),
        Mistake(
            "gate forgotten",
            {"grad * (x > 0)": "grad * 1"},
            "The gradient passes everywhere. Where x is not positive, y does not depend on x: stop it there.",
        ),
        Mistake("sign", {"grad * (x > 0)": "-grad * (x > 0)"}),
        Mistake(
            "leak",
            {"(x > 0)": "np.where(x > 0, 1.0, 0.01)"},
            "A little gradient leaks through where x < 0 (that is a leaky ReLU). Here the slope is 0 there.",
        ),
        Mistake(
            "gate on the wrong value",
            {"(x > 0)": "(x > 1)"},
            "The gate opens at 1. The kink of np.maximum(x, 0) is at 0.",
        ),
        Mistake(
            "slope of the absolute value",
            {
                "(x > 0)": "np.sign(x)",
            },
            "For x < 0 the gradient comes back with a minus, which is the slope of |x|. ReLU is flat there: 0.",
        ),
        Mistake(
            "half at 0",
            {
                "(x > 0)": "np.heaviside(x, 0.5)",
            },
            "At x = 0 the slope is taken as 1/2. Here it is 0, as in PyTorch.",
        ),
        Mistake(
            "elements taken out",
            {
                "grad * (x > 0)": "grad[x > 0]",
            },
            "grad[x > 0] takes the elements out, in a row. The others must stay, as 0: multiply by (x > 0).",
        ),
        Mistake(
            "input where it is stopped",
            {
                "grad * (x > 0)": "np.where(x > 0, grad, x)",
            },
            "Where x is negative, x itself is returned. The gradient there is 0.",
        ),
        Mistake(
            "gradient compared with the input",
            {
                "(x > 0)": "(grad > x)",
            },
            "grad is compared with x. Where x is more than 0 the gradient passes, whatever it is.",
        ),
    ),
    teaches=frozenset({"np.maximum", "comparison of arrays"}),
    terms=frozenset({"ReLU"}),
    properties=(linear_in_grad(forward, large, 1),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x: x.relu(), numbers(4, 5)),
    replaced="Relu.backward",
)
