"""Run a milestone: train its network with the learner's functions in place of the engine's, and once without them.

A program that has such networks calls :func:`main` with them (milestone_training.py, and inception/milestone.py):

    python -m PROGRAM NAME FOLDER RESULT

trains the network NAME with the functions in FOLDER, prints how it goes, and writes the end as JSON to the file RESULT.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from minigrad.files import write_atomically
from minigrad.learn.advice import where
from minigrad.learn.exercises import EXERCISES
from minigrad.learn.folder import Folder, find
from minigrad.learn.judge import is_unwritten
from minigrad.learn.outcome import NotYetError, load
from minigrad.learn.record import Written
from minigrad.learn.swap import Counted, swapped
from minigrad.system import never_fail_to_print

#: The longest that a milestone may take with the learner's functions, in seconds, as estimated after its first step.
LONGEST = 600.0


@dataclass(frozen=True)
class Training:
    """One training: the loss of each step, and the share of right answers on new images."""

    losses: Iterator[float]
    steps: int
    accuracy: Callable[[], float] | None = None  #: None for a training too short to learn anything but a lower loss
    needed: float = 0.0  #: the accuracy of a network that has learned


#: Makes a network and its data anew, and returns the training of it.
Start: TypeAlias = Callable[[], Training]


class SlowError(Exception):
    """The learner's functions are too slow for the network."""


@contextmanager
def learners(functions: Mapping[str, Written]) -> Iterator[dict[str, Counted]]:
    """Put the functions of several exercises in place, in the order of the exercises; yield them with their counts."""
    counted = {}
    with ExitStack() as stack:
        for exercise in EXERCISES:
            if exercise.slug in functions and exercise.replaces:
                counted[exercise.slug] = Counted(functions[exercise.slug])
                stack.enter_context(swapped(exercise.replaces(counted[exercise.slug])))
        yield counted


def run(start: Start, functions: Mapping[str, Written], say: Callable[[str], None]) -> bool:
    """Train with the learner's functions, and then with the engine's for comparison; return whether it has learned.

    Raises:
        SlowError: if it would take too long.
    """
    with learners(functions) as counted:
        training, seconds, losses = _train(start, say, counted)
        accuracy = training.accuracy() if training.accuracy else None
    used = [f"{slug} {c.calls}x, {c.seconds:.1f} s" for slug, c in counted.items() if c.calls]
    say("")
    say("Your functions ran: " + "; ".join(used) + ".")
    _, engine_seconds, engine_losses = _train(start, lambda line: None, {})
    say(f"The last loss with yours is {losses[-1]:.4f}, with the engine's {engine_losses[-1]:.4f}.")
    say(f"It took {seconds:.1f} s with yours, and {engine_seconds:.1f} s with the engine's.")
    if accuracy is not None:
        say(f"On new images {100 * accuracy:.0f} % of the answers are right.")
        return accuracy >= training.needed
    return losses[-1] < losses[0]


def _train(
    start: Start, say: Callable[[str], None], counted: Mapping[str, Counted]
) -> tuple[Training, float, list[float]]:
    """Return the training, the seconds that its steps took, and their losses."""
    training = start()
    every = max(training.steps // 8, 1)
    losses = []
    begin = time.perf_counter()
    for step, loss in enumerate(training.losses, 1):
        losses.append(loss)
        if step % every == 0 or step == 1:
            say(f"    step {step:3} of {training.steps}    loss {loss:.4f}")
        if step == 1:
            _refuse_slow(counted, training.steps)
    return training, time.perf_counter() - begin, losses


def _refuse_slow(counted: Mapping[str, Counted], steps: int) -> None:
    """Refuse to train on if the learner's functions took too long in the first step."""
    seconds = {slug: c.seconds for slug, c in counted.items() if slug != "training_step"}  # which calls all others
    total = sum(seconds.values())
    if total * steps > LONGEST:
        slowest = max(seconds, key=lambda slug: seconds[slug])
        raise SlowError(
            f"Your functions took {total:.1f} s in the first step, so {steps} steps would take "
            f"{total * steps / 60:.0f} minutes. The slowest is {slowest}: {seconds[slowest]:.1f} s. It is right; but "
            "let NumPy do the inner loops (the second hint of the exercise says how), and check it again."
        )


def train_from_files(start: Start, folder: Path, result: Path) -> None:
    """Train with the files of a folder, print how it goes, and write whether the network has learned."""
    place = Folder(folder)
    progress, _ = place.progress()
    functions = {}
    try:
        for slug in progress.passed:
            exercise = find(slug)
            path = place.file(exercise)
            source = path.read_text(encoding="utf-8-sig")
            if not is_unwritten(source):
                functions[slug] = load(source, str(path), exercise.function)
        learned, lines = run(start, functions, _say), []
    except (SlowError, NotYetError, OSError) as problem:
        learned, lines = False, str(problem).split("\n")
    except Exception as error:
        frames = [str(place.file(find(slug))) for slug in functions]
        learned, lines = False, ["The training stopped with an error.", "", *_where(error, frames)]
    write_atomically(result, json.dumps({"learned": learned, "lines": lines}).encode())


def _where(error: Exception, paths: list[str]) -> list[str]:
    found = [where(error, path) for path in paths]
    best = next((text for text in found if text.lstrip().startswith("line ")), where(error, ""))
    return best.split("\n")


def _say(line: str) -> None:
    print(line, flush=True)


def main(starts: Mapping[str, Start]) -> None:
    """Do what the command line says: NAME FOLDER RESULT."""
    never_fail_to_print()
    name, folder, result = sys.argv[1:]
    try:
        train_from_files(starts[name], Path(folder), Path(result))
    except KeyboardInterrupt:  # the parent, which got it too, says so
        sys.exit(130)
