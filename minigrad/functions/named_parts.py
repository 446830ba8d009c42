"""Print a result of several parts, such as values and indices, with a part on each line, as torch does."""

from __future__ import annotations

from typing import Any


def by_line(result: Any) -> str:
    """Return the name of a named tuple and each of its parts, ``ValuesAndIndices(⏎values=…,⏎indices=…)``."""
    parts = ",\n".join(f"{name}={part!r}" for name, part in result._asdict().items())
    return f"{type(result).__name__}(\n{parts})"
