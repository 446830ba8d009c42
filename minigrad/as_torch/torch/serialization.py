"""``torch.serialization``: the classes that ``load`` may unpickle. Nothing is unpickled here, so there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def safe_globals(safe_globals: Iterable[Any]) -> Iterator[None]:
    """Do nothing in a block: a file needs no classes."""
    yield


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Do nothing: a file needs no classes."""


def get_safe_globals() -> list[Any]:
    """Return none."""
    return []


def clear_safe_globals() -> None:
    """Do nothing: there are none."""
