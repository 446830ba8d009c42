"""The learner's folder: one file for each exercise, which belongs to the learner, and a small file of the progress."""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from minigrad.files import write_atomically
from minigrad.learn.exercises import EXERCISES
from minigrad.learn.record import Exercise

PROGRESS = "progress.json"
COMMAND = "python -m minigrad.learn"
#: The folder of the exercises if none is named.
USUAL = Path("learn")


@dataclass
class Progress:
    """The exercises that have passed, the hints that were read, and the milestones that were reached, by names."""

    passed: list[str] = field(default_factory=list)
    hints: dict[str, int] = field(default_factory=dict)
    milestones: list[str] = field(default_factory=list)
    started: str = ""  #: the exercise that the learner named last to start with


class UnknownExerciseError(ValueError):
    """There is no exercise of this number or name."""


def number(exercise: Exercise) -> int:
    """Return the number of an exercise, from 1 on."""
    return EXERCISES.index(exercise) + 1


def file_name(exercise: Exercise) -> str:
    """Return the name of an exercise's file, such as ``01_multiply`` with its ending."""
    return f"{number(exercise):02}_{exercise.slug}.py"  # not a module: it is read, not imported


def find(name: str) -> Exercise:
    """Return the exercise of a number or a name, or of a file's name.

    Raises:
        UnknownExerciseError: naming what there is.
    """
    stem = Path(name).name.removesuffix(".py")
    for exercise in EXERCISES:
        if stem in (exercise.slug, str(number(exercise)), f"{number(exercise):02}", file_name(exercise)[:-3]):
            return exercise
    slugs = [exercise.slug for exercise in EXERCISES]
    close = [slug for slug in slugs if stem and (stem in slug or slug in stem)] or difflib.get_close_matches(
        stem, slugs
    )
    meant = f" Did you mean {' or '.join(close)}?" if close else ""
    raise UnknownExerciseError(
        f"there is no exercise {name!r}; they have the numbers 1 to {len(EXERCISES)}, and names.{meant} "
        f"See: {COMMAND} status"
    )


class Folder:
    """A learner's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def command(self, words: str) -> str:
        """Return a command line for this folder."""
        where = "" if self.path == USUAL else f" --folder {shlex.quote(str(self.path))}"
        return f"{COMMAND} {words}{where}"

    def exists(self) -> bool:
        """Return whether the exercises were started here."""
        return any(self.file(exercise).exists() for exercise in EXERCISES)

    def file(self, exercise: Exercise) -> Path:
        """Return the file of an exercise."""
        return self.path / file_name(exercise)

    def write_missing(self) -> list[Path]:
        """Write the files that are not there yet, and return them. Files that exist are never touched.

        Raises:
            OSError: if the folder cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        missing = [exercise for exercise in EXERCISES if not self.file(exercise).exists()]
        for exercise in missing:
            with open(self.file(exercise), "x", encoding="utf-8", newline="\n") as file:  # x: never overwrite
                file.write(first_text(exercise))
        return [self.file(exercise) for exercise in missing]

    def progress(self) -> tuple[Progress, str]:
        """Return the progress, and a warning if its file could not be read ("" if it could)."""
        path = self.path / PROGRESS
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Progress(), ""
        try:
            found = json.loads(text)
            known = {exercise.slug for exercise in EXERCISES}
            progress = Progress(
                [str(slug) for slug in found["passed"] if slug in known],
                {str(slug): int(count) for slug, count in found["hints"].items() if slug in known},
                [str(name) for name in found["milestones"]],
                found["started"] if found.get("started") in known else "",
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            path.replace(path.with_suffix(".json.unreadable"))
            return Progress(), (
                f"{path} could not be read; it was renamed to {path.name}.unreadable. Your exercises are safe: "
                f"`{self.command('check all')}` finds out again which of them pass."
            )
        return progress, ""

    def keep(self, progress: Progress) -> None:
        """Write the progress, completely or not at all."""
        write_atomically(self.path / PROGRESS, json.dumps(asdict(progress), indent=2).encode() + b"\n")

    def changes(self) -> Iterator[tuple[Exercise, float]]:
        """Yield each exercise whose file exists, and the time of its last change."""
        for exercise in EXERCISES:
            try:
                yield exercise, self.file(exercise).stat().st_mtime
            except OSError:
                continue


def first_text(exercise: Exercise) -> str:
    """Return the text of an exercise's file as the learner gets it."""
    n = number(exercise)
    head = f"Exercise {n}: {exercise.title}"
    commands = f"Check it:  python -m minigrad.learn check {n}      Stuck?  ... hint {n}"
    return f'"""{head}\n\n{exercise.text}\n\n{commands}\n"""\n\n{exercise.template}'


def next_exercise(progress: Progress) -> Exercise | None:
    """Return the exercise that the learner is at; None if all have passed.

    It is the one that was started by name. After it has passed, it is the first one behind it that has not passed, so a
    learner who begins in the middle goes on there. After the last exercise come those that were skipped.
    """
    if progress.started and progress.started not in progress.passed:
        return find(progress.started)
    start = number(find(progress.passed[-1])) if progress.passed else 0
    return next((e for e in (*EXERCISES[start:], *EXERCISES[:start]) if e.slug not in progress.passed), None)
