"""Exercise: clipping gradients by their norm."""

from __future__ import annotations

import sys

import numpy as np

from minigrad.learn.derivative import normal, whole
from minigrad.learn.engine_runs import numbers
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.nn import utils
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor
from minigrad.typing import Array


def probes(random: np.random.Generator) -> list[Probe]:
    made = [
        Probe(([np.array([3.0, 4.0])], 1.0), "one element", "One gradient of length 5; the limit is 1."),
        Probe(([np.array([3.0]), np.array([[4.0]])], 1.0), "one element", "Two gradients, 5 long together; limit 1."),
        Probe(([np.array([0.3, 0.4])], 1.0), "one element", "One gradient of length 0.5; the limit is 1."),
        Probe(([np.zeros(3)], 1.0), "one element", "A gradient of zeros."),
    ]
    for draw in (whole(random), normal(random)):
        made.append(Probe(([draw(2, 3), draw(3), draw(1, 2)], 2.5), "numbers", "Three gradients; the limit is 2.5."))
    return made


def _never_longer(function: Written, random: np.random.Generator) -> str | None:
    for scale in (1e-3, 1.0, 1e3):
        parts = [scale * random.standard_normal(s) for s in ((2, 3), (4,))]
        before = [p.copy() for p in parts]
        function(parts, 1.0)
        length = float(np.sqrt(sum((p * p).sum() for p in parts)))
        if length > 1 + 1e-6:
            return f"they are {length:.4g} long together, and the limit is 1."
        ratios = np.concatenate([(p / b).ravel() for p, b in zip(parts, before, strict=True)])
        if not np.allclose(ratios, ratios[0]):
            return "different elements were scaled by different factors: the direction has changed."
    return None


def replaces(function: Written) -> list[Swap]:
    original = utils.clip_grad_norm_

    def clip(parameters: list[Parameter], max_norm: float, norm_type: float = 2.0) -> Tensor:
        if norm_type != 2.0:
            return original(parameters, max_norm, norm_type)
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = function([g.array for g in gradients], max_norm)
        return Tensor(float(np.asarray(norm)))

    return [Swap(sys.modules[utils.__name__], "clip_grad_norm_", clip)]


def in_engine() -> list[Array]:
    found = []
    for limit in (0.5, 100.0):
        p = [Parameter(Tensor(numbers(2, 3))), Parameter(Tensor(numbers(3)))]
        for each in p:
            each.grad = Tensor(numbers(*each.shape, seed=4))
        norm = utils.clip_grad_norm_(p, limit)
        found += [
            np.asarray(round(norm.item(), 5)),
            *[np.round(each.grad.array, 5) for each in p if each.grad is not None],
        ]
    return found


