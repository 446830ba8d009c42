"""Exercise: the adjoint of broadcasting."""

from __future__ import annotations

import sys

import numpy as np

from minigrad.creation import from_numpy
from minigrad.engine.backward import sum_to_shape
from minigrad.engine.tensor_base import TensorBase
from minigrad.learn.derivative import normal, whole
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.swap import arrays
from minigrad.typing import Array, Shape

#: Shapes of gradients, and the shapes that were broadcast to them.
CASES = (
    ((2, 3), (3,)),
    ((2, 3), (2, 1)),
    ((2, 3), (1, 3)),
    ((2, 3), (2, 3)),
    ((4, 2, 3), (2, 1)),
    ((4, 2, 3), (1, 1, 3)),
    ((3, 3), (3,)),
    ((2, 3), ()),
    ((2, 1, 3), (1, 1)),
)


def probes(random: np.random.Generator) -> list[Probe]:
    made = []
    for grad, shape in CASES:
        note = f"x of shape {shape} was broadcast to {grad}."
        made.append(Probe((whole(random)(*grad), shape), "one element", note))
    made += [Probe((normal(random)(*grad), shape), "numbers", f"{shape} to {grad}.") for grad, shape in CASES]
    return made


def _adjoint(function: Written, random: np.random.Generator) -> str | None:
    for grad_shape, shape in CASES:
        x, grad = normal(random)(*shape), normal(random)(*grad_shape)
        (dx,) = arrays(function(grad, shape), 1)
        left, right = float(np.sum(dx * x)), float(np.sum(grad * np.broadcast_to(x, grad_shape)))
        if not np.isclose(left, right):
            return f"for {shape} to {grad_shape} the two sums are {left:.4g} and {right:.4g}."
    return None


def replaces(function: Written) -> list[Swap]:
    def sum_to(gradient: TensorBase, shape: Shape) -> object:
        return from_numpy(arrays(function(gradient.array, shape), 1)[0])

    return [Swap(sys.modules[sum_to_shape.__module__], "sum_to_shape", sum_to)]


def in_engine() -> list[Array]:
    shapes = ((4, 2, 3), (3,)), ((2, 3), (4, 2, 1))
    return [g for a, b in shapes for g in gradients(lambda x, y: x * y, numbers(*a), numbers(*b, seed=2))]


