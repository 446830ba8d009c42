"""Exercise: the two derivatives of a matrix product."""

from __future__ import annotations

import numpy as np

from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.ops.linalg import MatMul
from minigrad.typing import Array


def forward(a: Array, b: Array) -> Array:
    return np.asarray(a @ b)


def small(draw: Draw) -> tuple[object, ...]:
    return draw(2, 3), draw(3, 4)


def square(draw: Draw) -> tuple[object, ...]:
    return draw(3, 3), draw(3, 3)


def replaces(function: Written) -> list[Swap]:
    def backward(node: MatMul, grad: Array) -> tuple[Array | None, ...]:
        """Give the learner each pair of matrices of a batch; the engine keeps only the operands that it needs."""
        a, b = node.saved_arrays
        a = np.zeros((*grad.shape[:-1], b.shape[-2]), grad.dtype) if a is None else a
        b = np.zeros((*grad.shape[:-2], a.shape[-1], grad.shape[-1]), grad.dtype) if b is None else b
        batch = grad.shape[:-2]
        a, b = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
        da, db = np.empty(a.shape, grad.dtype), np.empty(b.shape, grad.dtype)
        for i in np.ndindex(*batch):
            da[i], db[i] = arrays(function(grad[i], a[i], b[i]), 2)
        return tuple(d if needed else None for d, needed in zip((da, db), node.needs_input_grad, strict=True))

    return [fused(MatMul, backward)]


EXERCISE = Exercise(
    slug="matmul",
    title="The matrix product",
    chapter=4,
    function="matmul_backward",
    text=prose("""
        C = A @ B: C[i, j] is the sum over k of A[i, k] * B[k, j]. All of a network's
        work is in products like this one.

        Given: grad, the gradient of C (n rows, m columns); A (n, k); B (k, m).
        Write: dA, of A's shape, and dB, of B's shape.

        A[i, k] is used in the whole row i of C: once for each column j, where it
        is multiplied by B[k, j]. The effects add up:

            dA[i, k] = sum over j of grad[i, j] * B[k, j]

        Write that as a matrix product. B.T, B transposed, is B with its
        rows and columns swapped.
    """),
    template=code('''
        import numpy as np


        def matmul_backward(grad, A, B):
            """Return dA and dB, the gradients of A and B, where C = A @ B."""
            dA = ...
            dB = ...
            return dA, dB
    '''),
    hints=(
        "Let the shapes guide you: dA is (n, k), grad is (n, m), B is (k, m). How must B lie so that a product "
        "of grad and B gives (n, k)?",
        "In the formula of the text j is summed: it is the last index of grad and of B. A matrix product sums over the "
        "last index of the left and the first of the right one. So B must be transposed.",
        "dA = grad @ B.T. For dB: dB[k, j] = sum over i of A[i, k] * grad[i, j]. What must be transposed here?",
    ),
    solution=code('''
        import numpy as np


        def matmul_backward(grad, A, B):
            """Return dA and dB, the gradients of A and B, where C = A @ B."""
            dA = grad @ B.T
            dB = A.T @ grad
            return dA, dB
    '''),
    why=prose("""
        Each product A[i, k] * B[k, j] that was added to C[i, j] sends the gradient of
        C[i, j] back to both factors: times B[k, j] to A[i, k], times A[i, k] to
        B[k, j]. It is exercise 1, many times, and the sums collect what arrives.
        Remember the shapes rather than the formula: only one way fits.

        Two products back for one forward: that is why a training step costs about
        three times a prediction.

        In the engine: class MatMul in minigrad/ops/linalg.py.
    """),
    returns=("dA", "dB"),
    probes=derivative(forward, (small, square), {"dA": 0, "dB": 1}),
    mistakes=(
        Mistake(
            "transpose missing",
            {"grad @ B.T": "grad @ B", "A.T @ grad": "A @ grad"},
            "A transpose is missing. For square matrices it even runs, but sums over the wrong index.",
        ),
        Mistake(
            "transpose missing",
            {"A.T @ grad": "A @ grad"},
            "A must be transposed: dB[k, j] is a sum over i, the first index of A.",
        ),
        Mistake(
            "transpose missing",
            {"grad @ B.T": "grad @ B"},
            "B must be transposed: dA[i, k] is a sum over j, the last index of B.",
        ),
        Mistake(
            "order of the product",
            {"grad @ B.T": "(B @ grad.T)", "A.T @ grad": "(grad.T @ A)"},
            "The product is in the wrong order: the result is transposed. (X @ Y).T is Y.T @ X.T.",
        ),
        Mistake("swapped results", {"return dA, dB": "return dB, dA"}),
        Mistake("sign", {"grad @ B.T": "-grad @ B.T"}),
        Mistake(
            "gradient from above missing",
            {
                "grad @ B.T": "np.ones(grad.shape) @ B.T",
                "A.T @ grad": "A.T @ np.ones(grad.shape)",
            },
        ),
        Mistake(
            "own factor",
            {"grad @ B.T": "grad @ (A.T @ A) @ B.T * 0 + A"},
            "dA does not depend on A: the slope with respect to one factor is the other factor, here B.",
        ),
        Mistake(
            "inverse instead of transpose",
            {
                "B.T": "np.linalg.pinv(B)",
                "A.T": "np.linalg.pinv(A)",
            },
            "The inverse of a matrix undoes a product; a gradient takes the transpose: each element goes "
            "back through the weight that it came through.",
        ),
    ),
    teaches=frozenset({".T", "@"}),
    terms=frozenset({"matrix product", "transposed"}),
    properties=(linear_in_grad(forward, small, 2),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda a, b: a @ b, numbers(2, 3, 4), numbers(4, 5)),
    replaced="MatMul.backward",
)
