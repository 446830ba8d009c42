"""The texts of the command line, for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from minigrad.learn.exercises import EXERCISES
from minigrad.learn.folder import Folder, Progress, next_exercise, number
from minigrad.learn.judge import STEPS
from minigrad.learn.milestones import MILESTONES, milestone_after
from minigrad.learn.probing import probes
from minigrad.learn.record import Exercise

WIDTH = 78


def filled(text: str, indent: str = "") -> str:
    """Return text in lines of at most 78 columns. Short lines that are indented stay as they are."""
    lines: list[str] = []
    for line in text.split("\n"):
        own = indent + " " * (len(line) - len(line.lstrip()))
        if not line or (line.startswith(" ") and len(indent + line) <= WIDTH):
            lines.append((indent + line).rstrip())
        else:
            lines += textwrap.wrap(
                line.strip(), WIDTH, initial_indent=own, subsequent_indent=own, break_long_words=False,
                break_on_hyphens=False,
            )  # fmt: skip
    return "\n".join(lines)


def heading(exercise: Exercise) -> str:
    """Return the first line about an exercise."""
    title = f"{number(exercise)}. {exercise.title}"
    return f"{title}\n{'-' * len(title)}"


def task(exercise: Exercise, folder: Folder) -> str:
    """Return the text of an exercise, and where to write."""
    n = number(exercise)
    commands = {
        folder.command(f"check {n}"): "is it right?",
        folder.command(f"hint {n}"): "one hint of three",
        folder.command("watch"): "check whenever you save",
    }
    width = max(map(len, commands))
    return (
        f"{heading(exercise)}\n\n{exercise.text}\n\n"
        f"Write {exercise.function} in {folder.file(exercise)}\n\n"
        + "".join(f"    {command:<{width}}  {says}\n" for command, says in commands.items())
    )


def steps(exercise: Exercise, done: Sequence[str], failed: str) -> str:
    """Return the steps of the judge, with those that passed and the one that failed marked."""
    lines = [f"    [ok] {_step(exercise, step)}" for step in STEPS if step in done]
    if failed:
        lines.append(f"    [no] {_step(exercise, failed)}")
    return "\n".join(lines)


def _step(exercise: Exercise, step: str) -> str:
    if step == "engine":
        return f"in the engine, in place of {exercise.replaced}"
    if step == "properties":
        return exercise.properties[0].sentence
    if step == "one element" and not any(probe.measured for probe in probes(exercise)):
        return "small cases"
    return {**STEPS, "time": "it ends"}[step]


def passed(exercise: Exercise, progress: Progress, folder: Folder) -> str:
    """Return the text after an exercise has passed for the first time."""
    n = number(exercise)
    following = next_exercise(progress)
    milestone = milestone_after(exercise.slug)
    lines = [f"Passed: {n}. {exercise.title}.", "", "Why it is so", "", exercise.why, ""]
    lines.append(_with_command("The reference, to compare with yours:", folder.command(f"solution {n}")))
    if milestone and milestone.name not in progress.milestones:
        command = folder.command(f"milestone {milestone.name}")
        lines.append(_with_command("A milestone comes now; to repeat it:", command))
    if following is None:
        lines.append(f"All {len(EXERCISES)} exercises have passed.")
    else:
        lines.append(_with_command(f"Next: {number(following)}. {following.title}:", folder.command("start")))
    return "\n".join(lines)


def _with_command(text: str, command: str) -> str:
    """Return a text and a command on one line, or on two if one is too narrow."""
    line = f"{text}  {command}"
    return line if len(line) <= WIDTH else f"{text}\n    {command}"


def hints(exercise: Exercise, shown: int) -> str:
    """Return the first hints of an exercise."""
    lines = [heading(exercise)]
    for i, hint in enumerate(exercise.hints[:shown], 1):
        lines += ["", f"Hint {i} of {len(exercise.hints)}", "", filled(hint, "    ")]
    left = len(exercise.hints) - shown
    lines += ["", f"{left} left: the same command again." if left else "That was the last one."]
    return "\n".join(lines)


def solution(exercise: Exercise) -> str:
    """Return the reference solution and the explanation."""
    body = exercise.solution.rstrip()
    return f"{heading(exercise)}\n\n{body}\n\nWhy it is so\n\n{exercise.why}"


def status(progress: Progress, folder: Folder) -> str:
    """Return the path and where the learner is on it."""
    current = next_exercise(progress)
    lines = []
    for exercise in EXERCISES:
        mark = "[ok]" if exercise.slug in progress.passed else " -> " if exercise is current else "    "
        used = progress.hints.get(exercise.slug, 0)
        note = f"{used} hint{'s' * (used > 1)} read" if used else ""
        lines.append(f"{mark} {number(exercise):2}  {exercise.slug:18} {exercise.title:32} {note}".rstrip())
        milestone = milestone_after(exercise.slug)
        if milestone:
            reached = "[ok]" if milestone.name in progress.milestones else "    "
            lines.append(f"{reached}  *  {milestone.name:18} milestone: {milestone.title}")
    count = sum(milestone.name in progress.milestones for milestone in MILESTONES)
    lines += [
        "",
        f"{len(progress.passed)} of {len(EXERCISES)} exercises, and {count} of {len(MILESTONES)} milestones. "
        f"Your files are in {folder.path}.",
    ]
    return "\n".join(lines)
