"""Exercise: an operation of one's own."""

from __future__ import annotations

import sys
from typing import cast

import numpy as np

from minigrad import nn
from minigrad.autograd import grad as gradient_of
from minigrad.creation import from_numpy
from minigrad.engine.tensor_base import TensorBase
from minigrad.learn.derivative import normal
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.outcome import NotYetError, kind
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.nn import functional as F
from minigrad.tensor import Tensor
from minigrad.typing import Array


def run(function: Written, x: Array, g: Array) -> tuple[Array, Array, Array]:
    """Return the value, the gradient, and the gradient of the sum of the squares of that."""
    leaf = from_numpy(x.copy()).requires_grad_()
    y = function(leaf)
    if not isinstance(y, TensorBase):
        raise NotYetError(f"softplus returned {kind(y)}. It returns the tensor that Softplus.apply(x) returns.")
    if not y.requires_grad:
        raise NotYetError("The result has no gradient: it left the graph. softplus must call Softplus.apply(x).")
    (first,) = gradient_of((cast(Tensor, y) * from_numpy(g)).sum(), leaf, create_graph=True)
    if not first.requires_grad:
        raise NotYetError(
            "Your gradient has no gradient of its own: it left the graph. In backward use operations of tensors only, "
            "without detach(), numpy() or NumPy functions."
        )
    (second,) = gradient_of((first * first).sum(), leaf, allow_unused=True, materialize_grads=True)
    return np.array(y.array), np.array(first.detach().array), np.array(second.detach().array)


def probes(random: np.random.Generator) -> list[Probe]:
    made = [Probe((np.array([0.0, 1.0, -2.0]), np.array([1.0, 1.0, 5.0])), "one element", "x = 0, 1, -2.")]
    made += [Probe((normal(random)(*s), normal(random)(*s)), "numbers", "Random numbers.") for s in ((3,), (2, 3))]
    return [*made, Probe((np.array([1000.0, -1000.0]), np.ones(2)), "numbers", "x = 1000 and -1000.")]


def _never_below_relu(function: Written, random: np.random.Generator) -> str | None:
    x = 10 * random.standard_normal(50)
    y = cast(Tensor, function(from_numpy(x))).array
    return None if np.all(y >= np.maximum(x, 0)) else "it is smaller for some x."


def replaces(function: Written) -> list[Swap]:
    original = F.softplus

    def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
        return cast(Tensor, function(input)) if beta == 1 else original(input, beta, threshold)

    return [Swap(sys.modules["minigrad.nn.functional"], "softplus", softplus)]


EXERCISE = Exercise(
    slug="own_op",
    title="An operation of your own",
    chapter=16,
    function="softplus",
    text=prose("""
        The last one is a whole operation, forward and backward, as the engine's own
        are written: softplus, a ReLU without a kink.

            y = log(1 + exp(x))          its slope is the sigmoid, 1 / (1 + exp(-x))

        An operation is a class with two methods:

        - forward(self, x) gets a NumPy array and returns one. What backward needs is
          kept with self.save_for_backward(x).
        - backward(self, grad) gets a tensor and returns a tensor. What was kept is in
          the tuple self.saved_tensors; x.sigmoid() of a tensor is there already.

        Softplus.apply(x) then runs forward on a tensor, and records the node.

        np.logaddexp(0, x) is log(exp(0) + exp(x)), without overflow.
        Write: forward and backward.
    """),
    template=code('''
        import minigrad
        import numpy as np


        class Softplus(minigrad.autograd.Function):
            """y = log(1 + exp(x))        dx = grad * sigmoid(x)"""

            def forward(self, x):
                ...

            def backward(self, grad):
                ...


        def softplus(x):
            """Return log(1 + exp(x)) of a tensor."""
            return Softplus.apply(x)
    '''),
    hints=(
        "forward has two lines: keep x, and return the value.",
        "backward has two lines: take x out of the tuple, `(x,) = self.saved_tensors`, and apply the chain rule.",
        "The last lines of the two:\n\n    return np.logaddexp(0, x)\n    return grad * x.sigmoid()",
    ),
    solution=code('''
        import minigrad
        import numpy as np


        class Softplus(minigrad.autograd.Function):
            """y = log(1 + exp(x))        dx = grad * sigmoid(x)"""

            def forward(self, x):
                self.save_for_backward(x)
                return np.logaddexp(0, x)

            def backward(self, grad):
                (x,) = self.saved_tensors
                return grad * x.sigmoid()


        def softplus(x):
            """Return log(1 + exp(x)) of a tensor."""
            return Softplus.apply(x)
    '''),
    why=prose("""
        This is the form of all operations of the engine, about a hundred of them: a
        formula, what is kept, and the formula of the gradient. Everything else you
        have written was the same in disguise, plus the order and the sums that put
        the pieces together.

        Check an operation of your own with minigrad.testing.gradcheck, which is your
        exercise 3.  You have come to the end; the engine is yours to read.

        In the engine: class Softplus in minigrad/ops/activation.py.
    """),
    returns=("y", "first", "second"),
    run=run,
    probes=probes,
    mistakes=(
        Mistake(
            "overflow",
            {"np.logaddexp(0, x)": "np.log(1 + np.exp(x))"},
            "np.exp overflows for large x. np.logaddexp(0, x) does not.",
        ),
        Mistake("gradient from above missing", {"grad * x.sigmoid()": "x.sigmoid()"}),
        Mistake(
            "slope of the sigmoid",
            {"x.sigmoid()": "x.sigmoid() * (1 - x.sigmoid())"},
            "This is the slope of the sigmoid. The slope of softplus is the sigmoid itself.",
        ),
        Mistake("sign", {"return grad *": "return -grad *"}),
        Mistake(
            "output kept instead of input",
            {
                "self.save_for_backward(x)\n        return np.logaddexp(0, x)": (
                    "y = np.logaddexp(0, x)\n        self.save_for_backward(y)\n        return y"
                ),
            },
            "The output was kept, and taken for x in backward. The slope is the sigmoid of the input.",
        ),
        Mistake(
            "input detached",
            {"x.sigmoid()": "x.detach().sigmoid()"},
            "The gradient of x does not depend on x itself, as if it were detached: there is no second gradient.",
        ),
        Mistake(
            "slope of tanh",
            {"x.sigmoid()": "(1 - x.tanh() * x.tanh())"},
            "This is the slope of tanh. That of softplus is the sigmoid.",
        ),
        Mistake(
            "ReLU instead of softplus",
            {"np.logaddexp(0, x)": "np.maximum(x, 0)"},
            "forward computes ReLU, max(x, 0). Softplus is log(1 + exp(x)).",
        ),
        Mistake(
            "logarithm of 1 + |x|",
            {
                "np.logaddexp(0, x)": "np.log(1 + abs(x))",
            },
            "The exponential is missing: log(1 + exp(x)).",
        ),
        Mistake(
            "logarithm to the base 2",
            {
                "np.logaddexp(0, x)": "np.logaddexp2(0, x)",
            },
            "np.logaddexp2 counts in powers of 2. The natural logarithm is np.logaddexp.",
        ),
    ),
    teaches=frozenset(
        {
            "minigrad",
            ".autograd",
            ".Function",
            ".save_for_backward",
            ".saved_tensors",
            ".sigmoid",
            ".apply",
            "np.logaddexp",
        }
    ),
    terms=frozenset({"softplus"}),
    properties=(Property("softplus is never smaller than ReLU", _never_below_relu),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x: nn.Softplus()(x), numbers(2, 3)),
    replaced="functional.softplus",
)
