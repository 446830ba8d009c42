"""Exercise: gradient descent."""

from __future__ import annotations

import numpy as np

from minigrad import optim
from minigrad.learn.derivative import normal, whole
from minigrad.learn.optimizers import moved_by, replaced_move
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.optim.states import Group, State
from minigrad.typing import Array


def probes(random: np.random.Generator) -> list[Probe]:
    made = []
    for draw, stage in ((whole(random), "one element"), (normal(random), "numbers")):
        for shapes in (((2, 3),), ((2, 3), (3,)), ((1, 2), (2, 1), ())):
            arguments = ([draw(*s) for s in shapes], [draw(*s) for s in shapes], 0.5)
            made.append(Probe(arguments, stage, f"{len(shapes)} parameter(s), lr = 0.5."))
    return made


def _goes_downhill(function: Written, random: np.random.Generator) -> str | None:
    p = random.standard_normal(4)
    for _ in range(50):
        function([p], [2 * p], 0.1)
    size = float(np.abs(p).max())
    return (
        None if size < 1e-3 else f"after 50 steps on the bowl sum(p ** 2) p is still {size:.3g} from its lowest point."
    )


def replaces(function: Written) -> list[Swap]:
    def step(p: Array, g: Array, state: State, group: Group) -> None:
        function([p], [g], group["lr"])

    return [Swap(optim.SGD, "_move", replaced_move(step, lambda group: not group["momentum"]))]


EXERCISE = Exercise(
    slug="sgd",
    title="One step downhill",
    chapter=9,
    function="sgd_step",
    text=prose("""
        Now every parameter has a gradient. It points uphill: to where L grows. So
        a step of training moves every parameter a little the other way. The
        learning rate lr says how little. (The S of SGD is for stochastic: each step
        uses a random batch, not all data.)

        Given: parameters and gradients, two lists of arrays, in the same order;
            lr, a number.
        Write: move every parameter. Return nothing.

        The network holds these very arrays. So change them *in place*: p -= 1 writes
        into the array p, while p = p - 1 makes a new one, which the network never
        sees. zip(parameters, gradients) yields them in pairs.
    """),
    template=code('''
        def sgd_step(parameters, gradients, lr):
            """Move every parameter against its gradient, in place."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "For each pair of a parameter and its gradient, subtract something from the parameter.",
        "That something is the learning rate times the gradient.",
        "Two lines:\n\n    for p, g in zip(parameters, gradients):\n        p -= lr * g",
    ),
    solution=code('''
        def sgd_step(parameters, gradients, lr):
            """Move every parameter against its gradient, in place."""
            for p, g in zip(parameters, gradients):
                p -= lr * g
    '''),
    why=prose("""
        To first order, L changes by the sum of gradient times step. With the step
        -lr * g that is -lr * sum(g * g): never positive. So if lr is small enough,
        L must fall, whatever the network is. "Small enough" depends on how curved
        L is, which is what exercises 23, 27 and 29 are about.

        In the engine: SGDRule.step in minigrad/optim/sgd.py.
    """),
    returns=(),
    changes=((0, "parameters"),),
    probes=probes,
    mistakes=(
        Mistake("sign", {"p -= lr * g": "p += lr * g"}, "This goes uphill, and L grows: subtract lr * g."),
        Mistake(
            "not in place",
            {"p -= lr * g": "p = p - lr * g"},
            "The parameters did not move: p = p - lr * g makes a new array, and the network holds the old one. Write "
            "p -= lr * g.",
        ),
        Mistake(
            "not in place",
            {
                "for p, g in zip(parameters, gradients):": "for i in range(len(parameters)):",
                "p -= lr * g": "parameters[i] = parameters[i] - lr * gradients[i]",
            },
            "A new array was put into the list; the network still holds the old one. Write p -= lr * g.",
        ),
        Mistake(
            "learning rate forgotten",
            {"lr * g": "g"},
            "The step is the whole gradient: multiply it by lr.",
        ),
        Mistake(
            "divided by the learning rate",
            {"lr * g": "g / lr"},
            "The gradient was divided by lr, and must be multiplied by it.",
        ),
        Mistake(
            "only the first parameter",
            {"p -= lr * g": "p -= lr * g\n        break"},
            "Only the first parameter has moved. The loop ends too soon.",
        ),
        Mistake(
            "sign of the gradient",
            {"lr * g": "lr * ((g > 0) * 1.0 - (g < 0) * 1.0)"},
            "Only the sign of the gradient was used. The step is proportional to the gradient itself.",
        ),
        Mistake(
            "scaled by the parameter",
            {"lr * g": "lr * g * p"},
            "The step was multiplied by the parameter, too. It is lr * g.",
        ),
        Mistake(
            "learning rate subtracted",
            {"lr * g": "(lr + g)"},
            "lr and g are added. The step is their product.",
        ),
        Mistake(
            "one parameter only",
            {"in zip(parameters, gradients)": "in list(zip(parameters, gradients))[-1:]"},
            "Only the last parameter moves. All of them take a step.",
        ),
    ),
    teaches=frozenset({"zip", "in place"}),
    terms=frozenset({"learning rate", "parameter"}),
    properties=(Property("many small steps lead down to the lowest point of a bowl", _goes_downhill),),
    replaces=replaces,
    in_engine=lambda: moved_by(lambda params: optim.SGD(params, lr=0.1)),
    replaced="the step of SGD",
)
