"""Exercise: weight decay."""

from __future__ import annotations

import numpy as np

from minigrad import optim
from minigrad.engine.tensor_base import wrap
from minigrad.learn.derivative import normal, whole
from minigrad.learn.optimizers import moved_by
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.swap import arrays
from minigrad.optim.states import Group
from minigrad.tensor import Tensor


def probes(random: np.random.Generator) -> list[Probe]:
    made = []
    for draw, stage in ((whole(random), "one element"), (normal(random), "numbers")):
        for decay in (0.5, 0.01):
            made.append(Probe((draw(2, 3), draw(2, 3), decay), stage, f"decay = {decay}."))
    return [*made, Probe((normal(random)(3), np.zeros(3), 0.1), "numbers", "g is 0."), _none(random)]


def _none(random: np.random.Generator) -> Probe:
    return Probe((normal(random)(3), normal(random)(3), 0.0), "numbers", "decay = 0.")


def _is_a_gradient(function: Written, random: np.random.Generator) -> str | None:
    p, decay = random.standard_normal(4), 0.3
    (found,) = arrays(function(p, np.zeros(4), decay), 1)
    quotient = [(decay / 2 * ((p + e) ** 2).sum() - decay / 2 * ((p - e) ** 2).sum()) / 2e-5 for e in 1e-5 * np.eye(4)]
    return None if np.allclose(found, quotient, atol=1e-6) else "it is not the gradient of decay / 2 * sum(p ** 2)."


def replaces(function: Written) -> list[Swap]:
    original = optim.SGD._move

    def move(optimizer: optim.SGD, moved: list[tuple[Tensor, Group]]) -> None:
        """Put the learner's gradient in place of each one, and let the optimiser move without decay."""
        kept = [p.grad for p, _ in moved]
        without = []
        for p, group in moved:
            assert p.grad is not None
            if group["weight_decay"]:
                (g,) = arrays(function(p.array, p.grad.array, group["weight_decay"]), 1)
                p.grad = wrap(g.astype(p.array.dtype))
            without.append((p, {**group, "weight_decay": 0}))
        original(optimizer, without)
        for (p, _), gradient in zip(moved, kept, strict=True):
            p.grad = gradient

    return [Swap(optim.SGD, "_move", move)]


EXERCISE = Exercise(
    slug="weight_decay",
    title="Pull towards zero",
    chapter=9,
    function="decayed_gradient",
    text=prose("""
        Large weights make a network sharp: a small change of the input changes much.
        So one adds to the loss a price for large weights:

            L + decay / 2 * (sum of p * p)

        Nobody computes this sum in training. One adds its *gradient* to the gradient
        that backward found. This is weight decay.

        Given: p, a parameter; g, its gradient of L; decay, a small number.
        Write: return the gradient of the loss with the price. Do not change g.
    """),
    template=code('''
        def decayed_gradient(p, g, decay):
            """Return the gradient of L + decay / 2 * (sum of p * p)."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "The gradient of a sum is the sum of the gradients. That of L is g. What is the slope of decay / 2 * p * p?",
        "The 2 of the square and the 1/2 cancel: the slope is decay * p.",
        "return g + decay * p",
    ),
    solution=code('''
        def decayed_gradient(p, g, decay):
            """Return the gradient of L + decay / 2 * (sum of p * p)."""
            return g + decay * p
    '''),
    why=prose("""
        With plain SGD the step is p - lr * g - lr * decay * p: each step shrinks p by
        the factor 1 - lr * decay. Hence the name. With Adam, the next exercise, the
        two are not the same: Adam divides the gradient by its own size, and the
        price with it. AdamW therefore shrinks p directly, apart from the gradient.

        In the engine: SGDRule.step in minigrad/optim/sgd.py.
    """),
    returns=("gradient",),
    probes=probes,
    mistakes=(
        Mistake("sign of the decay", {"g + decay": "g - decay"}, "This makes weights grow: add decay * p."),
        Mistake(
            "factor 2",
            {"decay * p": "2 * decay * p"},
            "The price has a factor 1/2, so that the 2 of the square cancels: decay * p.",
        ),
        Mistake(
            "price instead of its gradient",
            {"decay * p": "decay / 2 * p * p"},
            "This adds the price itself. Add its gradient, decay * p.",
        ),
        Mistake(
            "absolute values",
            {"decay * p": "decay * ((p > 0) * 1.0 - (p < 0) * 1.0)"},
            "This is the gradient of the sum of absolute values (L1). The price here is the sum of squares.",
        ),
        Mistake(
            "gradient shrunk instead of weight",
            {"g + decay * p": "g * (1 - decay)"},
            "This shrinks the gradient. The pull depends on p: add decay * p.",
        ),
        Mistake(
            "gradient of the loss lost",
            {"return g + ": "return "},
            "Only the gradient of the price is there. Add it to g.",
        ),
        Mistake("no decay", {" + decay * p": " + 0 * p"}, "This is g alone. Add the gradient of the price, decay * p."),
        Mistake("decay added", {"decay * p": "decay"}, "decay was added as it is. It is multiplied by p."),
        Mistake(
            "added to the weight",
            {"return g + decay * p": "return p + decay * g"},
            "g and p are swapped: the gradient is g + decay * p.",
        ),
        Mistake(
            "divided by the decay",
            {"decay * p": "p / decay"},
            "Divided by decay. The slope of decay / 2 * p * p is decay * p.",
        ),
        Mistake(
            "sum of all weights",
            {"decay * p": "decay * p.sum()"},
            "All weights were added up. Each weight is pulled by itself: decay * p.",
        ),
        Mistake(
            "half",
            {"decay * p": "decay * p / 2"},
            "The half is gone after the derivative: that of p * p / 2 is p.",
        ),
        Mistake(
            "size of the weight",
            {"decay * p": "decay * abs(p)"},
            "The size of the weight has lost its sign. A negative weight is pulled up: decay * p.",
        ),
        Mistake(
            "decay of the gradient",
            {"decay * p": "decay * g"},
            "The gradient is added once more. The pull comes from the weight: decay * p.",
        ),
        Mistake(
            "gradient shrunk as well",
            {
                "g + decay * p": "(1 - decay) * g + decay * p",
            },
            "g is multiplied by 1 - decay. The price is added to the loss, so its gradient is added to all of g.",
        ),
        Mistake(
            "decay of the gradient",
            {
                "g + decay * p": "decay * (g + p)",
            },
            "Parentheses: decay is a factor of p alone.",
        ),
        Mistake(
            "weight instead of gradient",
            {
                "g + decay * p": "p * (1 - decay)",
            },
            "This is the weight, made smaller. A gradient is asked for: that of L and that of the price.",
        ),
        Mistake(
            "mean of the price",
            {
                "decay * p": "decay * p / p.size",
            },
            "Divided by the number of weights. The price is a sum, not a mean.",
        ),
        Mistake(
            "cube of the weight",
            {
                "decay * p": "decay * p**3",
            },
            "The price is a square, so its slope is p, not a power of it.",
        ),
    ),
    teaches=frozenset(),
    terms=frozenset({"weight decay"}),
    properties=(Property("for g = 0 it is the gradient of the price alone", _is_a_gradient),),
    replaces=replaces,
    in_engine=lambda: moved_by(lambda params: optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.2)),
    replaced="the weight decay of SGD",
)
