"""Exercise: the three derivatives of a linear layer."""

from __future__ import annotations

import numpy as np

from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.nn import functional as F
from minigrad.ops.linalg import Linear
from minigrad.typing import Array


def forward(x: Array, w: Array, b: Array) -> Array:
    return np.asarray(x @ w.T + b)


def saved(x: Array, w: Array, b: Array) -> tuple[object, ...]:
    return x, w


def small(draw: Draw) -> tuple[object, ...]:
    return draw(4, 3), draw(2, 3), draw(2)


def square(draw: Draw) -> tuple[object, ...]:
    return draw(3, 3), draw(3, 3), draw(3)


def replaces(function: Written) -> list[Swap]:
    def backward(node: Linear, grad: Array) -> tuple[Array | None, ...]:
        """Give zeros for what the engine did not keep, because the other gradient is not wanted."""
        x, w = node.saved_arrays
        x = np.zeros((len(grad), w.shape[1]), grad.dtype) if x is None else x
        w = np.zeros((grad.shape[1], x.shape[1]), grad.dtype) if w is None else w
        results = arrays(function(grad, x, w), 3)
        return tuple(d if needed else None for d, needed in zip(results, node.needs_input_grad, strict=True))

    return [fused(Linear, backward)]


EXERCISE = Exercise(
    slug="linear",
    title="A layer",
    chapter=4,
    function="linear_backward",
    text=prose("""
        A layer of a network computes y = x @ w.T + b, for a batch of n examples at
        once. x has one example a row. w has one row for each output, as in PyTorch;
        that is why it is transposed. b has an element for each output.

        Given: grad, the gradient of y (n, outputs); x (n, inputs);
            w (outputs, inputs).
        Write: dx, dw and db, of the shapes of x, w and b.

        All you need was in exercises 5 and 6.
    """),
    template=code('''
        import numpy as np


        def linear_backward(grad, x, w):
            """Return dx, dw and db, where y = x @ w.T + b."""
            dx = ...
            dw = ...
            db = ...
            return dx, dw, db
    '''),
    hints=(
        "Shapes first: grad (n, outputs), x (n, inputs), w (outputs, inputs). Which product gives (n, inputs), and "
        "which one (outputs, inputs)?",
        "b was broadcast over the n rows, so its gradient is a sum over them. And dw sums over the n examples, too: "
        "n is the index that disappears.",
        "dx = grad @ w: no transpose, as w was transposed on the way forward. dw = grad.T @ x. db = grad.sum(axis=0).",
    ),
    solution=code('''
        import numpy as np


        def linear_backward(grad, x, w):
            """Return dx, dw and db, where y = x @ w.T + b."""
            dx = grad @ w
            dw = grad.T @ x
            db = grad.sum(axis=0)
            return dx, dw, db
    '''),
    why=prose("""
        The same weights serve all n examples, so their gradients add up over the
        batch: in dw by the matrix product, in db by the sum. dx does not: each
        example has its own x. Whether the batch's *mean* is meant is not the
        layer's business; the loss divides by n, once.

        In the engine: class Linear in minigrad/ops/linalg.py.
    """),
    returns=("dx", "dw", "db"),
    probes=derivative(forward, (small, square), {"dx": 0, "dw": 1, "db": 2}, saved),
    mistakes=(
        Mistake(
            "transposed weight",
            {"grad @ w": "grad @ w.T"},
            "w is transposed once too often: y = x @ w.T was computed with w.T, and (w.T).T is w.",
        ),
        Mistake(
            "transposed gradient of the weight",
            {"grad.T @ x": "x.T @ grad"},
            "dw is transposed: it has one row for each input. w has one for each output: grad.T @ x.",
        ),
        Mistake(
            "sum over the batch missing",
            {"grad.sum(axis=0)": "grad[0]"},
            "db is the gradient of one example. b serves all of them: sum over the batch.",
        ),
        Mistake(
            "sum over the batch missing",
            {"grad.sum(axis=0)": "grad"},
            "db has a row for each example. b serves all of them: sum over the batch, axis 0.",
        ),
        Mistake(
            "mean instead of sum",
            {"grad.sum(axis=0)": "grad.mean(axis=0)"},
            "db is a mean over the batch. The loss has divided by the number of examples already: sum.",
        ),
        Mistake(
            "mean instead of sum",
            {"grad.T @ x": "grad.T @ x / x.shape[0]"},
            "dw is divided by the number of examples. The loss has done that already: leave it a sum.",
        ),
        Mistake(
            "sum over the wrong dimension",
            {"grad.sum(axis=0)": "grad.sum(axis=1)"},
            "db is summed over the outputs. b has an element for each output: sum over the batch, axis 0.",
        ),
        Mistake("sign", {"grad.T @ x": "-grad.T @ x"}),
        Mistake(
            "input and weight swapped",
            {"grad @ w": "grad @ grad.T @ x", "grad.T @ x": "grad.T @ grad @ w"},
            "x and w are swapped: dx is made with w, and dw with x.",
        ),
        Mistake(
            "everything added up",
            {"grad.sum(axis=0)": "grad.sum() * np.ones(len(w))"},
            "db adds up all outputs. Each output has a bias of its own: sum over the examples alone, axis 0.",
        ),
        Mistake(
            "weight in the gradient of the bias",
            {"grad.sum(axis=0)": "(grad @ w).sum(axis=0)"},
            "db went through w. The bias is added to y, after the product: its slope is 1.",
        ),
        Mistake(
            "single number",
            {"grad.sum(axis=0)": "grad.sum()"},
            "db is a single number. Each output has a bias of its own: sum over the examples alone, axis 0.",
        ),
        Mistake(
            "last example alone",
            {
                "grad.T @ x": "grad[-1:].T @ x[-1:]",
            },
            "dw comes from the last example alone. All of them count: is there an = for a +=?",
        ),
        Mistake(
            "gradients and inputs added up first",
            {
                "grad.T @ x": "np.outer(grad.sum(axis=0), x.sum(axis=0))",
            },
            "Gradients and inputs are added up first, and then multiplied. Each example's own gradient "
            "belongs to its own input: grad.T @ x.",
        ),
    ),
    teaches=frozenset(),
    terms=frozenset({"layer", "batch"}),
    properties=(linear_in_grad(forward, small, 3, saved),),
    replaces=replaces,
    in_engine=lambda: gradients(F.linear, numbers(4, 3), numbers(2, 3), numbers(2)),
    replaced="Linear.backward",
)
