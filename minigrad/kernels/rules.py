"""Optimiser rules: how a parameter moves, as a formula and, for some, as a loop of the backends.

A rule states its formula once, in ``step``. A backend runs that formula, block by block and in several threads where it
can, unless a loop is registered for the very class of the rule: then one loop, or one launch on a GPU, moves all
parameters that have the same options. A rule that is derived from another one has a formula of its own and no loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import ClassVar, NamedTuple, get_type_hints

from minigrad.typing import Array


@dataclass(slots=True)
class Rule:
    """The formula by which an optimiser moves one parameter. A subclass is a dataclass of the numbers in its formula.

    ``step(p, g, *arrays)`` changes a parameter p, whose gradient is g, and the arrays that the optimiser keeps for it,
    all in place and element by element: a backend may call it on parts of them. It must not change g.
    """

    #: The arrays that ``step`` takes after p and g, in that order: the name of each in the optimiser's state, and the
    #: option of the parameter's group without which the array is None ("" if it is always there).
    arrays: ClassVar[dict[str, str]] = {}
    step: ClassVar[Callable[..., None]]


class Move(NamedTuple):
    """One parameter's move: a rule, and the arrays that its ``step`` takes."""

    rule: Rule
    arrays: Sequence[Array | None]  # the parameter, its gradient, and those of ``Rule.arrays``

    def run(self) -> None:
        """Apply the formula."""
        self.rule.step(*self.arrays)


_loops: dict[type[Rule], str] = {}


def register_loop(rule: type[Rule], loop: str) -> None:
    """Let the backends compute a rule with the loop of this name in compiled/rules.py and in gpu/kernels.cu.

    The loop takes the rule's numbers in the order of its fields, after the arrays in the order of ``Rule.arrays``.
    """
    _loops[rule] = loop


def loop_of(rule: Rule) -> str | None:
    """Return the name of the loop that is registered for a rule, or None."""
    return _loops.get(type(rule))


def numbers_of(rule: Rule) -> tuple[float | bool, ...]:
    """Return the numbers of a rule in the order of its fields, each converted to the type that its field has."""
    return tuple([kind(getattr(rule, name)) for name, kind in _fields(type(rule))])  # type: ignore[arg-type]


@cache
def _fields(rule: type[Rule]) -> list[tuple[str, type[float] | type[bool]]]:
    types = get_type_hints(rule)
    return [(field.name, types[field.name]) for field in fields(rule)]
