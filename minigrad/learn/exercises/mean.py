"""Exercise: the derivative of a mean."""

from __future__ import annotations

import numpy as np

from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.ops.reduce import Mean
from minigrad.typing import Array


def forward(x: Array) -> Array:
    return np.asarray(x.mean(axis=0))


def small(draw: Draw) -> tuple[object, ...]:
    return (draw(4, 3),)


def large(draw: Draw) -> tuple[object, ...]:
    return (draw(5, 2),)


def replaces(function: Written) -> list[Swap]:
    def backward(node: Mean, grad: Array) -> tuple[Array]:
        """Give the learner the dimensions that the mean is over in front, as rows."""
        kept = [d for d in range(len(node.shape)) if d not in node.dims]
        order = (*node.dims, *kept)
        x = np.empty(node.shape, grad.dtype).transpose(order)
        columns = int(np.prod(x.shape[len(node.dims) :]))
        (dx,) = arrays(function(grad.reshape(columns), np.zeros((x.size // max(columns, 1), columns))), 1)
        return (dx.reshape(x.shape).transpose(np.argsort(order)),)

    return [fused(Mean, backward)]


EXERCISE = Exercise(
    slug="mean",
    title="Share a gradient",
    chapter=3,
    function="mean_backward",
    text=prose("""
        y = x.mean(axis=0): x is a table of N rows, and y is their mean, a number
        for each column.

        Given: grad, the gradient of y, a number for each column; and x.
        Write: the gradient of x, of x's shape.

        NumPy reads an array of shape (3,) as a row and repeats it as often as
        needed, if you combine it with an array of shape (4, 3): it broadcasts.
        np.ones(x.shape) is an array of ones.
    """),
    template=code('''
        import numpy as np


        def mean_backward(grad, x):
            """Return dx, the gradient of x, where y = x.mean(axis=0)."""
            dx = ...
            return dx
    '''),
    hints=(
        "Write the mean of a column as a formula: y = (x0 + x1 + ... ) / N. If x1 grows by 1, by how much does y grow?",
        "Each row of x has the same influence, 1 / N. So each row of dx is the same: grad / N. N is x.shape[0].",
        "You need an array of x's shape with these rows: np.ones(x.shape) * grad repeats grad in each row. "
        "Divide by N.",
    ),
    solution=code('''
        import numpy as np


        def mean_backward(grad, x):
            """Return dx, the gradient of x, where y = x.mean(axis=0)."""
            dx = np.ones(x.shape) * grad / x.shape[0]
            return dx
    '''),
    why=prose("""
        A sum passes its gradient on to each term, unchanged. A mean is a sum divided
        by N, so each of the N elements gets 1 / N of it. Note the pattern: what is
        added up on the way forward is copied on the way back. The next exercise is
        the reverse: what is copied on the way forward is added up on the way back.

        In the engine: class Mean in minigrad/ops/reduce.py.
    """),
    returns=("dx",),
    probes=derivative(forward, (small, large), {"dx": 0}),
    mistakes=(
        Mistake(
            "1/N forgotten",
            {" / x.shape[0]": ""},
            "This is the derivative of the sum. The mean divides by the number of rows, so its gradient does too.",
        ),
        Mistake(
            "divided by all elements",
            {"x.shape[0]": "x.size"},
            "Divided by the number of all elements. Each mean is over one column: divide by the number of rows.",
        ),
        Mistake(
            "divided by the columns",
            {"x.shape[0]": "x.shape[1]"},
            "Divided by the number of columns. The mean is over the rows: divide by their number, x.shape[0].",
        ),
        Mistake("sign", {"np.ones(x.shape) * grad": "np.ones(x.shape) * -grad"}),
        Mistake(
            "multiplied by x",
            {"np.ones(x.shape)": "x"},
            "The result depends on x. The mean is linear: the slope is 1 / N, whatever x is.",
        ),
        Mistake(
            "multiplied by N",
            {"/ x.shape[0]": "* x.shape[0]"},
            "Multiplied by the number of rows, where it must be divided by it.",
        ),
        Mistake("gradient from above missing", {" * grad": ""}),
        Mistake(
            "mean of the gradient",
            {" * grad": " * grad.mean()"},
            "The gradients of all columns were averaged. Each column has a gradient of its own.",
        ),
        Mistake(
            "sum of the gradient",
            {" * grad": " * grad.sum()"},
            "The gradients of all columns were added up. Each column has a mean, and a gradient, of its own.",
        ),
        Mistake(
            "mean taken instead of its slope",
            {"np.ones(x.shape) * grad / x.shape[0]": "np.ones(x.shape) * grad * x.mean(axis=0)"},
            "This is multiplied by the mean itself. The slope of the mean with respect to each x is 1 / N.",
        ),
        Mistake(
            "whole-number division",
            {"/ x.shape[0]": "// x.shape[0]"},
            "// divides and drops the fraction. / divides.",
        ),
        Mistake(
            "one row only",
            {"return dx": "dx[1:] = 0\n    return dx"},
            "Only the first row has a gradient. Every row has an effect on the mean.",
        ),
        Mistake(
            "one row only",
            {"return dx": "dx[:-1] = 0\n    return dx"},
            "Only the last row has a gradient. Every row has an effect on the mean.",
        ),
        Mistake(
            "not repeated",
            {"np.ones(x.shape) * grad": "grad"},
            "This is one row. Each row of x has the same gradient: repeat it, to x's shape.",
        ),
        Mistake(
            "not repeated",
            {
                "np.ones(x.shape) * grad": "grad[None]",
            },
            "This is one row. Each row of x has the same gradient: repeat it, to x's shape.",
        ),
    ),
    teaches=frozenset({"np.ones"}),
    terms=frozenset({"broadcasts"}),
    properties=(linear_in_grad(forward, large, 1),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x: x.mean((0, 2)), numbers(4, 3, 2)),
    replaced="Mean.backward",
)
