"""Text from outside, such as the names of files and classes, made safe to show.

A name may contain anything: a line break, a sequence that recolours or clears the terminal, a character that reverses
the reading order, bytes that are no text. It is shown as it is where that is harmless, and as an escape where not.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

JOINERS = "\u200c\u200d"  # invisible, but part of how Persian, Indian scripts and some emoji are written
WIDE = ("W", "F")  # of Unicode's East Asian width: two columns of a terminal
ELLIPSIS = "…"


def printable(text: object) -> str:
    """Return a text in one line, with every character that is not plainly visible as its escape.

    >>> print(printable("cat\\x1b[31m\\n"))
    cat\\x1b[31m\\n
    """
    return "".join(character if _is_harmless(character) else _escape(character) for character in str(text))


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character in JOINERS or unicodedata.category(character) == "Zs"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name that is not UTF-8, as Python represents it
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def columns(text: str) -> int:
    """Return how many columns of a terminal a printable text takes: Chinese characters take two, accents none.

    >>> columns("cat"), columns("猫")
    (3, 2)
    """
    return sum(_columns_of(character) for character in text)


def _columns_of(character: str) -> int:
    if character in JOINERS or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in WIDE else 1


def padded(text: str, width: int) -> str:
    """Return a printable text followed by spaces up to a width in columns."""
    return text + " " * (width - columns(text))


def shortened(text: str, width: float, measure: Callable[[str], float] = columns) -> str:
    """Return a text with as much of its middle left out as is needed for a width. Names often differ at their end.

    Args:
        width: the most that ``measure`` may return, by default columns of a terminal.

    >>> shortened("Siberian husky", 9)
    'Sibe…usky'
    """
    if measure(text) <= width:
        return text
    fits, too_long = 0, len(text)  # the number of characters kept
    while too_long - fits > 1:
        kept = (fits + too_long) // 2
        if measure(_without_middle(text, kept)) <= width:
            fits = kept
        else:
            too_long = kept
    return _without_middle(text, fits)


def _without_middle(text: str, kept: int) -> str:
    tail = kept // 2
    return text[: kept - tail].rstrip() + ELLIPSIS + text[len(text) - tail :].lstrip()
