"""``torch.utils.benchmark.Timer`` of programs for torch measures, computes and prints as torch's does."""

from __future__ import annotations

from typing import Any

import pytest
import torch.utils.benchmark as theirs

from minigrad.as_torch.torch.utils import benchmark as ours

#: The seconds of runs, and what else a measurement has.
TIMES: dict[str, tuple[int, list[float], dict[str, Any]]] = {
    "one": (500, [0.0123], {}),
    "steady": (10, [0.001, 0.00101, 0.00102, 0.00099, 0.001], {"label": "add", "sub_label": "4x8"}),
    "fluctuating": (1, [1.0, 1.1, 1.2, 1.3], {"num_threads": 4, "description": "new"}),
    "influenced": (1000, [1e-6, 5e-6, 2e-5, 1e-6], {"setup": "x = 1\ny = 2", "env": "here"}),
    "two": (7, [100.0, 300.0], {"stmt": "x\ny", "sub_label": "twice", "setup": "x = 1"}),
    "nanoseconds": (1000, [3e-6, 3.1e-6, 2.9e-6], {"sub_label": "small"}),
}


def measured(benchmark: Any, name: str) -> Any:
    number, times, more = TIMES[name]
    return benchmark.Measurement(number, times, benchmark.TaskSpec(**{"stmt": "x + y", "setup": "pass", **more}))


@pytest.mark.parametrize("name", TIMES)
def test_a_measurement_has_and_prints_what_torchs_does(name: str) -> None:
    mine, expected = (measured(benchmark, name) for benchmark in (ours, theirs))
    for figure in ("times", "median", "mean", "iqr"):
        assert getattr(mine, figure) == pytest.approx(getattr(expected, figure), rel=1e-12, abs=1e-20)
    for item in ("significant_figures", "has_warnings", "title", "as_row_name", "stmt", "num_threads", "label"):
        assert getattr(mine, item) == getattr(expected, item)
    lines = [line.rstrip() for line in repr(mine).splitlines()[1:]]
    assert lines == [line.rstrip() for line in repr(expected).splitlines()[1:]]


@pytest.mark.parametrize("t", [1e-10, 1e-9, 5e-7, 1e-6, 2e-4, 1e-3, 0.5, 1.0, 70.0])
def test_a_time_has_torchs_unit(t: float) -> None:
    assert ours.select_unit(t) == theirs.select_unit(t)


def test_measurements_of_one_statement_are_merged_as_torchs_are() -> None:
    merged = [
        [
            (m.number_per_run, m.raw_times, m.title)
            for m in b.Measurement.merge(measured(b, n) for n in ("one", "one", "two"))
        ]
        for b in (ours, theirs)
    ]
    assert merged[0] == merged[1]


class Clock:
    """A clock on which each statement that ticks takes a second."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def tick(self, seconds: float = 1.0) -> None:
        self.seconds += seconds


@pytest.mark.parametrize("seconds", [1e-5, 0.03, 2.0])
def test_a_timer_takes_as_many_runs_as_torchs(seconds: float) -> None:
    found = []
    for benchmark in (ours, theirs):
        clock, calls = Clock(), []
        timer = benchmark.Timer(
            "\n    tick(seconds)", timer=clock, globals={"tick": clock.tick, "seconds": seconds}, num_threads=2
        )
        results = [
            timer.timeit(300),
            timer.blocked_autorange(callback=lambda n, t, calls=calls: calls.append(n)),
            timer.adaptive_autorange(),
        ]
        found.append([(m.number_per_run, len(m.raw_times), pytest.approx(m.median), m.stmt) for m in results] + calls)
    assert found[0] == found[1]


@pytest.mark.parametrize("wrong", [{"stmt": 3}, {"language": "c++"}, {"global_setup": "#include <x>"}])
def test_what_cannot_be_measured_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        ours.Timer(**wrong)
