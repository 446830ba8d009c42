"""Exercise: momentum."""

from __future__ import annotations

import numpy as np

from minigrad import optim
from minigrad.learn.derivative import normal, whole
from minigrad.learn.optimizers import moved_by, replaced_move
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.optim.states import Group, State
from minigrad.tensor import Tensor
from minigrad.typing import Array


def probes(random: np.random.Generator) -> list[Probe]:
    made = []
    for draw, stage in ((whole(random), "one element"), (normal(random), "numbers")):
        for shapes in (((2, 3),), ((2, 3), (3,))):
            parts = [[draw(*s) for s in shapes] for _ in range(3)]
            made.append(Probe((*parts, 0.5, 0.75), stage, "lr = 0.5, mu = 0.75."))
        made.append(Probe(([draw(2)], [draw(2)], [np.zeros(2)], 0.5, 0.75), stage, "The first step: the buffer is 0."))
    return made


def _rolls(function: Written, random: np.random.Generator) -> str | None:
    p, b = np.zeros(1), np.zeros(1)
    for _ in range(60):
        function([p], [np.ones(1)], [b], 0.1, 0.9)
    speed = float(b[0])
    return (
        None if abs(speed - 10) < 0.1 else f"on an even slope of 1 the buffer goes to {speed:.3g}, where 10 is right."
    )


def replaces(function: Written) -> list[Swap]:
    def step(p: Array, g: Array, state: State, group: Group) -> None:
        buffer = state.get("momentum_buffer")
        if buffer is None:
            buffer = state["momentum_buffer"] = Tensor(np.zeros_like(p))
        function([p], [g], [buffer.array], group["lr"], group["momentum"])

    def fits(group: Group) -> bool:
        return bool(group["momentum"]) and not (group["nesterov"] or group["dampening"] or group["weight_decay"])

    return [Swap(optim.SGD, "_move", replaced_move(step, fits))]


EXERCISE = Exercise(
    slug="momentum",
    title="A ball that rolls",
    chapter=9,
    function="momentum_step",
    text=prose("""
        In a long narrow valley, plain descent jumps from side to side, and creeps
        along the bottom. A ball would do better: it keeps its speed. What points now
        left, now right, cancels, and what always points down the valley adds up.

            b <- mu * b + g         b is the speed, called the momentum buffer
            p <- p - lr * b

        Given: parameters, gradients and buffers, three lists of arrays in the same
            order; lr; mu, mostly 0.9. At first the buffers are 0.
        Write: change the buffers and the parameters in place; return nothing.
    """),
    template=code('''
        def momentum_step(parameters, gradients, buffers, lr, mu):
            """Move every parameter by its momentum, in place."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "zip takes three lists, too. Two lines do the work, in the order of the text.",
        "In place: b *= mu and b += g change the array b. Then p -= lr * b.",
        "All of it:\n\n    for p, g, b in zip(parameters, gradients, buffers):\n        b *= mu\n        b += g\n"
        "        p -= lr * b",
    ),
    solution=code('''
        def momentum_step(parameters, gradients, buffers, lr, mu):
            """Move every parameter by its momentum, in place."""
            for p, g, b in zip(parameters, gradients, buffers):
                b *= mu
                b += g
                p -= lr * b
    '''),
    why=prose("""
        b is g now, plus mu times g one step ago, plus mu^2 times g two steps ago, ...
        If g stays the same, b grows towards g / (1 - mu): with mu = 0.9 the steps are
        ten times as long. So momentum needs a smaller lr. The buffers are part of the
        training's state: who stops and resumes must keep them (exercise 30).

        In the engine: SGDRule.step in minigrad/optim/sgd.py.
    """),
    returns=(),
    changes=((0, "parameters"), (2, "buffers")),
    probes=probes,
    mistakes=(
        Mistake(
            "buffer not used",
            {"p -= lr * b": "p -= lr * g"},
            "The parameter moved by the gradient alone. It moves by the buffer: p -= lr * b.",
        ),
        Mistake(
            "buffer not kept",
            {"        b *= mu\n        b += g\n": "        b = mu * b + g\n"},
            "The buffer has not changed: b = mu * b + g makes a new array. Write b *= mu, then b += g.",
        ),
        Mistake(
            "buffer without decay",
            {"        b *= mu\n": ""},
            "The buffer only grows. It must be multiplied by mu first.",
        ),
        Mistake(
            "old buffer used",
            {"        b *= mu\n": "        p -= lr * b\n        b *= mu\n", "b += g\n        p -= lr * b": "b += g"},
            "The parameter moved by the old buffer. Update the buffer first, then move.",
        ),
        Mistake(
            "running mean",
            {"b += g": "b += (1 - mu) * g"},
            "The gradient was scaled by 1 - mu, which makes a mean (as Adam does). Here it is added as it is.",
        ),
        Mistake("sign", {"p -= lr * b": "p += lr * b"}, "This goes uphill: subtract lr * b."),
        Mistake(
            "learning rate in the buffer",
            {"b += g": "b += lr * g", "p -= lr * b": "p -= b"},
            "The learning rate was put into the buffer. Then a changed lr would not act on what is in it: p -= lr * b.",
        ),
        Mistake(
            "mu added to the gradient only",
            {"b *= mu\n        b += g": "b += mu * g"},
            "mu belongs to the old buffer: b = mu * b + g.",
        ),
        Mistake(
            "buffer scaled after the sum",
            {"b *= mu\n        b += g": "b += g\n        b *= mu"},
            "The new gradient is multiplied by mu, too. Shrink the old buffer first, then add g.",
        ),
        Mistake(
            "not in place",
            {"p -= lr * b": "p = p - lr * b"},
            "p = p - ... makes a new array, and the parameter stays as it was. p -= ... changes it in place.",
        ),
        Mistake(
            "learning rate forgotten",
            {"lr * b": "b"},
            "The learning rate is missing: p -= lr * b.",
        ),
        Mistake(
            "gradient added again",
            {"p -= lr * b": "p -= lr * (g + mu * b)"},
            "This is Nesterov's momentum, which looks one step ahead. Here the step is lr * b.",
        ),
        Mistake(
            "buffer subtracted",
            {"b += g": "b -= g"},
            "The gradient is subtracted from the buffer, so the step goes uphill. b += g.",
        ),
        Mistake(
            "one parameter only",
            {"p -= lr * b": "p -= lr * b\n        break"},
            "Only the first parameter moves. A return or break within the loop ends it.",
        ),
        Mistake(
            "mu in the step",
            {"p -= lr * b": "p -= lr * mu * b"},
            "mu is a factor of the step, too. It belongs to the buffer alone: p -= lr * b.",
        ),
        Mistake(
            "share of the old buffer",
            {"b *= mu": "b *= 1 - mu"},
            "The old buffer keeps the share 1 - mu. It keeps mu: the larger mu, the longer it rolls.",
        ),
    ),
    teaches=frozenset(),
    terms=frozenset({"momentum"}),
    properties=(Property("on an even slope the speed goes to slope / (1 - mu)", _rolls),),
    replaces=replaces,
    in_engine=lambda: moved_by(lambda params: optim.SGD(params, lr=0.1, momentum=0.9)),
    replaced="the step of SGD with momentum",
)
