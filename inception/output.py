"""Output that nobody reads any more: a closed pipe, terminal or full disk ends no run that takes hours."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


@contextmanager
def that_may_be_lost() -> Iterator[None]:
    """Inside ``with``, printing never raises an OSError: after the first one, the rest is dropped."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Droppable(stream) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


class Droppable:
    """A text stream whose text is dropped once it cannot be written; None, for no stream, drops everything."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream: TextIO = open(os.devnull, "w", encoding="utf-8") if stream is None else stream  # noqa: SIM115

    def __getattr__(self, name: str) -> object:
        value: object = getattr(self._stream, name)  # everything else is the stream's
        return value

    def write(self, text: str) -> int:
        """Write, or drop, a text; return its length."""
        try:
            self._stream.write(text)
        except OSError:
            self._drop()
        return len(text)

    def flush(self) -> None:
        """Write what is still in the buffer, or drop it."""
        try:
            self._stream.flush()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        with suppress(OSError, ValueError):  # so that what is in the buffer goes nowhere, too
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
