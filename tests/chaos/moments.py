"""Moments: the n-th event of a kind inside the program, at which a fault happens.

Moments are counted and not timed, so that a seed gives the same ones again.
"""

from __future__ import annotations

import builtins
import io
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from inception import loop, shared_evaluation


class Moment(NamedTuple):
    """The ``number``-th event of a kind, from 1 on."""

    kind: str  # one of KINDS
    number: int

    def __str__(self) -> str:
        return f"at {self.kind} {self.number}"


#: Events: calls of Python functions; operations on files of the run (open, rename, remove, link, sync); writes into
#: them; steps; batches of a validation.
KINDS = ("call", "file", "write", "step", "validation")
_FILE_EVENTS = {"open", "os.rename", "os.remove", "os.link", "os.mkdir"}


class Events:
    """Counts the events of each kind in this process, and calls functions at their moments.

    Args:
        run: the folder of the run.
        marker: a file that gets the time of the first moment.
    """

    def __init__(self, run: Path, marker: Path | None = None) -> None:
        self.run, self.marker = str(run), marker
        self.counts = dict.fromkeys(KINDS, 0)
        self._actions: dict[tuple[str, int], Callable[[], object]] = {}
        self._owner = os.getpid()
        self._busy = False
        self.refusal: Callable[[str, Any], None] | None = None  # is called before a write, with "write" or "sync"

    def at(self, moment: Moment, action: Callable[[], object]) -> None:
        """Call ``action`` at a moment."""
        self._actions[tuple(moment)] = action

    def count(self, kinds: set[str]) -> None:
        """Begin to count the events of these kinds."""
        if "call" in kinds:
            sys.setprofile(self._profile)
        if "file" in kinds:
            sys.addaudithook(self._audit)
        if kinds & {"file", "write"} or self.refusal is not None:
            self._watch_writes()
        if "step" in kinds:
            self._wrap(loop, "_step", "step")
        if "validation" in kinds:
            self._wrap_batches()

    def happen(self, kind: str) -> None:
        """Count an event, and do what was planned for this moment."""
        if self._busy or os.getpid() != self._owner:
            return
        self.counts[kind] += 1
        action = self._actions.get((kind, self.counts[kind]))
        if action is not None:
            self.fire(action)

    def fire(self, action: Callable[[], object]) -> None:
        """Do something, and note when."""
        self._busy = True
        try:
            if self.marker is not None and not self.marker.exists():
                descriptor = os.open(self.marker, os.O_WRONLY | os.O_CREAT, 0o666)
                os.write(descriptor, str(time.monotonic()).encode())
                os.close(descriptor)
            action()
        finally:
            self._busy = False

    def _profile(self, frame: object, event: str, argument: object) -> None:
        if event == "call":
            self.happen("call")

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _FILE_EVENTS and arguments and str(arguments[0]).startswith(self.run):
            self.happen("file")

    def _wrap(self, module: Any, name: str, kind: str) -> None:
        function = getattr(module, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            self.happen(kind)
            return function(*arguments, **options)

        setattr(module, name, counted)

    def _wrap_batches(self) -> None:
        evaluate: Any = shared_evaluation.evaluate

        def counted(model: Any, batches: Any, *rest: Any) -> Any:
            def each() -> Any:
                for batch in batches:
                    self.happen("validation")
                    yield batch

            return evaluate(model, each(), *rest)

        shared_evaluation.evaluate = counted

    def _watch_writes(self) -> None:
        """Let every file of the run that is opened for writing count its writes."""
        opened, sync = builtins.open, os.fsync

        def watching(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            path = _path_of(file)
            if set(mode) & set("wax+") and "b" in mode and path.startswith(self.run):
                raw = _Watched(file, mode.replace("b", ""))
                raw.events = self
                return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return opened(file, mode, *rest, **options)

        def watched_sync(descriptor: int) -> None:
            self.happen("file")
            if self.refusal is not None:
                self.refusal("sync", None)
            sync(descriptor)

        builtins.open = watching
        os.fsync = watched_sync


def _path_of(file: Any) -> str:
    if not isinstance(file, int):
        return os.fsdecode(file)
    try:
        return os.readlink(f"/proc/self/fd/{file}")
    except OSError:  # not Linux
        return ""


class _Watched(io.FileIO):
    """A file that tells of its writes before it makes them."""

    events: Events

    def write(self, data: Any) -> int:
        self.events.happen("write")
        if self.events.refusal is not None and os.getpid() == self.events._owner:
            self.events.refusal("write", (super().write, data))
        return super().write(data)
