"""Exercise: the size of the first weights."""

from __future__ import annotations

import sys

import numpy as np

from minigrad.creation import from_numpy
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.swap import arrays
from minigrad.nn import init
from minigrad.nn.layers import Linear
from minigrad.random import default_generator, manual_seed
from minigrad.tensor import Tensor
from minigrad.typing import Array


def probes(random: np.random.Generator) -> list[Probe]:
    shapes = ((3, 8), (4, 50), (2, 3, 3, 3), (6, 2, 1, 7))
    stages = ("one element", "one element", "numbers", "numbers")
    return [
        Probe((shape, np.random.default_rng(5)), stage, f"shape = {shape}.")
        for shape, stage in zip(shapes, stages, strict=True)
    ]


def _keeps_the_size(function: Written, random: np.random.Generator) -> str | None:
    x = random.standard_normal((64, 200))
    for _ in range(20):
        (w,) = arrays(function((200, 200), random), 1)
        x = np.maximum(x @ w.T, 0)
    size = float(np.sqrt((x * x).mean()))
    return None if 0.2 < size < 5 else f"after 20 layers with ReLU the numbers have the size {size:.3g}; it began as 1."


def replaces(function: Written) -> list[Swap]:
    original = init.kaiming_normal_

    def kaiming(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
        if mode != "fan_in" or a != 0:
            return original(tensor, a, mode, nonlinearity)
        (values,) = arrays(function(tuple(tensor.shape), default_generator.numpy), 1)
        tensor.array[...] = values
        tensor._written_in_place()
        return tensor

    return [Swap(sys.modules[init.__name__], "kaiming_normal_", kaiming)]


def in_engine() -> list[Array]:
    """Return 1 if a signal keeps its size through 20 layers, else 0."""
    manual_seed(0)
    layer, x = Linear(200, 200), from_numpy(np.random.default_rng(0).standard_normal((64, 200)).astype(np.float32))
    for _ in range(20):
        init.kaiming_normal_(layer.weight, nonlinearity="relu")
        x = (x @ layer.weight.detach().T).relu()
    return [np.asarray(float(0.2 < float((x * x).mean().sqrt().item()) < 5))]


EXERCISE = Exercise(
    slug="initialize",
    title="Numbers of the right size",
    chapter=10,
    function="initial_weights",
    text=prose("""
        Weights begin as random numbers. Too small, and after twenty layers nothing
        is left of the input; too large, and it explodes. Each output is a sum of
        fan_in products, where fan_in is the number of inputs that one output sees.
        If the inputs have mean square 1 and the weights the variance v, the sum has
        the variance fan_in * v. ReLU then sets half of it to 0, which halves the
        mean square. To keep it at 1:

            fan_in * v / 2 = 1

        Given: shape, such as (outputs, inputs), or (O, C, I, J) for a convolution;
            random: random.standard_normal(shape) draws numbers of variance 1.
        Write: return weights of this shape and of the right variance. Draw once.

        fan_in is inputs, or C * I * J; np.prod multiplies the numbers of a tuple.
        Numbers times s have the variance s squared.
    """),
    template=code('''
        import numpy as np


        def initial_weights(shape, random):
            """Return random weights that keep the size of a signal."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "fan_in is the product of all of the shape but its first number: np.prod(shape[1:]).",
        "From the formula v = 2 / fan_in. The factor for random.standard_normal(shape) is the root of v.",
        "All of it:\n\n    fan_in = np.prod(shape[1:])\n    return random.standard_normal(shape) * np.sqrt(2 / fan_in)",
    ),
    solution=code('''
        import numpy as np


        def initial_weights(shape, random):
            """Return random weights that keep the size of a signal."""
            fan_in = np.prod(shape[1:])
            return random.standard_normal(shape) * np.sqrt(2 / fan_in)
    '''),
    why=prose("""
        He, Zhang, Ren and Sun found this in 2015; before, deep networks with ReLU
        often did not begin to learn. A factor of 0.7 too little in each layer is
        0.7^20 = 0.0008 after twenty, and the gradient shrinks in the same way on
        its walk back. Batch norm makes the size matter less, but not the start.

        In the engine: kaiming_normal_ in minigrad/nn/init.py.
    """),
    returns=("weights",),
    probes=probes,
    mistakes=(
        Mistake(
            "root forgotten",
            {"np.sqrt(2 / fan_in)": "(2 / fan_in)"},
            "The factor is the variance itself. Numbers times s have the variance s squared: take the root.",
        ),
        Mistake(
            "ReLU forgotten",
            {"2 / fan_in": "1 / fan_in"},
            "The 2 is missing: ReLU halves the mean square, so the weights must make up for it.",
        ),
        Mistake(
            "fan-out instead of fan-in",
            {"np.prod(shape[1:])": "np.prod(shape) // shape[1]"},
            "This counts the outputs. A sum has as many terms as one output sees inputs: all but shape[0].",
        ),
        Mistake(
            "window forgotten",
            {"np.prod(shape[1:])": "shape[1]"},
            "For a convolution an output sees C * I * J inputs: multiply by the size of the window.",
        ),
        Mistake(
            "not scaled",
            {" * np.sqrt(2 / fan_in)": ""},
            "The weights have the variance 1. Scale them by the root of 2 / fan_in.",
        ),
        Mistake(
            "all elements counted",
            {"shape[1:]": "shape"},
            "fan_in is the product of the shape without its first number, the outputs.",
        ),
        Mistake(
            "all the same",
            {"random.standard_normal(shape)": "np.ones(shape)"},
            "All weights are equal. Then all units of a layer compute the same, and learn the same, for ever.",
        ),
        Mistake(
            "multiplied by fan-in",
            {"2 / fan_in": "2 * fan_in"},
            "The more inputs, the smaller the weights must be: divide by fan_in.",
        ),
        Mistake(
            "uniform instead of normal",
            {"random.standard_normal(shape)": "(random.random(shape) * 2 - 1)"},
            "These are uniform numbers between -1 and 1, with the deviation 0.58. Draw normal ones: "
            "random.standard_normal(shape).",
        ),
        Mistake(
            "mean not 0",
            {"random.standard_normal(shape)": "random.random(shape)"},
            "All weights are positive. They lie around 0: random.standard_normal(shape).",
        ),
        Mistake(
            "averaged with fan-out",
            {"2 / fan_in": "4 / (fan_in + np.prod(shape) // shape[1])"},
            "fan_in and fan_out are averaged (that is Xavier's rule). Here only fan_in counts: sqrt(2 / fan_in).",
        ),
    ),
    teaches=frozenset({"np.prod", ".standard_normal"}),
    terms=frozenset({"fan_in"}),
    properties=(Property("a signal keeps its size through 20 layers with ReLU", _keeps_the_size),),
    replaces=replaces,
    in_engine=in_engine,
    replaced="kaiming_normal_",
)
