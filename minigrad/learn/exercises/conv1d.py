"""Exercise: the derivative of a convolution in one dimension."""

from __future__ import annotations

import numpy as np

from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.swap import arrays
from minigrad.learn.windows import replaced_conv2d
from minigrad.nn import functional as F
from minigrad.ops.conv import Conv2d
from minigrad.typing import Array


def forward(x: Array, w: Array) -> Array:
    return np.correlate(x, w, "valid")


def small(draw: Draw) -> tuple[object, ...]:
    return draw(5), draw(3)


def even(draw: Draw) -> tuple[object, ...]:
    return draw(7), draw(2)


def wide(draw: Draw) -> tuple[object, ...]:
    return draw(4), draw(4)


def replaces(function: Written) -> list[Swap]:
    def on_rows(grad: Array, x: Array, w: Array) -> tuple[Array, Array]:
        dx, dw = arrays(function(grad.reshape(-1), x.reshape(-1), w.reshape(-1)), 2)
        return dx.reshape(x.shape), dw.reshape(w.shape)

    def is_row(node: Conv2d, x: Array, w: Array) -> bool:
        return x.shape[:3] == w.shape[:3] == (1, 1, 1) and node.window.stride == (1, 1)

    return [replaced_conv2d(on_rows, is_row, with_stride=False)]