EXERCISE = Exercise(
    slug="broadcast",
    title="Undo broadcasting",
    chapter=3,
    function="undo_broadcasting",
    text=prose("""
        In z = x + b, let x have the shape (2, 3) and b the shape (3,). NumPy
        broadcasts b: it uses it for each of the two rows. The gradient that comes
        back has the shape (2, 3), but that of b must have the shape (3,).

        If b[0] grows, z grows in two places, and L by the sum of the two effects.
        So: what was copied on the way forward is added up on the way back.

        NumPy's rule: shapes are aligned at the right end. Missing dimensions are
        put in front, and a dimension of 1 is repeated to the length of the other.

        Given: grad, of the broadcast shape, and shape, that of the input.
        Write: the gradient of the input, of that shape.

        grad.sum(axis=0) adds up over the first dimension, which disappears;
        grad.sum(axis=1, keepdims=True) leaves it there with the length 1. grad.ndim is
        the number of dimensions, and len(shape) that of the input; `for axis in
        range(len(shape)):` visits each.
    """),
    template=code('''
        import numpy as np


        def undo_broadcasting(grad, shape):
            """Return the gradient of an input of this shape."""
            ...
            return grad
    '''),
    hints=(
        "Two things happened on the way forward: dimensions were put in front, and dimensions of 1 were stretched. "
        "Undo them one after the other.",
        "As long as grad has more dimensions than shape (grad.ndim > len(shape)), sum over the first one.",
        "Then, for each axis where shape has 1 and grad has more: grad = grad.sum(axis=axis, keepdims=True).",
    ),
    solution=code('''
        import numpy as np


        def undo_broadcasting(grad, shape):
            """Return the gradient of an input of this shape."""
            while grad.ndim > len(shape):
                grad = grad.sum(axis=0)
            for axis in range(len(shape)):
                if shape[axis] == 1:
                    grad = grad.sum(axis=axis, keepdims=True)
            return grad
    '''),
    why=prose("""
        Broadcasting is a matrix with a few ones in each column: it copies. The way
        back is its transpose, which adds up. So for all x and grad

            sum(undo(grad) * x) = sum(grad * broadcast(x))

        which is the property that the judge tried. Each bias of each layer of a
        network gets its gradient in this way.

        In the engine: sum_to_shape in minigrad/engine/backward.py, the one place for
        all operations that broadcast.
    """),
    returns=("dx",),
    probes=probes,
    mistakes=(
        Mistake(
            "mean instead of sum",
            {".sum(": ".mean("},
            "The copies' gradients were averaged. Their effects on L add up: sum them.",
        ),
        Mistake(
            "one copy taken",
            {"grad.sum(axis=0)": "grad[0]", "grad.sum(axis=axis, keepdims=True)": "grad.take([0], axis=axis)"},
            "Only the first copy's gradient was kept. Every copy has an effect on L: sum over all of them.",
        ),
        Mistake(
            "dimensions of 1 forgotten",
            {"if shape[axis] == 1": "if False"},
            "A dimension of length 1 that was stretched is still long. Sum over it with keepdims=True.",
        ),
        Mistake(
            "dimensions in front forgotten",
            {"grad.ndim > len(shape)": "False"},
            "The dimensions that were put in front are still there. Sum over axis 0 until grad.ndim is len(shape).",
        ),
        Mistake(
            "keepdims forgotten",
            {", keepdims=True": ""},
            "The stretched dimension must stay, with length 1: keepdims=True.",
        ),
        Mistake(
            "summed from the wrong end",
            {"grad.sum(axis=0)": "grad.sum(axis=-1)"},
            "New dimensions are put in front, so sum over axis 0, not over the last one.",
        ),
        Mistake("sign", {"return grad": "return -grad"}),
        Mistake(
            "reshaped instead of summed",
            {"return grad": "return np.resize(original, shape)", "    while": "    original = grad\n    while"},
            "The elements were cut to the new shape. Each element needs the sum over all its copies.",
        ),
        Mistake(
            "largest instead of sum",
            {".sum(": ".max("},
            "The largest of the copies is taken. Each has an effect on the loss, and their gradients add up: sum.",
        ),
        Mistake(
            "one dimension in front only",
            {"while grad.ndim > len(shape)": "if grad.ndim > len(shape)"},
            "Only one dimension in front is added up. There may be several: while instead of if.",
        ),
        Mistake(
            "everything added up",
            {"return grad": "return grad.sum() * np.ones(shape)"},
            "All elements are added up. Each element of the input gets only the sum of its own copies.",
        ),
        Mistake(
            "reshaped instead of summed",
            {"    while": "    return grad.reshape(shape)\n    while"},
            "A reshape cannot make fewer numbers. What was copied on the way forward is added up on the way back.",
        ),
        Mistake(
            "dimensions of 1 lost",
            {"return grad": "return grad.squeeze()"},
            "The dimensions of length 1 are gone. The gradient has the shape of the input, with them.",
        ),
        Mistake(
            "averaged in front",
            {"grad.sum(axis=0)": "grad.mean(axis=0)"},
            "The dimensions in front are averaged. The effects of all copies add up: sum.",
        ),
        Mistake(
            "one axis too many",
            {"if shape[axis] == 1": "if shape[axis] <= 2"},
            "Dimensions longer than 1 were added up, too. Only those of length 1 were copied.",
        ),
        Mistake(
            "last axis each time",
            {
                "axis=axis": "axis=-1",
            },
            "The loop sums over the last axis each time. It must be the axis at which shape has a 1.",
        ),
        Mistake(
            "only one dimension of 1",
            {
                "axis=axis, keepdims=True)": "axis=axis, keepdims=True)\n            break",
            },
            "Only the first dimension of 1 is summed. There may be several of them: go on with the loop.",
        ),
        Mistake(
            "cut into pieces of the wrong kind",
            {
                (
                    "    while grad.ndim > len(shape):\n        grad = grad.sum(axis=0)\n"
                ): "    return grad.reshape(-1, *shape).sum(axis=0)\n",
            },
            "A reshape cuts grad into consecutive pieces. The copies of a stretched dimension do not lie "
            "like that: sum over its axis.",
        ),
    ),
    teaches=frozenset({".sum", ".ndim", "axis", "keepdims", "len", "range"}),
    terms=frozenset(),
    properties=(Property("sum(undo(grad) * x) equals sum(grad * broadcast(x))", _adjoint),),
    replaces=replaces,
    in_engine=in_engine,
    replaced="sum_to_shape",
)
