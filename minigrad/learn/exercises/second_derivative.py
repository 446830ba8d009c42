"""Exercise: a derivative that has a derivative."""

from __future__ import annotations

from typing import cast

import numpy as np

from minigrad.autograd import grad as gradient_of
from minigrad.creation import from_numpy
from minigrad.engine.tensor_base import TensorBase
from minigrad.learn.derivative import normal
from minigrad.learn.engine_runs import numbers
from minigrad.learn.outcome import NotYetError, UnwrittenError, kind
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.swap import swapped
from minigrad.ops.activation import Tanh
from minigrad.tensor import Tensor
from minigrad.typing import Array


def twice(x: Array, g: Array) -> tuple[Array, Array]:
    """Return the gradient of Σ g · tanh² x, and the gradient of the sum of its squares."""
    leaf = from_numpy(x.copy()).requires_grad_()
    y = leaf.tanh()
    loss = (y * y * from_numpy(g)).sum()  # so that the gradient of y depends on x
    (first,) = gradient_of(loss, leaf, create_graph=True)
    if not first.requires_grad:
        raise NotYetError(
            "Your result has no gradient of its own: it left the graph. Use the operations of tensors (+, -, *) on "
            "grad and y as they are, without detach(), numpy() or NumPy functions."
        )
    (second,) = gradient_of((first * first).sum(), leaf, allow_unused=True, materialize_grads=True)
    return np.array(first.detach().array), np.array(second.detach().array)


def replaces(function: Written) -> list[Swap]:
    def backward(node: Tanh, grad: Tensor) -> Tensor:
        result = function(grad, *node.saved_tensors)
        if result is ...:
            raise UnwrittenError("Write tanh_backward first: there is still a `...` where your code belongs.")
        if not isinstance(result, TensorBase):
            raise NotYetError(f"Your function returned {kind(result)}. Here everything is a minigrad tensor.")
        return cast(Tensor, result)

    return [Swap(Tanh, "backward", backward), Swap(Tanh, "fused_backward", None)]


def run(function: Written, x: Array, g: Array) -> tuple[Array, Array]:
    with swapped(replaces(function)):
        return twice(x, g)


def probes(random: np.random.Generator) -> list[Probe]:
    made = [Probe((np.array([0.5, 1.0, -2.0]), np.ones(3)), "one element", "x = 0.5, 1, -2.")]
    made += [Probe((normal(random)(*s), normal(random)(*s)), "numbers", "Random numbers.") for s in ((3,), (2, 3))]
    return made


def _third(function: Written, random: np.random.Generator) -> str | None:
    x = np.array([0.3, -0.7])
    with swapped(replaces(function)):
        leaf = from_numpy(x).requires_grad_()
        result = leaf.tanh()
        for _ in range(3):
            (result,) = gradient_of(result.sum(), leaf, create_graph=True)
    y = np.tanh(x)
    right = (1 - y * y) * (6 * y * y - 2)
    return None if np.allclose(result.detach().array, right) else "the third derivative of tanh is wrong."


EXERCISE = Exercise(
    slug="second_derivative",
    title="A gradient of a gradient",
    chapter=13,
    function="tanh_backward",
    text=prose("""
        A gradient is a function of x like any other, so it has a gradient, too. The
        engine can record a backward pass as it records a forward pass, if backward
        itself is made of operations that have a backward: tensors, not arrays.

        Here is exercise 2 once more. But now grad and y are minigrad tensors, in their
        places in the graph: y is the output of tanh, which depends on x.

        Given: grad, the gradient of y; y = tanh(x). Both are tensors.
        Write: return the gradient of x, a tensor that the engine can differentiate
            again. + - * work on tensors as on arrays.

        Nobody tells you the second derivative, and you need not know it.
    """),
    template=code('''
        def tanh_backward(grad, y):
            """Return dx, a tensor, where y = tanh(x)."""
            dx = ...
            return dx
    '''),
    hints=(
        "The formula is the one of exercise 2.",
        "Everything must stay in the graph: no y.numpy(), no y.detach(), no np functions.",
        "dx = grad * (1 - y * y)",
    ),
    solution=code('''
        def tanh_backward(grad, y):
            """Return dx, a tensor, where y = tanh(x)."""
            dx = grad * (1 - y * y)
            return dx
    '''),
    why=prose("""
        In grad * (1 - y * y) there are two paths back to x: through y, and through
        grad, which may depend on x itself. The engine follows both, by the same
        rules as ever: product rule, sums, users before makers. So a backward that is
        written in tensors gives derivatives of *every* order, and each of the
        engine's is. (The judge tried the third.)

        In the engine: class Tanh in minigrad/ops/activation.py.
    """),
    returns=("first", "second"),
    run=run,
    probes=probes,
    mistakes=(
        Mistake(
            "output detached",
            {"(1 - y * y)": "(1 - y.detach() * y.detach())"},
            "The first gradient is right, but y was detached: its path back to x is missing from the second.",
        ),
        Mistake(
            "half of the output detached",
            {"y * y": "y * y.detach()"},
            "One of the two y was detached, so half of the second gradient is missing.",
        ),
        Mistake(
            "gradient from above detached",
            {"grad *": "grad.detach() *"},
            "grad was detached. It may depend on x, too: keep it in the graph.",
        ),
        Mistake(
            "out of the graph",
            {"grad * (1 - y * y)": "(grad * (1 - y * y)).detach()"},
            "The result was taken out of the graph, so it has no gradient of its own.",
        ),
        Mistake(
            "gradient from above missing",
            {"grad * (1 - y * y)": "1 - y * y"},
        ),
        Mistake("square missing", {"y * y": "y"}, "The slope is 1 - y squared; this is 1 - y."),
        Mistake("sign", {"(1 - y * y)": "(y * y - 1)"}, "The sign of the slope is wrong: it is 1 - y * y."),
        Mistake(
            "second derivative returned",
            {"grad * (1 - y * y)": "grad * (-2 * y * (1 - y * y))"},
            "This is the second derivative already. Write the first: the engine finds the second by itself.",
        ),
        Mistake(
            "tanh taken twice",
            {"y * y": "y.tanh() * y.tanh()"},
            "y is tanh(x) already; its tanh is not asked for. The slope is 1 - y * y.",
        ),
        Mistake(
            "gradient squared",
            {
                "grad * (1": "grad * grad * (1",
            },
            "grad is a factor twice. The chain rule multiplies by it once.",
        ),
    ),
    teaches=frozenset(),
    terms=frozenset({"tensors"}),
    properties=(Property("the third derivative is right, too", _third),),
    replaces=replaces,
    in_engine=lambda: list(twice(numbers(4), numbers(4, seed=2))),
    replaced="Tanh.backward",
)
