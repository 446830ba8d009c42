"""Wording: numbers with their nouns."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """Return a number with its noun in the singular or plural.

    >>> counted(1, "image"), counted(2_000, "training image"), counted(0, "class"), counted(2, "epoch")
    ('1 image', '2,000 training images', '0 classes', '2 epochs')
    """
    return f"{number:,} {noun(number, what)}"


def noun(number: int, what: str) -> str:
    """Return a noun in the form that stands behind a number."""
    return what if number == 1 else what + ("es" if what.endswith(("s", "tch")) else "s")
