"""Exercise: a schedule for the learning rate."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np

from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.training import rates
from minigrad.typing import Array


def probes(random: np.random.Generator) -> list[Probe]:
    made = []
    for step in (0, 1, 4, 5, 10, 24):
        made.append(Probe((step, 25, 5, 0.8), "one element", f"step = {step} of 25, warmup = 5, peak = 0.8."))
    for _ in range(6):
        steps, warmup = int(random.integers(20, 90)), int(random.integers(1, 10))
        step, peak = int(random.integers(0, steps)), float(random.uniform(0.1, 2))
        note = f"step = {step} of {steps}, warmup = {warmup}, peak = {peak:.3g}."
        made.append(Probe((step, steps, warmup, peak), "numbers", note))
    return made


def _rises_and_falls(function: Written, random: np.random.Generator) -> str | None:
    rate = [float(np.asarray(function(step, 60, 6, 1.0))) for step in range(60)]
    if any(b < a for a, b in pairwise(rate[:6])):
        return "it falls during the warm-up."
    if any(b > a for a, b in pairwise(rate[6:])):
        return "it rises after the warm-up."
    return None if max(rate) == 1.0 else f"its largest value is {max(rate):.4g}, where the peak is 1."


def replaces(function: Written) -> list[Swap]:
    return [Swap(sys.modules[rates.__module__], "learning_rate", function)]


def in_engine() -> list[Array]:
    return [np.array([float(np.asarray(rate)) for rate in rates(30, 3, 0.5)])]


EXERCISE = Exercise(
    slug="schedule",
    title="Warm up, cool down",
    chapter=9,
    function="learning_rate",
    text=prose("""
        At the start the gradients are wild, and large steps do harm. Later, large
        steps make progress; at the end, small ones find the bottom. So the learning
        rate changes from step to step:

        - In the first `warmup` steps it rises in equal parts: 1/warmup of the peak in
          step 0, 2/warmup in step 1, ..., and the whole peak in step warmup - 1.
        - Then it falls along half a cosine wave, from the peak towards 0:

              peak * (1 + cos(pi * done)) / 2

          where done is the share of the steps after the warm-up that are behind us:
          0 in step warmup, and 1 in step `steps` (which is never taken).

        Given: step, from 0 on; steps, how many there are; warmup; peak.
        Write: return the learning rate in this step. math.cos and math.pi are given.
    """),
    template=code('''
        import math


        def learning_rate(step, steps, warmup, peak):
            """Return the learning rate in this step."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "Two cases: step < warmup, and the rest. Try the first and the last step of each by hand.",
        "In the warm-up: peak * (step + 1) / warmup. After it, step - warmup steps are done, of steps - warmup.",
        "After the warm-up:\n\n    done = (step - warmup) / (steps - warmup)\n"
        "    return peak * (1 + math.cos(math.pi * done)) / 2",
    ),
    solution=code('''
        import math


        def learning_rate(step, steps, warmup, peak):
            """Return the learning rate in this step."""
            if step < warmup:
                return peak * (step + 1) / warmup
            done = (step - warmup) / (steps - warmup)
            return peak * (1 + math.cos(math.pi * done)) / 2
    '''),
    why=prose("""
        The cosine is flat at both ends: it stays long near the peak, falls quickly in
        the middle, and ends gently. The exact form matters little; that the rate
        falls matters much, since with a constant one the weights dance around the
        bottom at a distance that is proportional to the rate.

        In the engine: minigrad/optim/lr_scheduler/cosine.py.
    """),
    returns=("rate",),
    probes=probes,
    mistakes=(
        Mistake(
            "warm-up begins at 0",
            {"(step + 1) / warmup": "step / warmup"},
            "The first step has the rate 0, and does nothing: (step + 1) / warmup.",
        ),
        Mistake(
            "no warm-up",
            {"if step < warmup": "if False"},
            "The warm-up is missing: in its steps the rate rises in equal parts.",
        ),
        Mistake(
            "warm-up counted in the cosine",
            {"(step - warmup) / (steps - warmup)": "step / steps"},
            "The cosine began with step 0. It begins after the warm-up: (step - warmup) / (steps - warmup).",
        ),
        Mistake(
            "degrees instead of pi",
            {"math.pi * done": "180 * done"},
            "math.cos takes radians: half a wave is math.pi, not 180.",
        ),
        Mistake(
            "whole wave",
            {"math.pi * done": "2 * math.pi * done"},
            "This is a whole wave: it rises again. Half a wave is math.pi * done.",
        ),
        Mistake(
            "1 + forgotten",
            {"(1 + math.cos(math.pi * done)) / 2": "math.cos(math.pi * done)"},
            "The cosine alone goes to -1. (1 + cos) / 2 goes from 1 to 0.",
        ),
        Mistake(
            "straight line",
            {"(1 + math.cos(math.pi * done)) / 2": "(1 - done)"},
            "This falls on a straight line. The rate should follow the cosine.",
        ),
        Mistake(
            "rises instead of falling",
            {"1 + math.cos": "1 - math.cos"},
            "It rises after the warm-up: 1 + cos, not 1 - cos.",
        ),
        Mistake(
            "last step reaches 0",
            {"(steps - warmup)": "(steps - warmup - 1)"},
            "done is 1 in the last step, which then does nothing. It should be 1 in step `steps`, after the last one.",
        ),
        Mistake(
            "half forgotten",
            {"(1 + math.cos(math.pi * done)) / 2": "(1 + math.cos(math.pi * done))"},
            "1 + cos runs from 2 to 0: divide by 2.",
        ),
        Mistake(
            "warm-up one step too slow",
            {"(step + 1) / warmup": "(step + 1) / (warmup + 1)"},
            "The peak is reached one step late: divide by warmup.",
        ),
        Mistake(
            "whole cosine over all steps",
            {"(steps - warmup)": "steps"},
            "The way down takes the steps after the warm-up, steps - warmup.",
        ),
        Mistake(
            "sine instead of cosine",
            {"1 + math.cos": "1 + math.sin"},
            "This is the sine. The cosine falls from 1 to -1 on the way from 0 to pi.",
        ),
        Mistake(
            "pi forgotten",
            {"math.pi * done": "done"},
            "pi is missing. The cosine comes down to -1 at pi: math.cos(math.pi * done).",
        ),
        Mistake(
            "whole-number division",
            {"(step - warmup) / (steps": "(step - warmup) // (steps"},
            "// divides and drops the fraction, so done stays 0. / divides.",
        ),
        Mistake(
            "quarter of a wave",
            {
                "peak * (1 + math.cos(math.pi * done)) / 2": "peak * math.cos(math.pi * done / 2)",
            },
            "This falls along a quarter of a cosine wave. Half a wave begins flat and ends flat: (1 + "
            "cos(pi * done)) / 2.",
        ),
        Mistake(
            "exponential",
            {
                "peak * (1 + math.cos(math.pi * done)) / 2": "peak * math.exp(-done)",
            },
            "This falls as an exponential. A cosine is asked for, which ends at 0.",
        ),
        Mistake(
            "return missing",
            {
                "return peak * (step + 1) / warmup": "peak = peak * (step + 1) / warmup",
            },
            "The warm-up changes peak, and then the cosine is applied as well. Return the rate of the warm-up at once.",
        ),
        Mistake(
            "square of the warm-up",
            {
                "(step + 1) / warmup": "((step + 1) / warmup) ** 2",
            },
            "The warm-up rises along a parabola. It rises in equal parts.",
        ),
        Mistake(
            "constant after the warm-up",
            {
                "peak * (1 + math.cos(math.pi * done)) / 2": "peak",
            },
            "The rate stays at the peak. After the warm-up it falls along a cosine.",
        ),
    ),
    teaches=frozenset({"math", "math.cos", "math.pi"}),
    terms=frozenset({"warm-up"}),
    properties=(Property("it rises in the warm-up, reaches the peak, and falls from then on", _rises_and_falls),),
    replaces=replaces,
    in_engine=in_engine,
    replaced="the learning rate of the milestone",
)
