"""Signs of life of whatever takes long: one line at a terminal, a line a minute anywhere else.

    for images, labels in shown(loader, "validation", unit="batch"):
        …

While the line is there, :func:`say` and :func:`warn` print text for the reader (on stderr), and :func:`result` prints
what was asked for (on stdout), without mixing with it.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from inception.wording import counted, noun
from minigrad.extras import Later
from minigrad.printable import columns, printable, shortened

if TYPE_CHECKING:
    import tqdm
else:
    tqdm = Later("tqdm", "progress at a terminal")

T = TypeVar("T")
REDRAWN_EVERY = 0.1  # seconds, at a terminal
A_LINE_EVERY = 60.0  # seconds, elsewhere
_RECENT = 20  # updates over which the speed is measured


class Part(NamedTuple):
    """A part of the line. Where the terminal is too narrow, the parts of the highest rank are left out first."""

    text: str
    rank: int = 0


def fitted(parts: Sequence[Part], width: int | None = None) -> str:
    """Return the parts in one line of at most ``width`` columns, leaving out whole parts; the first one stays.

    If even that is too wide, as with the path of a folder in it, its middle is left out.
    """
    kept = list(parts)
    while width is not None and len(kept) > 1 and columns(_line(kept)) > width:
        kept.remove(max(kept[1:], key=lambda part: part.rank))
    return _line(kept) if width is None else shortened(_line(kept), width)


def _line(parts: Sequence[Part]) -> str:
    return "  ".join(printable(part.text) for part in parts)


class Progress:
    """The progress of a task of ``total`` equal parts, of which ``done`` were done before.

    Nothing is shown if the environment sets ``TQDM_DISABLE``.
    """

    drawn: ClassVar[int] = 0  # lines at the terminal now

    def __init__(self, what: str, total: int | None = None, unit: str = "image", done: int = 0) -> None:
        self.what, self.total, self.unit, self.done = what, total, unit, done
        self._seen: deque[tuple[float, int]] = deque([(time.perf_counter(), done)], maxlen=_RECENT)
        self._at_start = True
        self._lock = threading.RLock()  # images are read by several threads
        self._last_line = time.perf_counter()
        self._bar: tqdm.tqdm[None] | None = None
        if at_terminal() and not _disabled():
            self._bar = tqdm.tqdm(
                desc=fitted([Part(f"{what} …")], terminal_width()),
                bar_format="{desc}",
                file=sys.stderr,
                leave=False,
                miniters=1,
                mininterval=REDRAWN_EVERY,
                ncols=0,  # do not cut: what is shown is fitted already
                nrows=20,  # otherwise nothing is shown in a terminal that does not tell its height
            )
            Progress.drawn += 1

    def update(self, count: int = 1, parts: Callable[[], Sequence[Part]] | None = None) -> None:
        """Count what has been done, and show it from time to time.

        Args:
            parts: returns what to show; by default the share that is done, the speed and the time left.
        """
        with self._lock:
            self._update(count, parts or self._parts)

    def _update(self, count: int, parts: Callable[[], Sequence[Part]]) -> None:
        self.done += count
        now = time.perf_counter()
        self._seen.append((now, self.done))
        if self._at_start and len(self._seen) > 2:  # the first update may have compiled kernels or started processes
            self._seen.popleft()
            self._at_start = False
        if self._bar is not None:
            self._bar.set_description_str(fitted(parts(), terminal_width()), refresh=False)
            self._bar.update(count)
        elif now - self._last_line >= A_LINE_EVERY and not _disabled():
            self._last_line = now
            say(fitted(parts()))

    def close(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
            Progress.drawn -= 1

    @property
    def speed(self) -> float:
        """Parts per second, lately."""
        (begun, before), (now, done) = self._seen[0], self._seen[-1]
        return (done - before) / max(now - begun, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """The time until the end at this speed; None if it cannot be told."""
        return None if self.total is None or not self.speed else (self.total - self.done) / self.speed

    @property
    def head(self) -> str:
        """The name of the task, and how much of it is done."""
        return f"{self.what} {self.done:,}" if not self.total else f"{self.what} {self.done / self.total:.0%}"

    def _parts(self) -> list[Part]:
        parts = [Part(self.head)]
        if self.total:
            parts.append(Part(f"{self.done:,}/{counted(self.total, self.unit)}", 3))
        parts.append(Part(f"{self.speed:.{1 if self.speed < 100 else 0}f} {noun(2, self.unit)}/s", 2))
        if self.seconds_left is not None:
            parts.append(Part(f"{clock_time(self.seconds_left)} left", 1))
        return parts


def shown(items: Iterable[T], what: str, total: int | None = None, unit: str = "image") -> Iterator[T]:
    """Yield the items, and show how far the loop is.

    Args:
        what: the name of the task, such as "validation".
        total: the number of items, if they have no length of their own.
        unit: one item, in the singular.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    progress = Progress(what, total, unit)
    try:
        for item in items:
            yield item
            progress.update()
    finally:
        progress.close()


@contextmanager
def waiting(what: Callable[[], str]) -> Iterator[None]:
    """Show how long the block has lasted: every second at a terminal, elsewhere in a line a minute.

    Args:
        what: returns the name of the task, and how far it is if that is known.
    """
    progress, ended, begun = Progress(what()), threading.Event(), time.perf_counter()

    def show() -> None:
        while not ended.wait(1.0 if at_terminal() else A_LINE_EVERY):
            progress.update(1, lambda: [Part(f"{what()} … {clock_time(time.perf_counter() - begun)}")])

    ticker = threading.Thread(target=show, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        ended.set()
        ticker.join()
        progress.close()


def say(text: str) -> None:
    """Print a line for the reader, on stderr."""
    _print(text, sys.stderr)


def warn(text: str) -> None:
    """Print a warning, on stderr."""
    say(f"warning: {text}")


def result(text: str) -> None:
    """Print what was asked for, on stdout."""
    _print(text, sys.stdout)


@contextmanager
def messages_in_own_words() -> Iterator[None]:
    """Inside ``with``, Python's warnings and minigrad's notices appear as lines of the program, without source code."""
    logger = logging.getLogger("minigrad")
    handler = _Handler()
    propagates = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: warn(" ".join(str(message).split()))
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def at_terminal() -> bool:
    """Return whether stderr is a terminal, whose lines can be redrawn."""
    return sys.stderr is not None and sys.stderr.isatty()


def terminal_width() -> int:
    """Return the number of characters that fit into a line of the terminal."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError, AttributeError):
        columns = 0
    return (columns or shutil.get_terminal_size().columns) - 1  # some terminals wrap a line that fills all columns


def clock_time(seconds: float) -> str:
    """Return a duration as ``m:ss`` or ``h:mm:ss``, from a day on in days and hours."""
    whole = max(round(seconds), 0)
    minutes, hours = whole // 60, whole // 3600
    if hours >= 24:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes % 60:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _disabled() -> bool:
    return os.environ.get("TQDM_DISABLE", "").lower() not in ("", "0", "false")


def _print(text: str, stream: object) -> None:
    if stream is None:  # a program without a console
        return
    text = "\n".join(map(printable, text.split("\n")))  # names of files and classes may contain anything
    if Progress.drawn:
        tqdm.tqdm.write(text, file=stream)
    else:
        print(text, file=stream, flush=True)  # type: ignore[call-overload]
