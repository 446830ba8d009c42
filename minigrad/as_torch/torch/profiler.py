"""``torch.profiler``: minigrad's profile, with the options and the names of columns that programs for torch give."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from minigrad import profiler


class ProfilerActivity(enum.Enum):
    """The parts of a machine that torch can record; here every operation is, wherever it runs."""

    CPU = enum.auto()
    CUDA = enum.auto()
    XPU = enum.auto()
    MTIA = enum.auto()


class ProfilerAction(enum.Enum):
    """The actions of torch in the steps of a schedule."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """Return the action of each step: nothing for ``wait`` steps, then ``warmup``, then ``active`` of recording."""
    period = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        step -= skip_first - (wait if skip_first_wait else 0)
        if step < 0 or (repeat and step >= repeat * period):
            return ProfilerAction.NONE
        place = step % period
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == period - 1 else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(
    dir_name: str | os.PathLike[str], worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """Return what writes a profile into a folder, in Chrome's trace format."""

    def handler(of: profile) -> None:
        folder = Path(dir_name)
        folder.mkdir(parents=True, exist_ok=True)
        of.export_chrome_trace(folder / f"{worker_name or 'worker'}.{of.step_num}.pt.trace.json")

    return handler


class Averages(profiler.Averages):
    """The rows of a profile."""

    def table(self, sort_by: str | None = None, row_limit: int = 100, **options: object) -> str:
        """Return the rows as text, sorted by the time, the memory or the count that torch's name stands for."""
        name = sort_by or "time"
        ours = "bytes" if "mem" in name else "count" if "count" in name else "seconds" if "time" in name else name
        return super().table(ours, row_limit)


class profile(profiler.profile):  # noqa: N801  (torch's name for it)
    """Record every operation inside the ``with`` block, from its first step to its last, whatever the schedule says.

    Args:
        enabled: False records nothing.
        on_trace_ready: called with the profile at the end.
        options: accepted, without effect.
    """

    def __init__(
        self, enabled: bool = True, *, on_trace_ready: Callable[[Any], object] | None = None, **options: object
    ) -> None:
        super().__init__()
        self.step_num = 0
        self._enabled, self._on_trace_ready = enabled, on_trace_ready

    def __enter__(self) -> Self:
        return super().__enter__() if self._enabled else self

    def __exit__(self, *exception: object) -> None:
        if not self._enabled:
            return
        super().__exit__(*exception)
        if self._on_trace_ready is not None:
            self._on_trace_ready(self)

    def start(self) -> None:
        """Begin to record."""
        self.__enter__()

    def stop(self) -> None:
        """End recording."""
        self.__exit__()

    def step(self) -> None:
        """Count a step of the program."""
        self.step_num += 1

    def key_averages(self, group_by_input_shape: bool = False, *_: object, **__: object) -> Averages:
        """Return the events added up by name and phase, and also by shapes if ``group_by_input_shape``."""
        return Averages(super().key_averages(group_by_input_shape))
