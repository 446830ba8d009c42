"""Exercise: the sum of the gradients that arrive from several users."""

from __future__ import annotations

from heapq import heappush

import numpy as np

from minigrad.creation import from_numpy
from minigrad.engine.backward import GradientSums
from minigrad.engine.function import Edge, Function
from minigrad.learn.derivative import normal, whole
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.tensor import Tensor
from minigrad.typing import Array


def probes(random: np.random.Generator) -> list[Probe]:
    made = []
    for draw, stage in ((whole(random), "one element"), (normal(random), "numbers")):
        g, h = draw(2, 3), draw(2, 3)
        made += [
            Probe(({}, "x", g), stage, "The first gradient of x: sums is empty."),
            Probe(({"x": g}, "x", h), stage, "x has a gradient, and gets another one."),
            Probe(({"x": g, "y": g}, "x", h), stage, "x and y hold the same array; only x gets a gradient."),
            Probe(({"y": g}, "x", h), stage, "y has a gradient; x gets its first one."),
        ]
    return made


def _any_order(function: Written, random: np.random.Generator) -> str | None:
    for count in (2, 3, 5):
        parts = [random.standard_normal((2, 2)) for _ in range(count)]
        totals = []
        for order in (parts, parts[::-1]):
            sums: dict[str, Array] = {}
            for part in order:
                function(sums, "x", part)
            totals.append(sums["x"])
        if not np.allclose(totals[0], np.sum(parts, axis=0)) or not np.allclose(totals[0], totals[1]):
            return f"after {count} gradients the sum is not the sum of all {count}."
    return None


def replaces(function: Written) -> list[Swap]:
    def add(sums: GradientSums, edge: Edge, gradient: Tensor) -> None:
        """Add a gradient that arrives along an edge, as the engine does, but by the learner's function."""
        node, output = edge
        if node not in sums._sums:
            if isinstance(node, Function):
                heappush(sums.nodes, (-node.number, node))
            sums._sums[node] = [None] * node.num_outputs
        total = sums._sums[node][output]
        box = {} if total is None else {edge: total.array}
        function(box, edge, gradient.array)
        sums._sums[node][output] = from_numpy(box[edge])

    return [Swap(GradientSums, "add", add)]


EXERCISE = Exercise(
    slug="accumulate",
    title="Gradients add",
    chapter=2,
    function="add_gradient",
    text=prose("""
        In z = x * x + x, x is used three times. Each use is a path from x to the
        loss, and each sends a gradient back to x. If x moves, L feels the effect
        along all paths, so the gradient of x is the sum of what arrives.

        The engine keeps these sums in a dictionary while it walks back.

        Given: sums, a dictionary from names to gradients; a name; and grad, a
            gradient that has just arrived for this name.
        Write: put grad into sums. Change sums; return nothing.

        Beware: the array in sums may be in use elsewhere, because x + y passes
        one array on to both x and y. So do not change an array that lies there.
    """),
    template=code('''
        def add_gradient(sums, name, grad):
            """Add grad to the gradient that sums holds for this name."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "There are two cases: the name is in sums already, or this is its first gradient. `name in sums` tells.",
        "The first gradient is stored as it is. A further one is added to what is there.",
        "sums[name] = sums[name] + grad makes a new array. sums[name] += grad writes into the old one, which others "
        "may hold too.",
    ),
    solution=code('''
        def add_gradient(sums, name, grad):
            """Add grad to the gradient that sums holds for this name."""
            if name in sums:
                sums[name] = sums[name] + grad
            else:
                sums[name] = grad
    '''),
    why=prose("""
        This one line is what makes a *graph* of operations work, and not only a
        chain. Draw a residual block: x goes into a branch and past it, and the two
        meet in a sum. That is a diamond; at its foot x gets two gradients.

        For the same reason .grad of a parameter adds up from one backward to the
        next until you clear it: exercise 13 will need that.

        In the engine: GradientSums.add in minigrad/engine/backward.py.
    """),
    returns=(),
    changes=((0, "sums"),),
    probes=probes,
    mistakes=(
        Mistake(
            "= for +=",
            {"sums[name] = sums[name] + grad": "sums[name] = grad"},
            "The last gradient replaces those before it. They add up: sums[name] = sums[name] + grad.",
        ),
        Mistake(
            "in place",
            {"sums[name] = sums[name] + grad": "sums[name] += grad"},
            "+= writes into the array that lies in sums, and another name may hold the same array. Make a new one: "
            "sums[name] = sums[name] + grad.",
        ),
        Mistake(
            "first gradient lost",
            {"        sums[name] = grad": "        sums[name] = grad * 0"},
            "The first gradient is lost: when the name is new, grad itself must be stored.",
        ),
        Mistake(
            "later gradients ignored",
            {"sums[name] = sums[name] + grad": "pass"},
            "Only the first gradient is kept. Those that arrive later must be added to it.",
        ),
        Mistake(
            "mean instead of sum",
            {"sums[name] + grad": "(sums[name] + grad) / 2"},
            "The gradients are averaged. The effects along several paths add up.",
        ),
        Mistake(
            "product instead of sum",
            {"sums[name] + grad": "sums[name] * grad"},
            "The gradients are multiplied. Slopes multiply *along* a path; *between* paths they add up.",
        ),
        Mistake(
            "first gradient doubled",
            {"    else:\n        sums[name] = grad": "    else:\n        sums[name] = grad + grad"},
            "The first gradient counts twice.",
        ),
        Mistake(
            "minus for plus",
            {"sums[name] + grad": "sums[name] - grad"},
            "The new gradient is subtracted. Gradients of several uses add up: +.",
        ),
        Mistake(
            "added to every name",
            {
                "        sums[name] = sums[name] + grad": (
                    "        for each in sums:\n            sums[each] = sums[each] + grad"
                ),
            },
            "The gradient is added to every name. It belongs to this name alone.",
        ),
        Mistake(
            "largest instead of sum",
            {
                "sums[name] + grad": "__import__('numpy').maximum(sums[name], grad)",
            },
            "Only the larger of two gradients is kept. The effects along several paths add up.",
        ),
    ),
    teaches=frozenset(),
    terms=frozenset({"path"}),
    properties=(Property("the order in which gradients arrive does not matter", _any_order),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x, y: (x + y) * x + x, numbers(2, 3), numbers(2, 3, seed=3)),
    replaced="GradientSums.add",
)
