"""Options: each is stated once, as a field of a dataclass.

    @dataclass(frozen=True)
    class Recipe:
        lr: float = option(0.001, "learning rate", above=0)

        def __post_init__(self) -> None:
            check(self)

From the fields follow the options of a command line (:func:`add_options`), the checks of their values (:func:`check`)
and a table for the documentation (:func:`table`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, NamedTuple, TypeVar, get_args, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
METAVARS = {int: "N", float: "X", str: "NAME", Path: "FOLDER"}


@dataclass(frozen=True)
class Option:
    """The description of an option and the limits of its value."""

    text: str
    choices: tuple[str, ...]
    above: float | None
    at_least: float | None
    between: tuple[float, float] | None
    meaning: str | None
    metavar: str | None

    def check(self, name: str, value: object) -> None:
        """Raise ValueError for a value outside the limits."""
        if self.choices and value not in self.choices:
            raise ValueError(f"{name} {value!r} is unknown; choose from: {', '.join(self.choices)}")
        if not isinstance(value, int | float):
            return
        name = self.meaning or name.replace("_", " ")
        if self.above is not None and not value > self.above:
            raise ValueError(f"{name} must be above {self.above}, got {value}")
        if self.at_least is not None and not value >= self.at_least:
            raise ValueError(f"{name} must be at least {self.at_least}, got {value}")
        if self.between is not None and not self.between[0] <= value <= self.between[1]:
            raise ValueError(f"{name} must be between {self.between[0]} and {self.between[1]}, got {value}")

    @property
    def values(self) -> str:
        """The allowed values in words; empty if every value is allowed."""
        if self.choices:
            return ", ".join(f"`{choice}`" for choice in self.choices)
        if self.between is not None:
            return f"{self.between[0]} to {self.between[1]}"
        if self.above is not None:
            return f"above {self.above}"
        return "" if self.at_least is None else f"at least {self.at_least}"


def option(
    default: T,
    text: str,
    *,
    choices: Iterable[str] = (),
    above: float | None = None,
    at_least: float | None = None,
    between: tuple[float, float] | None = None,
    meaning: str | None = None,
    metavar: str | None = None,
) -> T:
    """Return a dataclass field that is also an option.

    Args:
        default: the value of the field unless given.
        text: one sentence for ``--help`` and the documentation.
        choices: the only values allowed.
        above, at_least, between: limits of a number; None, for "not set", passes.
        meaning: the name of the option in error messages; by default the field's name.
        metavar: the name of the value in ``--help``; by default one that follows from the type.
    """
    described = Option(text, tuple(choices), above, at_least, between, meaning, metavar)
    return field(default=default, metadata={"option": described})


class Field(NamedTuple):
    """A field that is an option."""

    name: str
    kind: type  # str, int, float, bool or Path; for ``int | None`` it is int
    default: object
    option: Option

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


@cache
def options_of(cls: type[DataclassInstance]) -> tuple[Field, ...]:
    """Return the options of a dataclass, in the order of its fields."""
    hints = get_type_hints(cls)
    found = []
    for each in fields(cls):
        if "option" in each.metadata:
            hint = hints[each.name]
            kind = next((part for part in get_args(hint) if part is not NoneType), hint)
            found.append(Field(each.name, kind, each.default, each.metadata["option"]))
    return tuple(found)


def check(values: DataclassInstance) -> None:
    """Check every option of a dataclass against its limits.

    Raises:
        ValueError: for the first one outside them.
    """
    for name, _, _, described in options_of(type(values)):
        value = getattr(values, name)
        if value is not None:
            described.check(name, value)


def add_options(
    parser: argparse._ActionsContainer, cls: type[DataclassInstance], defaults_from: str | None = None
) -> None:
    """Add the options of a dataclass to a parser.

    With ``defaults_from``, the name of what decides the defaults, an option that is not given becomes None, so that
    the caller can tell; yes-or-no options then have a ``--no-`` form too.
    """
    for name, kind, default, described in options_of(cls):
        flag, text = "--" + name.replace("_", "-"), described.text
        if kind is bool:
            if defaults_from is None:
                parser.add_argument(flag, help=text, action="store_true")
            else:
                parser.add_argument(flag, help=text, action=argparse.BooleanOptionalAction, default=None)
            continue
        if default is not None:
            text += f" ({default})" if defaults_from is None else f" ({defaults_from}: {default})"
        value = None if defaults_from is not None else default
        if described.choices:
            parser.add_argument(flag, help=text, type=kind, default=value, choices=described.choices)
        else:
            parser.add_argument(flag, help=text, type=kind, default=value, metavar=described.metavar or METAVARS[kind])


def table(cls: type[DataclassInstance]) -> str:
    """Return the options of a dataclass as a Markdown table."""
    rows = ["| option | default | values | meaning |", "|---|---|---|---|"]
    for each in options_of(cls):
        if each.kind is bool:
            flag, default = f"`{each.flag}`, `--no-{each.flag[2:]}`", "on" if each.default else "off"
        else:
            flag, default = f"`{each.flag}`", "" if each.default is None else f"`{each.default}`"
        text = each.option.text.replace("*", "\\*")
        rows.append(f"| {flag} | {default} | {each.option.values} | {text} |")
    return "\n".join(rows)