EXERCISE = Exercise(
    slug="conv1d",
    title="A window on a line",
    chapter=5,
    function="conv1d_backward",
    text=prose("""
        A small window w, the kernel, slides along x. At each position p it multiplies
        what it covers by its weights, and adds up:

            y[p] = sum over i of w[i] * x[p + i]

        With x = 1 2 0 3 and w = 1 -1:   y = -1  2 -3    (1*1 + 2*-1 = -1, ...)

        y is shorter than x: len(y) = len(x) - len(w) + 1.

        Given: grad, the gradient of y; x; w.
        Write: the gradients of x and of w. Loops are fine.

        Each product w[i] * x[p + i] is one use of w[i] and one use of x[p + i].
        You know the derivative of a product, and you know that gradients add.
    """),
    template=code('''
        import numpy as np


        def conv1d_backward(grad, x, w):
            """Return dx and dw, where y[p] = sum over i of w[i] * x[p + i]."""
            dx = np.zeros_like(x)
            dw = np.zeros_like(w)
            ...
            return dx, dw
    '''),
    hints=(
        "Write the forward pass as two loops first: for p in range(len(grad)): for i in range(len(w)): "
        "y[p] += w[i] * x[p + i].",
        "The backward pass has the same two loops. The product that was added to y[p] gets the gradient grad[p], and "
        "sends it to both of its factors, as in exercise 1.",
        "With +=, since each of them is used several times:\n\n    dx[p + i] += grad[p] * w[i]\n"
        "    dw[i] += grad[p] * x[p + i]",
    ),
    solution=code('''
        import numpy as np


        def conv1d_backward(grad, x, w):
            """Return dx and dw, where y[p] = sum over i of w[i] * x[p + i]."""
            dx = np.zeros_like(x)
            dw = np.zeros_like(w)
            for p in range(len(grad)):
                for i in range(len(w)):
                    dx[p + i] += grad[p] * w[i]
                    dw[i] += grad[p] * x[p + i]
            return dx, dw
    '''),
    why=prose("""
        Nothing new was needed: same loops, product rule, sums. Look at it from the
        side of one x[u]: it is in the positions p = u - i, so

            dx[u] = sum over i of grad[u - i] * w[i]

        The index of grad runs backwards while that of w runs forwards. That is all
        that "the kernel is flipped" means. dw[i] = sum over p of grad[p] * x[p + i]
        is a window grad that slides along x, not flipped.

        In the engine: minigrad/ops/conv.py, where the example continues in 2-D.
    """),
    returns=("dx", "dw"),
    probes=derivative(forward, (small, even, wide), {"dx": 0, "dw": 1}),
    mistakes=(
        Mistake(
            "= for +=",
            {"dx[p + i] += grad": "dx[p + i] = grad"},
            "dx is overwritten by each window that covers it. Windows overlap, and their gradients add up: +=.",
        ),
        Mistake(
            "= for +=",
            {"dw[i] += grad": "dw[i] = grad"},
            "dw keeps the last position only. Each weight is used at every position: +=.",
        ),
        Mistake(
            "= for +=",
            {
                "for p in range(len(grad)):": "for i in range(len(w)):",
                "        for i in range(len(w)):": "        for p in range(len(grad)):",
                "dx[p + i] += grad": "dx[p + i] = grad",
            },
            "dx is overwritten by each window that covers it. Windows overlap, and their gradients add up: +=.",
        ),
        Mistake(
            "flipped kernel",
            {"grad[p] * w[i]": "grad[p] * w[len(w) - 1 - i]"},
            "The kernel is flipped in dx. grad[p] goes back through the very weight that was used: w[i] to x[p + i].",
        ),
        Mistake(
            "flipped kernel",
            {"dw[i] +=": "dw[len(w) - 1 - i] +="},
            "dw is flipped: w[i] met x[p + i], so its gradient is grad[p] * x[p + i].",
        ),
        Mistake(
            "shift forgotten",
            {"x[p + i]\n": "x[p]\n"},
            "In dw the shift is missing: w[i] was multiplied by x[p + i], not by x[p].",
        ),
        Mistake(
            "shift reversed",
            {"dx[p + i]": "dx[p - i]"},
            "The shift goes the wrong way: the window at p reads x[p + i], so its gradient goes to dx[p + i].",
        ),
        Mistake(
            "last position forgotten",
            {"range(len(grad))": "range(len(grad) - 1)"},
            "The last position of the window is left out: p runs to len(grad) - 1, so range(len(grad)).",
        ),
        Mistake(
            "own factor",
            {"grad[p] * w[i]": "grad[p] * x[p + i]", "dw[i] += grad[p] * x[p + i]": "dw[i] += grad[p] * w[i]"},
            "Each factor got itself. The product w * x sends w to x, and x to w.",
        ),
        Mistake("gradient from above missing", {"grad[p] * w[i]": "w[i]", "grad[p] * x": "x"}),
        Mistake(
            "shift forgotten",
            {"dx[p + i] +=": "dx[p] +="},
            "In dx the shift is missing: the window at p read x[p + i] through w[i], so the gradient goes to dx[p "
            "+ i].",
        ),
        Mistake(
            "first weight forgotten",
            {"range(len(w))": "range(1, len(w))"},
            "The first place of the window is left out: i runs from 0 on, so range(len(w)).",
        ),
        Mistake(
            "last weight forgotten",
            {"range(len(w))": "range(len(w) - 1)"},
            "The last place of the window is left out: i runs to len(w) - 1, so range(len(w)).",
        ),
        Mistake(
            "shift reversed",
            {"x[p + i]\n": "x[p - i]\n"},
            "In dw the shift goes the wrong way: w[i] was multiplied by x[p + i], not by x[p - i].",
        ),
        Mistake(
            "another position's gradient",
            {"dx[p + i] += grad[p]": "dx[p] += grad[p - i]"},
            "dx[p] collects grad[p - i], and for p < i that is an element from the other end of grad. Let p count "
            "positions of the window, as in y: dx[p + i] += grad[p] * w[i].",
        ),
        Mistake(
            "mean over the positions",
            {"return dx, dw": "return dx, dw / len(grad)"},
            "dw is divided by the number of positions. y is no mean: the gradients of all positions add up.",
        ),
        Mistake(
            "another position's gradient",
            {
                "dw[i] += grad[p]": "dw[i] += grad[i % len(grad)]",
            },
            "dw takes grad[i], which belongs to another position. The product at position p gets grad[p].",
        ),
        Mistake(
            "another position's weight",
            {
                "grad[p] * w[i]": "grad[p] * w[p % len(w)]",
            },
            "dx takes w[p]. At position p the element x[p + i] was multiplied by w[i].",
        ),
    ),
    teaches=frozenset({"np.zeros_like"}),
    terms=frozenset({"window", "kernel"}),
    properties=(linear_in_grad(forward, small, 2),),
    replaces=replaces,
    in_engine=lambda: gradients(F.conv1d, numbers(1, 1, 6), numbers(1, 1, 3)),
    replaced="Conv2d.backward, for one row",
)
