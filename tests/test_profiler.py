"""The profiler sees every operation, its shapes and phase, and costs nothing when it is off."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import minigrad
from minigrad import nn, optim, profiler
from minigrad.engine.watchers import watchers


def _step() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    nn.functional.cross_entropy(model(minigrad.ones(5, 4)), minigrad.tensor([0, 1, 0, 1, 0])).backward()
    optimizer.step()


def test_every_operation_is_counted_with_its_phase() -> None:
    with profiler.profile() as prof:
        _step()
    rows = {(row.name, row.phase): row for row in prof.key_averages()}
    assert rows["Linear", "forward"].count == 2
    assert rows["LinearBackward", "backward"].count == 2
    assert rows["SGD.step", "forward"].count == 1
    assert rows["Linear", "forward"].bytes == (5 * 3 + 5 * 2) * 4
    assert all(row.seconds > 0 for row in rows.values())


def test_shapes_can_tell_calls_apart_and_the_table_names_them() -> None:
    with profiler.profile() as prof:
        _step()
    averages = prof.key_averages(group_by_input_shape=True)
    shapes = {row.shapes for row in averages if (row.name, row.phase) == ("Linear", "forward")}
    assert shapes == {((5, 4), (3, 4), (3,)), ((5, 3), (2, 3), (2,))}
    table = averages.table(sort_by="count", row_limit=3)
    assert "5x4 3x4 3" in averages.table(row_limit=99)
    assert "… and" in table
    with pytest.raises(ValueError, match="sort_by"):
        averages.table(sort_by="size")


def test_the_trace_is_chromes_format(tmp_path: Path) -> None:
    with profiler.profile() as prof, profiler.record_function("my part"):
        _step()
    prof.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {event["ph"] for event in events} == {"X"}
    whole = next(event for event in events if event["name"] == "my part")
    inside = next(event for event in events if event["name"] == "Linear")
    assert whole["ts"] <= inside["ts"]
    assert inside["ts"] + inside["dur"] <= whole["ts"] + whole["dur"]
    assert inside["args"]["shapes"] == [[5, 4], [3, 4], [3]]


def test_compiling_kernels_is_a_row_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, compiled = itertools.count(step=3.0), itertools.count(step=2.0)  # each operation takes 3 s, 2 s of them once
    monkeypatch.setattr(profiler, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setattr(profiler, "compile_seconds", lambda: next(compiled))
    with profiler.profile() as prof:
        minigrad.ones(2).exp()
    assert {row.name: row.seconds for row in prof.key_averages()} == {"Exp": 1.0, profiler.COMPILING: 2.0}


def test_one_profile_at_a_time_and_none_afterwards() -> None:
    before = list(watchers)
    with profiler.profile(), pytest.raises(RuntimeError, match="already"), profiler.profile():
        pass
    assert watchers == before
    with pytest.raises(ZeroDivisionError), profiler.profile():
        raise ZeroDivisionError
    assert watchers == before
