"""Exercise: dropout."""

from __future__ import annotations

import numpy as np

from minigrad.creation import from_numpy
from minigrad.functions.arithmetic import mul
from minigrad.learn.derivative import normal, whole
from minigrad.learn.engine_runs import numbers
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.swap import arrays
from minigrad.nn.layers import Dropout
from minigrad.random import default_generator, manual_seed
from minigrad.tensor import Tensor
from minigrad.typing import Array


def probes(random: np.random.Generator) -> list[Probe]:
    made = []
    for draw, stage in ((whole(random), "one element"), (normal(random), "numbers")):
        for p, training in ((0.5, True), (0.2, True), (0.5, False)):
            arguments = (draw(3, 5), p, training, np.random.default_rng(7))
            made.append(Probe(arguments, stage, f"p = {p}, training = {training}."))
    return made


def _keeps_the_mean(function: Written, random: np.random.Generator) -> str | None:
    for p in (0.1, 0.5, 0.8):
        (y,) = arrays(function(np.ones(20_000), p, True, random), 1)
        if abs(float(y.mean()) - 1) > 0.06:
            return f"for p = {p} the mean of 20,000 ones becomes {float(y.mean()):.3g}."
    return None


def replaces(function: Written) -> list[Swap]:
    def forward(layer: Dropout, x: Tensor) -> Tensor:
        """Multiply by what the learner's function makes of ones, so that the engine has the derivative."""
        ones = np.ones(x.shape, x.array.dtype)
        (factors,) = arrays(function(ones, layer.p, layer.training, default_generator.numpy), 1)
        return mul(x, from_numpy(factors.astype(x.array.dtype)))

    return [Swap(Dropout, "forward", forward)]


def in_engine() -> list[Array]:
    layer, x = Dropout(0.3), from_numpy(np.ones(4000))
    manual_seed(0)
    y = layer(x).array
    kept = float(np.mean(y != 0))
    layer.eval()
    return [np.asarray(round(kept, 1)), np.asarray(y[y != 0][:3]), layer(from_numpy(numbers(3))).array]


EXERCISE = Exercise(
    slug="dropout",
    title="Drop and rescale",
    chapter=10,
    function="dropout",
    text=prose("""
        A large network can learn its examples by heart. Dropout makes that harder:
        in training each element of x is set to 0 with probability p, at random, so
        that no unit can rely on a single other one. In use nothing is dropped.

        If a share p of the elements is missing, what follows gets a smaller sum.
        So what is kept is made larger, such that the mean stays what it was.

        Given: x; p; training, True or False; random, a source of random numbers:
            random.random(x.shape) draws one in 0 ... 1 for each element of x.
        Write: return x with elements dropped. Keep an element where its random
            number is at least p. Draw once. Without training, return x.
    """),
    template=code('''
        def dropout(x, p, training, random):
            """Return x with elements dropped with probability p, in training."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "If a share p is dropped, the sum shrinks to 1 - p of what it was. What must the others be divided by?",
        "keep = random.random(x.shape) >= p is an array of True and False. As in exercise 8 it is a good factor.",
        "return x * keep / (1 - p), and x itself if not training.",
    ),
    solution=code('''
        def dropout(x, p, training, random):
            """Return x with elements dropped with probability p, in training."""
            if not training:
                return x
            keep = random.random(x.shape) >= p
            return x * keep / (1 - p)
    '''),
    why=prose("""
        The expected value of keep / (1 - p) is 1, so what follows sees numbers of
        the same size in training and in use. On the way back dropout is a product
        with a constant: the same mask and the same factor act on the gradient. So
        there is nothing to write: exercise 1 does it.

        In the engine: dropout in minigrad/functions/noise.py.
    """),
    returns=("y",),
    probes=probes,
    mistakes=(
        Mistake(
            "not rescaled",
            {" / (1 - p)": ""},
            "What is kept must be made larger: divide by 1 - p, so that the mean stays the same.",
        ),
        Mistake(
            "rescaled by p",
            {"/ (1 - p)": "/ p"},
            "Divided by p, the share that is dropped. Divide by 1 - p, the share that is kept.",
        ),
        Mistake(
            "p is the share that is kept",
            {">= p": "< p"},
            "This keeps with probability p. p is the probability to drop: keep where the number is at least p.",
        ),
        Mistake(
            "dropped in use",
            {"    if not training:\n        return x\n": ""},
            "Elements were dropped although training is False. Then x must be returned as it is.",
        ),
        Mistake(
            "rescaled in use",
            {"        return x\n": "        return x * (1 - p)\n"},
            "x was rescaled although training is False. Training has made up for the dropped elements already.",
        ),
        Mistake(
            "training and use swapped",
            {"if not training": "if training"},
            "Training and use are swapped: drop in training only.",
        ),
        Mistake(
            "multiplied instead of divided",
            {"/ (1 - p)": "* (1 - p)"},
            "What is kept became smaller still. Divide by 1 - p.",
        ),
        Mistake(
            "the same for all elements",
            {"random.random(x.shape) >= p": "random.random() >= p"},
            "A single random number decides for all elements: everything is kept, or all of it dropped. Each element "
            "needs a number of its own: random.random(x.shape).",
        ),
        Mistake(
            "a whole row dropped",
            {"random.random(x.shape) >= p": "(random.random(len(x)) >= p).reshape(-1, *[1] * (x.ndim - 1))"},
            "Whole rows are dropped together. Each element needs a number of its own: random.random(x.shape).",
        ),
        Mistake(
            "drawn in use",
            {
                "    if not training:\n        return x\n    keep": "    keep",
                ">= p\n": ">= p\n    if not training:\n        return x\n",
            },
            "Numbers are drawn although training is False. The next draws from random give others, so that a "
            "training with evaluations in between ends elsewhere. Return x before you draw.",
        ),
        Mistake(
            "drawn from a copy",
            {"random.random(x.shape)": "__import__('copy').deepcopy(random).random(x.shape)"},
            "The numbers come from a copy of random, so the next call gets the same ones, and drops the same elements.",
        ),
        Mistake(
            "one half for p",
            {">= p": ">= 0.5"},
            "Half of the elements are dropped, whatever p is.",
        ),
        Mistake(
            "numbers subtracted",
            {"x * keep / (1 - p)": "x - (1 - keep)"},
            "1 is subtracted where an element should be dropped. A dropped element is 0: multiply by keep.",
        ),
        Mistake(
            "elements taken out",
            {"x * keep": "x[keep]"},
            "x[keep] takes the dropped elements out, and the shape is lost. They stay there as 0: multiply by keep.",
        ),
        Mistake(
            "threshold 1 - p",
            {
                ">= p": ">= 1 - p",
            },
            "An element is kept where its number is at least 1 - p, which keeps the share p. Compare with p.",
        ),
        Mistake(
            "normal numbers",
            {
                "random.random(x.shape)": "random.standard_normal(x.shape)",
            },
            "The numbers are normal, and are at least p with another probability. random.random draws "
            "them evenly from 0 ... 1.",
        ),
        Mistake(
            "mean subtracted",
            {
                "x * keep": "(x - x.mean()) * keep",
            },
            "The mean was subtracted. What is kept is x, only larger by 1 / (1 - p).",
        ),
    ),
    teaches=frozenset({".random"}),
    terms=frozenset({"Dropout"}),
    properties=(Property("the mean of a large array stays what it was", _keeps_the_mean),),
    replaces=replaces,
    in_engine=in_engine,
    replaced="Dropout.forward",
)
