"""Exercise: the derivative of a concatenation."""

from __future__ import annotations

import numpy as np

import minigrad
from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.ops.shape import Cat
from minigrad.typing import Array


def forward(a: Array, b: Array) -> Array:
    return np.concatenate([a, b], axis=1)


def small(draw: Draw) -> tuple[object, ...]:
    return draw(2, 3), draw(2, 2)


def images(draw: Draw) -> tuple[object, ...]:
    return draw(2, 1, 2, 3), draw(2, 3, 2, 3)


def even(draw: Draw) -> tuple[object, ...]:
    return draw(3, 2), draw(3, 2)


def replaces(function: Written) -> list[Swap]:
    def backward(node: Cat, grad: Array) -> tuple[Array, ...]:
        """Split off one input after the other, each time from all that follow."""
        parts: list[Array] = []
        rest = np.moveaxis(grad, node.dim, 1) if node.dim else grad[None]
        for length in node.lengths[:-1]:
            shape, left = list(rest.shape), list(rest.shape)
            shape[1], left[1] = length, rest.shape[1] - length
            first, rest = arrays(function(rest, np.zeros(shape, grad.dtype), np.zeros(left, grad.dtype)), 2)
            parts.append(first)
        back = [np.moveaxis(part, 1, node.dim) if node.dim else part[0] for part in [*parts, rest]]
        return tuple(back)

    return [fused(Cat, backward)]


EXERCISE = Exercise(
    slug="concatenate",
    title="Branches join",
    chapter=11,
    function="concatenate_backward",
    text=prose("""
        In an Inception block the image goes through several branches side by side,
        and their channels are put one after the other:

            y = np.concatenate([a, b], axis=1)

        a has shape (N, A, ...), b has (N, B, ...), and y has A + B channels.

        Given: grad, the gradient of y; a; b.
        Write: the gradients of a and of b.
    """),
    template=code('''
        def concatenate_backward(grad, a, b):
            """Return da and db, where y = np.concatenate([a, b], axis=1)."""
            da = ...
            db = ...
            return da, db
    '''),
    hints=(
        "Each element of y is a copy of one element of a or of b. Which channels of y are a's?",
        "The first a.shape[1] channels are a's, the others are b's.",
        "da = grad[:, : a.shape[1]], and db is the rest.",
    ),
    solution=code('''
        def concatenate_backward(grad, a, b):
            """Return da and db, where y = np.concatenate([a, b], axis=1)."""
            da = grad[:, : a.shape[1]]
            db = grad[:, a.shape[1] :]
            return da, db
    '''),
    why=prose("""
        What was joined is cut apart at the same place. So the branches of a block
        learn side by side, each from its own channels of the gradient; and since
        all of them began at the same x, their gradients meet there, and add up: your
        exercise 9 again.

        In the engine: class Cat in minigrad/ops/shape.py.
    """),
    returns=("da", "db"),
    probes=derivative(forward, (small, images, even), {"da": 0, "db": 1}),
    mistakes=(
        Mistake(
            "cut along the batch",
            {"grad[:, : a.shape[1]]": "grad[: a.shape[0]]", "grad[:, a.shape[1] :]": "grad[a.shape[0] :]"},
            "This cuts along the batch, axis 0. The inputs were joined along the channels, axis 1.",
        ),
        Mistake("swapped results", {"return da, db": "return db, da"}),
        Mistake(
            "cut in the middle",
            {": a.shape[1]": ": grad.shape[1] // 2", "a.shape[1] :": "grad.shape[1] // 2 :"},
            "The cut is in the middle. a and b may have different numbers of channels: cut at a.shape[1].",
        ),
        Mistake(
            "cut at the wrong place",
            {"a.shape[1]": "b.shape[1]"},
            "The cut is after b's number of channels. a comes first: cut at a.shape[1].",
        ),
        Mistake(
            "not cut",
            {"grad[:, : a.shape[1]]": "grad", "grad[:, a.shape[1] :]": "grad"},
            "Both got all of grad. Each input gets the gradient of its own channels.",
        ),
        Mistake(
            "cut along the last dimension",
            {"grad[:, : a.shape[1]]": "grad[..., : a.shape[1]]", "grad[:, a.shape[1] :]": "grad[..., a.shape[1] :]"},
            "This cuts the last dimension. The channels are axis 1.",
        ),
        Mistake("sign", {"db = grad": "db = -grad"}),
        Mistake(
            "shared by both",
            {"grad[:, : a.shape[1]]": "grad[:, : a.shape[1]] / 2"},
            "The gradient was halved. Each element of y belongs to one input only, which gets all of it.",
        ),
        Mistake(
            "cut one too early",
            {"a.shape[1]": "(a.shape[1] - 1)"},
            "The cut is one column too early: a has a.shape[1] columns, 0 to a.shape[1] - 1, and the end of a "
            "slice is not in it.",
        ),
        Mistake(
            "cut one too late",
            {"a.shape[1] :": "a.shape[1] + 1 :"},
            "db begins one column too late: a's columns end at a.shape[1] - 1, so b's begin at a.shape[1].",
        ),
        Mistake(
            "multiplied by the inputs",
            {
                "da = grad[:, : a.shape[1]]": "da = grad[:, : a.shape[1]] * a",
                "db = grad[:, a.shape[1] :]": "db = grad[:, a.shape[1] :] * b",
            },
            "The parts are multiplied by the inputs. Putting side by side has the slope 1: each part goes back as "
            "it is.",
        ),
        Mistake(
            "every other channel",
            {
                ": a.shape[1]]": "::2]",
                "a.shape[1] :]": "1::2]",
            },
            "Every other channel is taken. a's channels come first, all of them, and then b's.",
        ),
    ),
    teaches=frozenset(),
    terms=frozenset({"branches"}),
    properties=(linear_in_grad(forward, images, 2),),
    replaces=replaces,
    in_engine=lambda: gradients(
        lambda a, b, c: minigrad.cat([a, b, c], 1), numbers(2, 3, 2), numbers(2, 1, 2), numbers(2, 4, 2)
    ),
    replaced="Cat.backward",
)
