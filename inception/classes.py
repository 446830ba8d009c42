"""Classes: matched by their names, never by their positions."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from minigrad.printable import printable

SHOWN = 5  # names in a message


def class_names(known: Sequence[str], count: int) -> tuple[str, ...]:
    """Return ``count`` names of classes: the known ones, and numbers for the others."""
    return (*known, *(f"class {i}" for i in range(len(known), count)))


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, those that occur more than once with the number of their class: "crane (class 134)"."""
    counts = Counter(names)
    return tuple(name if counts[name] == 1 else f"{name} (class {i})" for i, name in enumerate(names))


def read_names(path: Path) -> tuple[str, ...]:
    """Return the names of classes in a text file, one per line.

    Raises:
        ValueError: if it is no text in UTF-8, or has an empty line between names, or a name with a character that
            controls the terminal.
    """
    try:
        names = path.read_text(encoding="utf-8-sig").rstrip().split("\n")  # not at characters that end lines elsewhere
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected names of classes, one per line, as text in UTF-8") from None
    if "" in (stripped := [name.strip() for name in names]):
        raise ValueError(f"{path}: line {stripped.index('') + 1} is empty: expected the name of a class on each line")
    for number, name in enumerate(stripped, 1):
        if printable(name) != name:
            raise ValueError(f"{path}: line {number} has a character that cannot be printed: {printable(name):.100}")
    return tuple(stripped)


def places(names: Sequence[str], among: Sequence[str], names_are: str, among_are: str) -> list[int]:
    """Return the place of each of ``names`` in ``among``; names are equal if they look equal (Unicode's form NFC).

    Args:
        names_are, among_are: the beginnings of two sentences for an error, such as "the images are of".

    Raises:
        ValueError: if a name is not there, or there twice.
    """
    wanted, there = _composed(names), _composed(among)
    if wanted == there:
        return list(range(len(names)))
    known = set(there)
    unknown = [name for name, form in zip(names, wanted, strict=True) if form not in known]
    if unknown:
        raise ValueError(
            f"{names_are} {listed(names)}; {among_are} {listed(among)}. Not among these: {listed(unknown)}"
        )
    counts = Counter(there)
    twice = [name for name, form in zip(names, wanted, strict=True) if counts[form] > 1]
    if twice:
        raise ValueError(f"{among_are} {listed(twice)} more than once, so the names do not tell which is which")
    place = {form: i for i, form in enumerate(there)}
    return [place[form] for form in wanted]


def same(names: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether these are the same names in the same order."""
    return _composed(names) == _composed(others)


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many follow."""
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest:,} more" if rest > 0 else "")


def _composed(names: Sequence[str]) -> list[str]:
    return [unicodedata.normalize("NFC", name) for name in names]
