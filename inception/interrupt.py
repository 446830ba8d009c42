"""Interrupting a run so that no step is lost."""

from __future__ import annotations

import signal
from types import FrameType


class StopAfterThisStep:
    """Inside ``with``, a first Ctrl-C (or SIGTERM) only sets ``requested``; a second Ctrl-C interrupts at once."""

    signals = tuple(  # the last is Ctrl-Break, which only Windows has
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
    )

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> StopAfterThisStep:
        self._previous = {number: signal.signal(number, self._request) for number in self.signals}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
