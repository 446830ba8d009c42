"""Exercise: the derivative of a product."""

from __future__ import annotations

from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.ops.arithmetic import Mul
from minigrad.typing import Array


def forward(x: Array, y: Array) -> Array:
    return x * y


def small(draw: Draw) -> tuple[object, ...]:
    return draw(2, 3), draw(2, 3)


def large(draw: Draw) -> tuple[object, ...]:
    return draw(4, 1, 3), draw(4, 1, 3)


def replaces(function: Written) -> list[Swap]:
    return [fused(Mul, lambda node, grad: arrays(function(grad, *node.saved_arrays), 2))]


EXERCISE = Exercise(
    slug="multiply",
    title="The product rule",
    chapter=1,
    function="multiply_backward",
    text=prose("""
        A network computes a loss L: a single number, small if the network is good.
        Each number in it raises a question: if it grows a little, how does L
        change? The answer is its gradient. Backpropagation finds all gradients in
        one walk from L back to the start, one operation at a time.

        Here the operation is z = x * y, element by element.

        Given: grad, the gradient of z. It has the shape of z, and grad[i, j] is
        the change of L per change of z[i, j]. It was computed just before.
        Write: the gradients of x and of y.

        If x grows by a little dx, then z grows by y * dx, and L by grad times that.
        This is the chain rule: slopes multiply.
    """),
    template=code('''
        import numpy as np


        def multiply_backward(grad, x, y):
            """Return dx and dy, the gradients of x and y, where z = x * y."""
            dx = ...
            dy = ...
            return dx, dy
    '''),
    hints=(
        "Take single numbers first: x = 3, y = 5, z = 15. Let x be 3.01. By how much has z grown? "
        "It is 0.01 times something: what?",
        "That something is the slope of z with respect to x. The chain rule: the gradient of x is the gradient of z "
        "times this slope. All of it goes element by element, so NumPy's * does it for whole arrays.",
        "dx = grad * y. The same thought with the roles of x and y exchanged gives dy.",
    ),
    solution=code('''
        import numpy as np


        def multiply_backward(grad, x, y):
            """Return dx and dy, the gradients of x and y, where z = x * y."""
            dx = grad * y
            dy = grad * x
            return dx, dy
    '''),
    why=prose("""
        The slope of x * y with respect to x is y: the *other* factor. That is why an
        operation remembers its inputs until backward comes. The chain rule then
        multiplies by grad, and that is all that any backward ever does: it gets the
        gradient of its result and turns it into those of its inputs. It knows
        nothing of the rest of the network.

        In the engine: class Mul in minigrad/ops/arithmetic.py.
    """),
    returns=("dx", "dy"),
    probes=derivative(forward, (small, large), {"dx": 0, "dy": 1}),
    mistakes=(
        Mistake(
            "own factor",
            {"grad * y": "grad * X", "grad * x": "grad * y", "grad * X": "grad * x"},
            "Each factor was multiplied by itself. The slope of x * y with respect to x is the other factor, y.",
        ),
        Mistake("gradient from above missing", {"grad * y": "y", "grad * x": "x"}),
        Mistake(
            "sum instead of product",
            {"grad * y": "grad + y", "grad * x": "grad + x"},
            "Gradient and slope were added. The chain rule multiplies them.",
        ),
        Mistake("sign", {"grad * y": "-grad * y", "grad * x": "-grad * x"}),
        Mistake(
            "derivative of a sum",
            {"grad * y": "grad", "grad * x": "grad"},
            "This passes grad on unchanged, which is the derivative of x + y. For x * y the slope is the other factor.",
        ),
        Mistake(
            "result instead of slope",
            {"grad * y": "grad * x * y", "grad * x\n": "grad * x * y\n"},
            "grad was multiplied by the result x * y. It belongs times the slope, which is one of the factors.",
        ),
        Mistake(
            "division instead of product",
            {"grad * y": "grad / y", "grad * x": "grad / x"},
            "grad was divided by the other factor. The change of z is y times the change of x, so multiply.",
        ),
        Mistake("zero", {"grad * x": "0 * grad"}),
        Mistake(
            "both factors",
            {"grad * y": "grad * (x + y)", "grad * x\n": "grad * (x + y)\n"},
            "x + y is the slope of x * y along both at once. dx holds y fixed: it is grad * y; dy is grad * x.",
        ),
        Mistake(
            "largest instead of product",
            {
                "grad * y": "np.maximum(grad, y)",
                "grad * x": "np.maximum(grad, x)",
            },
            "The larger of the two was taken. The chain rule multiplies gradient and slope.",
        ),
    ),
    teaches=frozenset({"np"}),
    terms=frozenset({"gradient", "chain rule"}),
    properties=(linear_in_grad(forward, large, 2),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x, y: x * y, numbers(2, 3), numbers(2, 3, seed=5)),
    replaced="Mul.backward",
)
