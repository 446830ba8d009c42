"""Sphinx extension: the directive `exercises`, which lists the exercises of a chapter (python -m minigrad.learn)."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from minigrad.learn.exercises import EXERCISES
from minigrad.learn.folder import number
from minigrad.learn.milestones import milestone_after
from minigrad.learn.record import Exercise

_NAME_IN_CODE = re.compile(r"\b(?=\w*[._]\w)[\w.]*\w")


def line(exercise: Exercise) -> str:
    """Return what a chapter says of an exercise, in Markdown.

    >>> line(EXERCISES[0])
    '- **1 · The product rule**: write `multiply_backward`, which replaces `Mul.backward`.'
    """
    milestone = milestone_after(exercise.slug)
    replaced = _NAME_IN_CODE.sub(r"`\g<0>`", exercise.replaced)
    after = f" **Milestone: {milestone.title}.**" if milestone else ""
    title = f"**{number(exercise)} · {exercise.title}**"
    return f"- {title}: write `{exercise.function}`, which replaces {replaced}.{after}"


def lines_of_chapter(chapter: int) -> list[str]:
    """Return the exercises of a chapter, and how to check the first, as lines of Markdown."""
    chosen = [exercise for exercise in EXERCISES if exercise.chapter == chapter]
    if not chosen:
        return ["Here is no function to write; these are for paper and the prompt:"]
    start = "python -m minigrad.learn start     # writes all exercises into ./learn, once"
    return [*map(line, chosen), "", "```shell", start, f"python -m minigrad.learn check {chosen[0].slug}", "```"]


class Exercises(SphinxDirective):
    """List the exercises of the chapter whose number is the argument."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(lines_of_chapter(int(self.arguments[0]))))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the directive."""
    app.add_directive("exercises", Exercises)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
