"""A profiler: every operation with its shapes, phase, time and bytes, as a table or a Chrome trace.

    with minigrad.profiler.profile() as prof:
        train_step()
    print(prof.key_averages().table())
    prof.export_chrome_trace("trace.json")      # open it in chrome://tracing or ui.perfetto.dev

The names are those of ``torch.profiler``.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from minigrad.absent import module_getattr as _module_getattr
from minigrad.engine.watchers import watchers
from minigrad.files import write_atomically
from minigrad.html import table_html
from minigrad.kernels.compile_time import compile_seconds

if TYPE_CHECKING:
    from minigrad.engine.function import Function

COMPILING = "(compiling kernels)"  # the name of an event


@dataclass
class Event:
    """One operation that ran: times in seconds since the profile began, bytes of its outputs."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    phase: str
    start: float
    seconds: float
    bytes: int
    thread: int


@dataclass
class Average:
    """Events of the same name and phase (and shapes, if they are told apart), added up."""

    name: str
    phase: str
    shapes: tuple[tuple[int, ...], ...]
    count: int = 0
    seconds: float = 0.0
    bytes: int = 0

    def shapes_text(self) -> str:
        """Return the shapes as text, ``2x3 3x4``."""
        return " ".join("x".join(map(str, shape)) or "()" for shape in self.shapes)


class Averages(list[Average]):
    """The rows that ``key_averages`` returns."""

    def table(self, sort_by: str = "seconds", row_limit: int = 30) -> str:
        """Return the rows as text, sorted by ``sort_by`` (``seconds``, ``count`` or ``bytes``), the largest first.

        Raises:
            ValueError: for another ``sort_by``.
        """
        rows, total = self._sorted(sort_by)
        lines = [f"{'operation':<22} {'phase':<9} {'calls':>6} {'seconds':>9} {'share':>6} {'MB':>9}  shapes"]
        for row in rows[:row_limit]:
            lines.append(
                f"{row.name:<22} {row.phase:<9} {row.count:>6} {row.seconds:>9.4f} {row.seconds / (total or 1):>6.1%} "
                f"{row.bytes / 1e6:>9.1f}  {row.shapes_text()}"
            )
        if len(rows) > row_limit:
            lines.append(f"… and {len(rows) - row_limit} more")
        return "\n".join([*lines, self._sums(total)])

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        rows, total = self._sorted("seconds")
        cells = [
            {
                "operation": row.name,
                "phase": row.phase,
                "calls": f"{row.count:,}",
                "seconds": f"{row.seconds:.4f}",
                "share": f"{row.seconds / (total or 1):.1%}",
                "MB": f"{row.bytes / 1e6:,.1f}",
                "shapes": row.shapes_text(),
            }
            for row in rows[:30]
        ]
        more = f"… and {len(rows) - 30} more; " if len(rows) > 30 else ""
        return table_html(cells, more + self._sums(total))

    def _sorted(self, sort_by: str) -> tuple[list[Average], float]:
        """Return the rows, the largest first, and the seconds of all."""
        if sort_by not in ("seconds", "count", "bytes"):
            raise ValueError(f"sort_by must be 'seconds', 'count' or 'bytes', got {sort_by!r}")
        return sorted(self, key=lambda row: -getattr(row, sort_by)), sum(row.seconds for row in self)

    def _sums(self, total: float) -> str:
        return f"{total:.4f} s in {sum(row.count for row in self)} operations"


class profile:  # noqa: N801  (torch's name for it)
    """Record every operation inside the ``with`` block, of this thread and others.

    Operations of backward are those that backward runs: the phase says which. It costs about a microsecond an
    operation, and nothing when it is off. Compiling kernels, which happens once on a machine, is a row of its own.

    Raises:
        RuntimeError: if another profile is already recording.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._local = threading.local()
        self._begin = 0.0

    def __enter__(self) -> Self:
        global _recording
        if _recording is not None:
            raise RuntimeError("another profile is already recording")
        self._begin = time.perf_counter()
        _recording = self
        watchers.append(self._watch)
        return self

    def __exit__(self, *exception: object) -> None:
        global _recording
        _recording = None
        watchers.remove(self._watch)

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        return self.key_averages()._repr_html_()

    def _watch(self, node: Function, stage: str, inputs: Sequence[object], compute: Callable[[], object]) -> object:
        """Record what the engine computes (see ``minigrad.engine.watchers``)."""
        phase = self._phase()
        if stage != "forward":
            self._local.phase = "backward"
        start, compiled = time.perf_counter(), compile_seconds()
        try:
            results = compute()
            if stage != "backward":  # the operations of backward are recorded one by one
                name = node.name if stage == "forward" else f"{node.name}Backward"
                outputs = results if isinstance(results, tuple) else (results,)
                compiling = compile_seconds() - compiled
                self.record(name, inputs, outputs, start, compiling)
                if compiling > 0:
                    self.events.append(
                        Event(COMPILING, (), self._phase(), start - self._begin, compiling, 0, threading.get_ident())
                    )
        finally:
            self._local.phase = phase
        return results

    def _phase(self) -> str:
        return getattr(self._local, "phase", "forward")

    def record(
        self, name: str, arrays: Sequence[object], outputs: Sequence[object], start: float, compiling: float = 0.0
    ) -> None:
        """Add an event that began at ``start`` (of ``time.perf_counter``) and ends now.

        Args:
            compiling: the seconds of these in which kernels were compiled, which happens once and does not count.
        """
        seconds = time.perf_counter() - start - compiling
        self.events.append(
            Event(
                name,
                tuple(tuple(a.shape) for a in arrays if hasattr(a, "shape")),
                self._phase(),
                start - self._begin + compiling,
                seconds,
                sum(o.nbytes for o in outputs if hasattr(o, "nbytes")),
                threading.get_ident(),
            )
        )

    def key_averages(self, group_by_input_shape: bool = False) -> Averages:
        """Return the events added up by name and phase, and also by shapes if ``group_by_input_shape``."""
        rows: dict[tuple[object, ...], Average] = {}
        for event in self.events:
            shapes = event.shapes if group_by_input_shape else ()
            row = rows.setdefault((event.name, event.phase, shapes), Average(event.name, event.phase, shapes))
            row.count += 1
            row.seconds += event.seconds
            row.bytes += event.bytes
        return Averages(sorted(rows.values(), key=lambda row: -row.seconds))

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events in Chrome's trace format."""
        events = [
            {
                "name": event.name,
                "cat": event.phase,
                "ph": "X",
                "ts": event.start * 1e6,
                "dur": event.seconds * 1e6,
                "pid": 0,
                "tid": event.thread,
                "args": {"shapes": [list(shape) for shape in event.shapes], "bytes": event.bytes},
            }
            for event in self.events
        ]
        write_atomically(path, json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}).encode())


_recording: profile | None = None


@contextmanager
def record_function(name: str) -> Iterator[None]:
    """Record everything inside the ``with`` block as one event of the given name."""
    profile_now = _recording
    start = time.perf_counter()
    yield
    if profile_now is not None:
        profile_now.record(name, (), (), start)


if not TYPE_CHECKING:
    __getattr__ = _module_getattr(__name__)
