"""Interrupts: a run is stopped so that no step is lost, and any other command so that it can tidy up."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

#: The last is Ctrl-Break, which only Windows has.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class Terminated(KeyboardInterrupt):
    """An interrupt by another signal than that of Ctrl-C.

    Attributes: ``status``, the exit status that a shell reports for it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """Inside ``with``, SIGTERM and a terminal that is closed raise :class:`Terminated`, as Ctrl-C raises an interrupt.

    So what a command has begun is tidied up. A signal that is ignored, as ``nohup`` has it, stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def terminate(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a process that has started as a copy of this one: it has nothing to tidy up
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise Terminated(number)

    before = {
        number: signal.signal(number, terminate)
        for number in SIGNALS
        if number != signal.SIGINT and signal.getsignal(number) == signal.SIG_DFL
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StopAfterThisStep:
    """Inside ``with``, a first Ctrl-C (or SIGTERM) only sets ``requested``; a second Ctrl-C interrupts at once.

    A terminal that is closed (SIGHUP) is a request too, unless ``nohup`` has set the signal to be ignored. Python
    receives signals in its main thread only; in any other thread nothing is requested.
    """

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> StopAfterThisStep:
        self._previous = {}
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:
                    self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if number == signal.SIGINT:
            with suppress(OSError):  # print may be running just now, and cannot be called within itself
                os.write(2, b"\nstopping after this step, with everything saved; a second Ctrl-C stops at once\n")


@contextmanager
def not_interrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the end of the ``with`` block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed and callable(before):
        before(signal.SIGINT, None)
