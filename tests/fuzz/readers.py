"""The readers, each with sound files, the errors that it may raise, and what must hold of whatever it returns."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

#: The files of one data set, by path relative to its folder.
Sample: TypeAlias = Mapping[str, bytes]
Shell: TypeAlias = Callable[[bytes, random.Random], bytes]

CHEAP, SLOW = 100_000, 10_000  # cases of a whole run


class WrongError(AssertionError):
    """A reader returned what cannot be right."""


@dataclass(frozen=True)
class Reader:
    """A reader under test.

    Args:
        samples: sound files.
        read: reads the files in a folder, and raises WrongError if what it finds cannot be in them.
        errors: the reader's own errors. Their message must have the path of the file.
        shells: by the end of a file's name, damage inside of what a checksum or length protects.
        words: texts that mean something in the format.
        disturb: adds to a folder what does not belong there.
        count: the cases of a whole run.
        allowance: bytes that it may take beside ten times the size of its files.
    """

    samples: Callable[[], Sequence[Sample]]
    read: Callable[[Path, Sample], object]
    errors: tuple[type[Exception], ...]
    shells: Mapping[str, Shell] = field(default_factory=dict)
    words: tuple[bytes, ...] = ()
    disturb: Callable[[Path, random.Random], None] | None = None
    count: int = CHEAP
    allowance: int = 100_000_000


def must(holds: object, what: str) -> None:
    """Raise WrongError unless something holds."""
    if not holds:
        raise WrongError(what)


def all_readers() -> dict[str, Reader]:
    """Return the readers by name, those whose packages are installed."""
    from tests.fuzz import read_arrays, read_folders, read_texts, read_weights

    found: dict[str, Any] = {**read_arrays.READERS, **read_weights.readers(), **read_texts.READERS}
    return {**found, **read_folders.READERS}
