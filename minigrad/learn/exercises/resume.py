"""Exercise: everything that a training needs to go on."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from typing import cast

import numpy as np

from minigrad.learn.outcome import NotYetError, UnwrittenError, kind
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.restart import Training, interrupted
from minigrad.typing import Array


def run(function: Written, training: Training, more: int) -> tuple[Array, Array]:
    """Return the weights after a training was interrupted, and those of the one that went on."""
    saved = function(training)
    if not isinstance(saved, dict):
        raise NotYetError(f"Your function returned {kind(saved)}, where a dictionary must be.")
    if any(value is ... for value in saved.values()):
        raise UnwrittenError("Write checkpoint first: there is still a `...` in your dictionary.")
    if isinstance(saved.get("random", {}), np.random.Generator):
        text = 'saved["random"] is the generator, which goes on drawing. Save its state: bit_generator.state.'
        raise NotYetError(text, "generator for its state")
    training.take(more)  # it goes on, and must not change what was saved
    fresh = Training(seed=99)
    fresh.restore(cast(Mapping[str, object], saved))
    fresh.take(more)
    return fresh.weights, training.weights


def probes(random: np.random.Generator) -> list[Probe]:
    made = []
    for steps, more, stage in ((1, 1, "one element"), (3, 1, "numbers"), (4, 5, "numbers")):
        training = Training(seed=steps)
        training.take(steps)
        note = f"Saved after {steps} step(s); both trainings then take {more} more."
        made.append(Probe((training, more), stage, note))
    return made


def _twice(function: Written, random: np.random.Generator) -> str | None:
    straight, other = Training(seed=5), Training(seed=5)
    straight.take(9)
    for _ in range(3):
        other.take(3)
        saved = copy.deepcopy(cast(Mapping[str, object], function(other)))
        other = Training(seed=77)
        other.restore(saved)
    return None if np.array_equal(straight.weights, other.weights) else "with two interruptions it ends elsewhere."


def replaces(function: Written) -> list[Swap]:
    return [Swap(sys.modules[interrupted.__module__], "checkpoint", function)]


EXERCISE = Exercise(
    slug="resume",
    title="Go on where it stopped",
    chapter=12,
    function="checkpoint",
    text=prose("""
        A training takes days, and machines stop. If it is to go on as though nothing
        had happened, to the last bit, *everything* must be saved that the next steps
        depend on. Weights alone are not enough.

        Given: training, an object with
            training.weights    an array, changed in place by each step
            training.momentum   an array, the momentum buffer, likewise
            training.step       an int: the learning rate depends on it
            training.random     a NumPy generator, which chooses the batches;
                                training.random.bit_generator.state is its state
        Write: return a dictionary, the checkpoint, with the keys "weights", "momentum",
            "step" and "random" (the state of the generator).

        The training goes on at once. What you return must stay what it was.
        copy.deepcopy(x) copies anything.
    """),
    template=code('''
        import copy


        def checkpoint(training):
            """Return all that the next steps depend on."""
            return {
                "weights": ...,
            }
    '''),
    hints=(
        "Four keys. Ask of each: would the next step be different without it?",
        "training.weights is changed in place by the next step. If you return the array itself, your checkpoint "
        "changes with it. Return a copy.",
        'The last of the four is the only one that needs thought:\n\n    "random": copy.deepcopy(\n'
        "        training.random.bit_generator.state)",
    ),
    solution=code('''
        import copy


        def checkpoint(training):
            """Return all that the next steps depend on."""
            return {
                "weights": training.weights.copy(),
                "momentum": training.momentum.copy(),
                "step": training.step,
                "random": copy.deepcopy(training.random.bit_generator.state),
            }
    '''),
    why=prose("""
        Each of the four has been forgotten in a real project, and none of them gives
        an error: the loss jumps a little (momentum), the rate starts again (step), or
        the same batches come twice (random). The test for it is the one that was
        made here: stop and resume must be *equal* to going on, to the last bit.

        NumPy makes a new dictionary whenever a generator's state is read, so here
        the copy is only a precaution; that of the arrays is not.

        In the engine: inception/state.py and minigrad/checkpoint.py.
    """),
    returns=("resumed", "straight"),
    run=run,
    probes=probes,
    mistakes=(
        Mistake(
            "weights not copied",
            {"training.weights.copy()": "training.weights"},
            "The array of the weights was returned itself, and the training went on to change it. Copy it.",
        ),
        Mistake(
            "momentum not copied",
            {"training.momentum.copy()": "training.momentum"},
            "The momentum buffer was returned itself, and the training went on to change it. Copy it.",
        ),
        Mistake(
            "momentum forgotten",
            {'        "momentum": training.momentum.copy(),\n': ""},
            "The momentum is missing: the resumed training starts from rest.",
        ),
        Mistake(
            "step forgotten",
            {'        "step": training.step,\n': ""},
            "The number of the step is missing: the schedule starts again.",
        ),
        Mistake(
            "random state forgotten",
            {'        "random": copy.deepcopy(training.random.bit_generator.state),\n': ""},
            "The state of the generator is missing: the resumed training takes other batches.",
        ),
        Mistake(
            "weights forgotten",
            {'        "weights": training.weights.copy(),\n': ""},
            "The weights are missing: the resumed training begins with new ones.",
        ),
        Mistake(
            "only the weights",
            {
                '        "momentum": training.momentum.copy(),\n': "",
                '        "step": training.step,\n': "",
                '        "random": copy.deepcopy(training.random.bit_generator.state),\n': "",
            },
            "Only the weights were saved. The momentum, the step and the random state matter as well.",
        ),
        Mistake(
            "off by one step",
            {"training.step,": "training.step + 1,"},
            "The step is one too large: training.step is the next one already.",
        ),
        Mistake(
            "another random state",
            {
                "(training.random.bit_generator.state)": "(type(training.random.bit_generator)(0).state)",
            },
            "This is the state of another generator. That of training.random belongs here.",
        ),
        Mistake(
            "off by one step",
            {
                "training.step,": "training.step - 1,",
            },
            "step is one too small. The steps taken so far are training.step.",
        ),
        Mistake(
            "precision lost",
            {
                "training.weights.copy()": "training.weights.astype('float32')",
            },
            "The weights are rounded to float32. To the last bit means: copy them as they are.",
        ),
        Mistake(
            "weights twice",
            {
                "training.momentum.copy()": "training.weights.copy()",
            },
            "The momentum of the checkpoint is a copy of the weights.",
        ),
    ),
    teaches=frozenset({"copy", "copy.deepcopy", ".weights", ".momentum", ".bit_generator", ".state"}),
    terms=frozenset({"checkpoint"}),
    properties=(Property("a training that is interrupted twice ends where it would have without", _twice),),
    replaces=replaces,
    in_engine=lambda: [interrupted()],
    replaced="the checkpoint of a training",
)
