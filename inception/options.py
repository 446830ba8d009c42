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
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, NamedTuple, TypeVar, get_args, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
_LARGEST = 2**63  # whole numbers beyond it fit into no other type
METAVARS = {int: "N", float: "X", str: "NAME", Path: "FOLDER"}


@dataclass(frozen=True)
class Option:
    """The description of an option and the limits of its value."""

    text: str
    choices: tuple[str, ...] = ()
    above: float | None = None
    at_least: float | None = None
    between: tuple[float, float] | None = None
    below: float | None = None
    metavar: str | None = None
    group: str | None = None

    def check(self, flag: str, kind: type, value: object) -> None:
        """Raise ValueError for a value outside the limits, or of another type."""
        if self.choices and value not in self.choices:
            raise ValueError(f"{flag} {value!r} is unknown; choose from: {', '.join(self.choices)}")
        name, types = _KINDS[kind]
        if not isinstance(value, types) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{flag} must be {name}, got {value!r}")
        if kind not in (int, float) or not isinstance(value, int | float):
            return
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise ValueError(
                f"{flag} must be {self.limits or 'a number'} and far smaller, got one of {value.bit_length()} bits"
            )
        outside = (
            not math.isfinite(value)
            or (self.above is not None and not value > self.above)
            or (self.at_least is not None and not value >= self.at_least)
            or (self.below is not None and not value < self.below)
            or (self.between is not None and not self.between[0] <= value <= self.between[1])
        )
        if outside:
            limits = self.limits or "a number"
            raise ValueError(f"{flag} must be {limits}{'' if math.isfinite(value) else ' and finite'}, got {value}")

    @property
    def limits(self) -> str:
        """The limits of a number in words; empty if there are none."""
        if self.between is not None:
            return f"between {self.between[0]:g} and {self.between[1]:g}"
        words = []
        if self.above is not None:
            words.append(f"above {self.above:g}")
        if self.at_least is not None:
            words.append(f"at least {self.at_least:g}")
        if self.below is not None:
            words.append(f"below {self.below:g}")
        return " and ".join(words)

    @property
    def values(self) -> str:
        """The allowed values in words; empty if every value is allowed."""
        return ", ".join(f"`{choice}`" for choice in self.choices) or self.limits


#: By the type of an option: its name in messages, and the types of values that it may have.
_KINDS: dict[type, tuple[str, tuple[type, ...]]] = {
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    bool: ("true or false", (bool,)),
    str: ("a text", (str,)),
    Path: ("a path", (str, Path)),
}


def option(
    default: T,
    text: str,
    *,
    choices: Iterable[str] = (),
    above: float | None = None,
    at_least: float | None = None,
    between: tuple[float, float] | None = None,
    below: float | None = None,
    metavar: str | None = None,
    group: str | None = None,
) -> T:
    """Return a dataclass field that is also an option.

    Args:
        default: the value of the field unless given.
        text: one sentence for ``--help`` and the documentation.
        choices: the only values allowed.
        above, at_least, between, below: limits of a number; None, for "not set", passes. Every number must be finite.
        metavar: the name of the value in ``--help``; by default one that follows from the type.
        group: the title under which ``--help`` lists it.
    """
    described = Option(text, tuple(choices), above, at_least, between, below, metavar, group)
    return field(default=default, metadata={"option": described})


class Field(NamedTuple):
    """A field that is an option."""

    name: str
    kind: type  # str, int, float, bool or Path; for ``int | None`` it is int
    default: object
    option: Option

    @property
    def flag(self) -> str:
        """The option as it is typed."""
        return flag(self.name)

    def check(self, value: object) -> None:
        """Raise ValueError for a value outside the limits, or of another type; None, for "not set", passes."""
        if value is not None:
            self.option.check(self.flag, self.kind, value)


def as_text(given: str) -> str:
    """Return an argument of the command line that names a file or the like.

    It must not be empty, as it is if a variable of the shell is not set, and nothing is downloaded.
    """
    if not given.strip():
        raise argparse.ArgumentTypeError("is empty; is a variable of the shell not set?")
    if "://" in given:
        raise argparse.ArgumentTypeError(f"{given} is an address; download the files first")
    return given


def as_path(given: str) -> Path:
    """Return an argument of the command line as a path. An empty one would be the current folder."""
    return Path(as_text(given))


def flag(name: str) -> str:
    """Return a field's option as it is typed."""
    return "--" + name.replace("_", "-")


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
    for each in options_of(type(values)):
        each.check(getattr(values, each.name))


def add_options(
    parser: argparse.ArgumentParser, cls: type[DataclassInstance], group: str, defaults_from: str | None = None
) -> None:
    """Add the options of a dataclass to a parser, each under the title of its group.

    With ``defaults_from``, the name of what decides the defaults, an option that is not given becomes None, so that
    the caller can tell; yes-or-no options then have a ``--no-`` form too.

    Args:
        group: the title of those that have none.
    """
    groups: dict[str, argparse._ArgumentGroup] = {}
    for each in options_of(cls):
        title = each.option.group or group
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        _add(groups[title], each, defaults_from)


def _add(parser: argparse._ActionsContainer, added: Field, defaults_from: str | None) -> None:
    described, help_text = added.option, added.option.text.replace("%", "%%")
    if added.kind is bool:
        if defaults_from is None:
            parser.add_argument(added.flag, help=help_text, action="store_true")
        else:
            help_text += " (on)" if added.default else ""
            parser.add_argument(added.flag, help=help_text, action=argparse.BooleanOptionalAction, default=None)
        return
    if added.default is not None:
        help_text += f" ({added.default})" if defaults_from is None else f" ({defaults_from}: {added.default})"
    value = None if defaults_from is not None else added.default
    if described.choices:
        parser.add_argument(added.flag, help=help_text, type=added.kind, default=value, choices=described.choices)
    else:
        metavar = described.metavar or METAVARS[added.kind]
        readers: dict[type, Callable[[str], object]] = {str: as_text, Path: as_path}
        kind = readers.get(added.kind, added.kind)
        parser.add_argument(added.flag, help=help_text, type=kind, default=value, metavar=metavar)


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
