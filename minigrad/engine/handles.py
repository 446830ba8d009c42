"""The handle of a registered hook, with which it is removed."""

from __future__ import annotations

from itertools import count
from typing import TypeVar

Entry = TypeVar("Entry")  # a hook, alone or with its options


class RemovableHandle:
    """The result of ``register_hook``: ``remove()``, or the end of a ``with`` block, removes the hook."""

    _numbers = count()  # a number is used once: a second ``remove()`` must not remove a later hook

    def __init__(self, hooks: dict[int, Entry], hook: Entry) -> None:
        self._hooks = hooks
        self._key = next(number for number in RemovableHandle._numbers if number not in hooks)
        hooks[self._key] = hook

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the hook; a second call does nothing."""
        self._hooks.pop(self._key, None)
