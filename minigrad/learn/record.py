"""The record of one exercise: its texts, what it asks for, how it is judged, and where it replaces the engine.

The judge (judge.py) knows no exercise. It reads these records, so a new exercise is one new file in exercises/.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from minigrad.typing import Array

#: A function that a learner wrote, or the one of a solution.
Written: TypeAlias = Callable[..., object]


@dataclass(frozen=True)
class Mistake:
    """A wrong solution, as edits of the right one, and the sentence that a learner reads who wrote it.

    ``edits`` maps pieces of the solution to what stands there instead. Without ``says`` the name is one of the common
    mistakes (diagnosis.py), which have a sentence of their own.
    """

    name: str
    edits: dict[str, str]
    says: str = ""

    def source(self, solution: str) -> str:
        """Return the wrong solution."""
        for right, wrong in self.edits.items():
            if right not in solution:
                raise ValueError(f"the mistake {self.name!r} edits {right!r}, which the solution does not contain")
            solution = solution.replace(right, wrong)
        return solution


@dataclass(frozen=True)
class Probe:
    """One call of the learner's function. ``stage`` is the step of the judge that makes it (judge.py)."""

    arguments: tuple[object, ...]
    stage: str = "numbers"
    note: str = ""  #: describes the arguments, for a reader
    measured: Callable[[], dict[str, Array]] | None = None  #: returns the difference quotients, by names of results


@dataclass(frozen=True)
class Property:
    """A sentence that holds for every input. ``holds`` returns None, or the reason why it does not."""

    sentence: str
    holds: Callable[[Written, np.random.Generator], str | None]


@dataclass(frozen=True)
class Swap:
    """An attribute of the engine, and what stands there while the learner's function replaces it."""

    owner: object
    name: str
    replacement: object


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise. Texts are plain, at most 78 columns wide, and understood without the engine's files."""

    slug: str  #: the name of the exercise, of its file, and on the command line
    title: str
    chapter: int  #: of the book
    function: str  #: the name of the function to write
    text: str  #: the question, what is given, and what to write
    template: str  #: the file that the learner gets, below the text
    hints: tuple[str, str, str]
    solution: str
    why: str
    returns: tuple[str, ...]  #: names of the results
    probes: Callable[[np.random.Generator], Sequence[Probe]]
    mistakes: tuple[Mistake, ...]
    teaches: frozenset[str]  #: names of Python and NumPy that this exercise introduces
    terms: frozenset[str] = frozenset()  #: words that this exercise explains
    changes: tuple[tuple[int, str], ...] = ()  #: arguments to change in place: positions and names
    properties: tuple[Property, ...] = ()
    replaces: Callable[[Written], Sequence[Swap]] | None = None
    in_engine: Callable[[], Sequence[Array]] | None = None  #: computes with the engine's function, or the learner's
    accepts: Callable[[tuple[object, ...], object], str | None] | None = None  #: judges a result that may differ
    run: Callable[..., object] | None = None  #: calls the function (its first argument); by default with the arguments
    replaced: str = ""  #: the engine's function in words, such as ``Mul.backward``
    plain: bool = field(default=False)  #: the results are no arrays


def code(text: str) -> str:
    """Return source code that stands indented in a record."""
    return textwrap.dedent(text).strip("\n") + "\n"


def prose(text: str) -> str:
    """Return text that stands indented in a record."""
    return textwrap.dedent(text).strip("\n")