EXERCISE = Exercise(
    slug="clip",
    title="Gradients that explode",
    chapter=9,
    function="clip_gradients",
    text=prose("""
        Now and then a batch gives a gradient that is a thousand times as long as the
        others. One step along it undoes a thousand good ones. So the gradients are
        made shorter if they are too long; their direction stays.

        The length (norm) of *all* gradients together is

            norm = square root of the sum of g * g over all elements of all arrays

        Given: gradients, a list of arrays; limit, the largest length.
        Write: if norm is more than limit, scale all gradients, in place, so that
            their length is limit. Return the norm from before.
    """),
    template=code('''
        import numpy as np


        def clip_gradients(gradients, limit):
            """Scale the gradients to at most this length; return the old one."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "One norm for all arrays: add up (g * g).sum() over the list, then take the root.",
        "Only if norm > limit: multiply every g by limit / norm, in place (g *= ...).",
        "The two steps:\n\n    norm = np.sqrt(sum((g * g).sum() for g in gradients))\n    if norm > limit:\n"
        "        ...                      # g *= limit / norm, for each g",
    ),
    solution=code('''
        import numpy as np


        def clip_gradients(gradients, limit):
            """Scale the gradients to at most this length; return the old one."""
            norm = np.sqrt(sum((g * g).sum() for g in gradients))
            if norm > limit:
                for g in gradients:
                    g *= limit / norm
            return norm
    '''),
    why=prose("""
        One factor for all keeps the direction, and the direction is what descent is
        about. Cutting off each element on its own would turn it. Short gradients
        must stay as they are: to lengthen them would undo the slowing down near the
        bottom. (torch divides by norm + 1e-6, so as not to divide by 0.)

        In the engine: clip_grad_norm_ in minigrad/nn/parameters.py.
    """),
    returns=("norm",),
    changes=((0, "gradients"),),
    probes=probes,
    mistakes=(
        Mistake(
            "each array on its own",
            {
                "    if norm > limit:\n        for g in gradients:\n            g *= limit / norm\n": (
                    "    for g in gradients:\n        own = np.sqrt((g * g).sum())\n        if own > limit:\n"
                    "            g *= limit / own\n"
                ),
            },
            "Each array was clipped by its own length. There is one length for all of them together.",
        ),
        Mistake(
            "each element on its own",
            {
                "    if norm > limit:\n        for g in gradients:\n            g *= limit / norm\n": (
                    "    for g in gradients:\n        g[...] = np.clip(g, -limit, limit)\n"
                ),
            },
            "Each element was cut off at the limit, which turns the direction. Scale all by one factor.",
        ),
        Mistake(
            "short gradients lengthened",
            {"if norm > limit": "if norm > 0"},
            "Gradients that are short enough were changed, too. Scale only if norm > limit.",
        ),
        Mistake(
            "root forgotten",
            {"np.sqrt(sum((g * g).sum() for g in gradients))": "sum((g * g).sum() for g in gradients)"},
            "The root is missing: the length is the root of the sum of squares.",
        ),
        Mistake(
            "limit forgotten",
            {"limit / norm": "1 / norm"},
            "The gradients have the length 1 now. They should have the length limit.",
        ),
        Mistake(
            "new norm returned",
            {"    return norm": "    return min(norm, limit) * 1.0"},
            "Return the length from before clipping: it tells how often clipping was needed.",
        ),
        Mistake(
            "not in place",
            {"g *= limit / norm": "g = g * limit / norm"},
            "The gradients have not changed: g = g * ... makes a new array. Write g *= ...",
        ),
        Mistake(
            "mean instead of sum",
            {"(g * g).sum()": "(g * g).mean()"},
            "The squares were averaged. The length is the root of their sum.",
        ),
        Mistake(
            "factor upside down",
            {"limit / norm": "norm / limit"},
            "The factor is upside down: the gradients became longer.",
        ),
        Mistake(
            "norm of the sums",
            {"(g * g).sum()": "g.sum() ** 2"},
            "The sums are squared. The length squares each element first, and adds up then.",
        ),
        Mistake(
            "scaled by the square",
            {"limit / norm": "limit / norm**2"},
            "Divided by the squared length. limit / norm brings the length to limit.",
        ),
        Mistake(
            "largest element",
            {"np.sqrt(sum((g * g).sum() for g in gradients))": "max(abs(g).max() for g in gradients)"},
            "This is the largest element. The length is the root of the sum of all squares.",
        ),
        Mistake(
            "absolute values",
            {"np.sqrt(sum((g * g).sum() for g in gradients))": "sum(abs(g).sum() for g in gradients)"},
            "This is the sum of absolute values. The length is the root of the sum of all squares.",
        ),
        Mistake(
            "norm not divided by",
            {"limit / norm": "limit"},
            "The gradients are multiplied by limit. Their length is norm: limit / norm makes it limit.",
        ),
        Mistake(
            "long and short swapped",
            {"if norm > limit": "if norm < limit"},
            "Short gradients are changed here, and long ones are left. Clipping shortens those longer than limit.",
        ),
        Mistake(
            "eps added to the norm",
            {
                "limit / norm": "limit / (norm + 1e-6)",
            },
            "A small number is added to the norm, as PyTorch does against a division by 0. Here norm is "
            "more than limit, and so never 0: the length becomes limit exactly.",
        ),
        Mistake(
            "norm measured again",
            {
                "        for g in gradients:\n            g *= limit / norm": (
                    "        for g in gradients:\n"
                    "            g *= limit / np.sqrt(sum((g * g).sum() for g in gradients))"
                ),
            },
            "The norm is measured again for each array, when some arrays are shorter already. Measure it once, before.",
        ),
    ),
    teaches=frozenset({"sum"}),
    terms=frozenset(),
    properties=(Property("they are never longer than the limit, and keep their direction", _never_longer),),
    replaces=replaces,
    in_engine=in_engine,
    replaced="clip_grad_norm_",
)
