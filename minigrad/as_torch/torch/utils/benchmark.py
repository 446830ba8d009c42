"""``torch.utils.benchmark``: the time of a statement, measured often enough to tell its median and its spread."""

from __future__ import annotations

import math
import sys
import textwrap
import timeit
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

import minigrad

#: A measurement whose middle half is wider than this part of its median prints a warning, or a graver one.
WIDE, VERY_WIDE = 0.1, 0.25
_LEAST = 25e-9  #: seconds that a time is never more certain than
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class TaskSpec:
    """A statement that is measured, and what it is called."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement."""
        if self.label is None and "\n" in self.stmt:
            return f"stmt:{f' ({self.sub_label})' if self.sub_label else ''}\n{textwrap.indent(self.stmt, '  ')}"
        return (self.stmt if self.label is None else self.label) + (f": {self.sub_label}" if self.sub_label else "")

    def setup_str(self) -> str:
        """Return what is run first, if anything is."""
        if self.setup in ("", "pass"):
            return ""
        return f"setup:\n{textwrap.indent(self.setup, '  ')}" if "\n" in self.setup else f"setup: {self.setup}"

    def summarize(self) -> str:
        """Return the title, the description and the setup, a line each."""
        parts = [part for part in (self.title, self.description or "", self.setup_str()) if part]
        return "\n".join(f"{part}\n" if "\n" in part else part for part in parts)


@dataclass(repr=False)
class Measurement:
    """The seconds that runs of a statement took, ``number_per_run`` at a time."""

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name in (field.name for field in fields(TaskSpec)):
            return getattr(self.task_spec, name)
        raise AttributeError(f"'Measurement' object has no attribute {name!r}")

    @property
    def times(self) -> list[float]:
        """The seconds of one run, for each measurement."""
        return [time / self.number_per_run for time in self.raw_times]

    @property
    def median(self) -> float:
        """The median of the times."""
        return float(np.median(self.times))

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return float(np.mean(self.times))

    @property
    def iqr(self) -> float:
        """The width of the middle half of the times."""
        low, high = self._quartiles()
        return high - low

    def _quartiles(self) -> tuple[float, float]:
        low, high = np.quantile(self.times, (0.25, 0.75))
        return float(low), float(high)

    @property
    def significant_figures(self) -> int:
        """The number of digits of the median that mean something, 1 to 4."""
        count = len(self.times)
        middle = sorted(self.times)[count // 4 : math.ceil(3 * count / 4)]
        uncertain = max(1.645 * float(np.std(middle)) / math.sqrt(len(middle)), _LEAST)
        return min(max(math.floor(math.log10(self.median / uncertain)), 1), 4)

    def meets_confidence(self, threshold: float = WIDE) -> bool:
        """Return whether the middle half of the times is narrower than a part of the median."""
        return self.iqr / self.median < threshold

    @property
    def has_warnings(self) -> bool:
        """True if the times differ much."""
        return not self.meets_confidence()

    @property
    def title(self) -> str:
        """The label, or the statement."""
        return self.task_spec.title

    @property
    def as_row_name(self) -> str:
        """The sublabel, or the statement."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Return one measurement for each statement, with the times of all of it."""
        groups: dict[TaskSpec, list[float]] = {}
        for measurement in measurements:
            groups.setdefault(measurement.task_spec, []).extend(measurement.times)
        return [Measurement(1, times, task) for task, times in groups.items()]

    def __repr__(self) -> str:
        unit, scale = select_unit(self.median)
        low, high = (quartile / scale for quartile in self._quartiles())
        count, threads = len(self.raw_times), self.task_spec.num_threads
        lines = [object.__repr__(self), self.task_spec.summarize()]
        lines.append(f"  {'Median: ' if count > 1 else ''}{self.median / scale:.2f} {unit}")
        if count >= 4:
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({low:.2f} to {high:.2f})")
        runs = "per measurement," if count > 1 else ","
        lines.append(
            f"  {count} measurement{'s' if count > 1 else ''}, {self.number_per_run} runs {runs} "
            f"{threads} thread{'s' if threads > 1 else ''}"
        )
        if self.has_warnings:
            lines.append(
                f"  WARNING: Interquartile range is {self.iqr / self.median * 100:.1f}% of the median measurement."
            )
            much = not self.meets_confidence(VERY_WIDE)
            meaning = "suggests significant environmental influence" if much else "could indicate system fluctuation"
            lines.append(f"           This {meaning}.")
        return "\n".join(lines)


def select_unit(t: float) -> tuple[str, float]:
    """Return the unit in which seconds are read best, and its seconds.

    >>> select_unit(3e-5)
    ('us', 1e-06)
    """
    unit = {-3: "ns", -2: "us", -1: "ms"}.get(math.floor(math.log10(t) / 3), "s")
    return unit, _UNITS[unit]


class Timer:
    """A statement of Python whose time is measured, after a setup that is not.

    Args:
        stmt, setup: the statement and what is run before, as text.
        timer: returns seconds.
        globals: the names that they use; ``torch`` is among them.
        label, sub_label, description, env: what the measurement is called.
        num_threads: the threads that minigrad uses.

    Raises:
        ValueError: for a statement that is no text, and for a language other than Python.
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timeit.default_timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = "python",
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError(f"Currently only a `str` stmt is supported, got {stmt!r}")
        if language not in ("py", "python"):
            raise ValueError(f"only Python is measured here, not {language!r}")
        if global_setup:
            raise ValueError(f"global_setup is for C++ only; put {global_setup!r} into setup")
        stmt, setup = (textwrap.dedent(text).removeprefix("\n").rstrip() for text in (stmt, setup))
        names = {"torch": sys.modules.get("torch", minigrad), **(globals or {})}
        self._timer = timeit.Timer(stmt, setup, timer, names)
        self._task = TaskSpec(stmt, setup, "", label, sub_label, description, env, num_threads)

    def timeit(self, number: int = 1000000) -> Measurement:
        """Return one measurement of ``number`` runs, after a hundredth of them that are not counted."""
        with self._threads():
            self._seconds(max(number // 100, 2))
            return Measurement(number, [self._seconds(number)], self._task)

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Return measurements of blocks of runs, until they took ``min_run_time`` seconds together."""
        return self._measure(self._block(min_run_time), min_run_time, math.inf, lambda found: True, callback)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Return measurements until their middle half is narrower than a part of their median, or time is over."""

        def certain(found: Measurement) -> bool:
            return len(found.raw_times) > 3 and found.meets_confidence(threshold)

        return self._measure(self._block(0.05), min_run_time, max_run_time, certain, callback)

    def _measure(
        self,
        number: int,
        least: float,
        most: float,
        enough: Callable[[Measurement], bool],
        callback: Callable[[int, float], Any] | None,
    ) -> Measurement:
        found = Measurement(number, [], self._task)
        with self._threads():
            while sum(found.raw_times) < least or not enough(found):
                found.raw_times.append(self._seconds(number))
                if callback is not None:
                    callback(number, found.raw_times[-1])
                if sum(found.raw_times) > most:
                    break
        return found

    def _block(self, min_run_time: float) -> int:
        """Return a number of runs that takes a thousandth of a time, and ten thousand times as long as none."""
        with self._threads():
            overhead, number = float(np.median([self._seconds(0) for _ in range(5)])), 1
            while True:
                seconds = self._seconds(number)
                long = seconds >= min_run_time / 1000 and overhead <= 1e-4 * seconds
                if long or seconds > min_run_time or number * 10 > 2**31 - 1:
                    return number
                number *= 10

    def _seconds(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        before = minigrad.get_num_threads()
        minigrad.set_num_threads(self._task.num_threads)
        try:
            yield
        finally:
            minigrad.set_num_threads(before)
