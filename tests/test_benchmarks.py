"""The benchmark keeps what it has measured, and compares results with the targets as it should."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import machine, report, targets
from benchmarks.__main__ import MINUTES, run
from benchmarks.cases import CHANNELS_LAST, COMPILED, EAGER, MINIGRAD
from benchmarks.measure import CandidateError, Setting, TimeUpError, differ, summary
from benchmarks.parts import PARTS, REHEARSAL, Unit, units
from benchmarks.results import Results, read

SETTING = Setting(threads=1, rounds=3)


class Measurements:
    """Units that note which of them ran; one may raise."""

    def __init__(self, raises: dict[str, BaseException] | None = None) -> None:
        self.ran: list[str] = []
        self.raises = raises or {}

    def units(self) -> list[Unit]:
        return [Unit("part", name, lambda setting, name=name: self._measure(name)) for name in "abc"]

    def _measure(self, name: str) -> dict[str, Any]:
        self.ran.append(name)
        if name in self.raises:
            raise self.raises[name]
        return {"value": len(self.ran)}


def runs(path: Path, setting: Setting = SETTING, **raises: BaseException) -> tuple[list[str], tuple[int, int]]:
    """Run the units once; return which were measured, how many failed, and how many had no time."""
    measurements = Measurements(raises)
    missing = run(measurements.units(), Results(path), setting)
    return measurements.ran, missing


def test_a_run_that_was_interrupted_continues_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "results" / "one.json"
    with pytest.raises(KeyboardInterrupt):
        runs(path, b=KeyboardInterrupt())
    assert list(json.loads(path.read_text())["parts"]["part"]) == ["a"]
    assert runs(path) == (["b", "c"], (0, 0))
    assert runs(path) == ([], (0, 0))


def test_what_failed_or_had_no_time_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    assert runs(path, a=CandidateError("killed"), c=TimeUpError()) == (["a", "b", "c"], (1, 1))
    assert json.loads(path.read_text())["parts"]["part"]["a"]["result"] == {"failed": "killed"}
    assert read(path)["parts"]["part"] == {"b": {"value": 2}}
    assert runs(path) == (["a", "c"], (0, 0))


def test_other_code_threads_or_more_rounds_are_measured_anew(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "one.json"
    runs(path)
    assert runs(path, Setting(threads=1, rounds=2)) == ([], (0, 0)), "more rounds than wanted are kept"
    assert runs(path, Setting(threads=1, rounds=4))[0] == ["a", "b", "c"]
    assert runs(path, Setting(threads=2, rounds=3))[0] == ["a", "b", "c"]
    monkeypatch.setattr(machine, "code", lambda: "another")
    assert runs(path, Setting(threads=2, rounds=3))[0] == ["a", "b", "c"]


def test_fresh_forgets_the_parts_that_are_measured(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    runs(path)
    results = Results(path)
    results.forget(["other"])
    assert run(Measurements().units(), results, SETTING) == (0, 0)
    results.forget(["part"])
    measurements = Measurements()
    run(measurements.units(), results, SETTING)
    assert measurements.ran == ["a", "b", "c"]


def test_nothing_begins_after_the_deadline(tmp_path: Path) -> None:
    ran, missing = runs(tmp_path / "one.json", Setting(1, 3, deadline=time.monotonic() - 1))
    assert (ran, missing) == ([], (0, 3))


def test_what_needs_more_time_than_is_left_is_not_begun(tmp_path: Path) -> None:
    measurements = Measurements()
    long, *short = measurements.units()
    setting = Setting(1, 3, deadline=time.monotonic() + 60)
    assert run([long._replace(seconds=100.0), *short], Results(tmp_path / "one.json"), setting) == (0, 1)
    assert measurements.ran == ["b", "c"]


def test_all_measurements_together_take_less_than_half_an_hour() -> None:
    assert all(unit.seconds for unit in units())
    assert sum(unit.seconds for unit in units()) < 60 * MINUTES


def test_a_measurement_that_was_cut_short_is_kept_but_not_complete(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    for _ in range(2):
        run([Unit("part", "a", lambda setting: {"value": 1, "cut_short": True})], Results(path), SETTING)
    assert read(path)["parts"]["part"]["a"]["value"] == 1
    assert runs(path)[0] == ["a", "b", "c"]


def taken(*rounds: float, peak_mb: float = 100.0) -> list[dict[str, Any]]:
    return [{"seconds": [s, s], "phases": [[s], [s]], "values": [0.0, 0.0], "peak_mb": peak_mb} for s in rounds]


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    first = {name: {"seconds": [9.0]} for name in (MINIGRAD, EAGER, COMPILED)}
    measured = {MINIGRAD: taken(1, 2, 4), EAGER: taken(2, 2, 2, peak_mb=200), COMPILED: taken(1, 1, 1)}
    found = summary(measured, first, {CHANNELS_LAST: "no such thing"})
    assert found[EAGER]["ratio"] == 1.0
    assert found[EAGER]["ratio_range"] == [0.5, 2.0]
    assert found[EAGER]["memory_ratio"] == 0.5
    assert found[COMPILED]["compile_seconds"] == 8.0
    assert found[CHANNELS_LAST] == {"failed": "no such thing"}


def test_candidates_differ_if_their_losses_or_the_changes_of_them_do() -> None:
    assert not differ([7.0, 6.5, 6.0], [7.0, 6.501, 6.0])
    assert differ([7.0, 6.5, 6.0], [7.1, 6.6, 6.1]), "the losses"
    assert differ([7.0, 6.99, 6.98], [7.0, 6.993, 6.985]), "the gradients"
    assert differ([7.0, float("nan")], [7.0, 6.9])


def way(ratio: float, **more: Any) -> dict[str, Any]:
    return {"seconds": 1.0 / ratio, "ratio": ratio, "ratio_range": [ratio, ratio], "memory_ratio": 0.6, **more}


def document() -> dict[str, Any]:
    """Return results of a few cases, as `read` returns them."""
    step = {MINIGRAD: {"seconds": 1.0}, EAGER: way(0.5), CHANNELS_LAST: way(0.72), "times_the_limit": 2.25}
    one = "299 × 299, batch 1"
    layers = [{"ratio": 0.5}, {"ratio": 1.32}]
    return {
        "machine": {"processor": "A processor", "vectors": "AVX2", "threads": 2, "system": "Linux"},
        "versions": {"python": "3.12", "torch": "2.13"},
        "date": "2026-01-01",
        "command": "python -m benchmarks",
        "codes": 1,
        "minutes": 21.4,
        "parts": {
            "steps": {targets.LARGE: step},
            "inference": {one: {MINIGRAD: {"seconds": 1.0}, EAGER: way(0.6), CHANNELS_LAST: {"failed": "killed"}}},
            "compiled": {f"inference: {one}": {MINIGRAD: {"seconds": 1.0}, COMPILED: way(1.02, compile_seconds=95.0)}},
            "convolutions": {
                targets.LARGE: {
                    "weighted_mean_ratio": 0.7, "worst_ratio": 1.32, "worst": "x * w", "shapes": 3, "layers": layers,
                },
            },
        },
    }  # fmt: skip


def test_a_target_is_held_to_the_fastest_way_of_torch() -> None:
    parts = document()["parts"]
    found = {verdict.target.name: verdict for verdict in targets.verdicts(parts)}
    step = found[f"training step of Inception V3, {targets.LARGE}"]
    assert (step.value, step.met, str(step)) == (0.72, True, "0.72, met")
    inference = found[f"inference by Inception V3, {targets.ONE}"]
    assert str(inference) == "**1.02**, missed by 20%", "torch.compile's, measured in another part"
    assert str(found["training step of Inception V3, 75 × 75, batch 32"]) == "not measured"
    verdicts = targets.verdicts(parts)
    assert [str(v) for v in verdicts if v.value == 1.32] == ["**1.32**, missed by 20%"]
    assert [str(v) for v in verdicts if v.value == 2.25] == ["**2.25**, missed by 25%"]


def test_the_section_has_a_column_for_every_processor() -> None:
    other = {**document(), "machine": {**document()["machine"], "processor": "Another", "vectors": "AVX-512"}}
    other["parts"] = {"chain": {"2,000 operations on 32 × 32": {MINIGRAD: {"seconds": 0.04}, EAGER: way(1.6)}}}
    text = report.section([document(), other])
    assert "| A processor, AVX2 | Another, AVX-512 |" in text
    assert "| ≤ 0.75 | 0.72, met | not measured |" in text
    assert "| ≤ 1.5 | not measured | **1.60**, missed by 7% |" in text
    assert "1.67 s | failed: killed | 0.98 s (95 s) | 1.02 (1.02 to 1.02) | 0.60 |" in text
    assert "2 of 3 shapes measured" in text


def test_every_target_names_a_measurement_that_exists() -> None:
    names = {(unit.part, unit.name) for unit in units()}
    assert set(REHEARSAL) <= set(PARTS)
    for part, name in (
        *(("steps", name) for name in (targets.LARGE, targets.LITTLE)),
        *(("inference", name) for name in (targets.ONE, targets.EIGHT)),
        ("chain", "2,000 operations on 32 × 32"),
        ("networks", "VGG-11, 224 × 224, batch 8"),
        ("small", "LeNet, 28 × 28, batch 64"),
        ("rounding", "128 bits"),
    ):
        assert (part, name) in names


def test_a_processor_has_a_file_name_of_its_own() -> None:
    assert machine.slug("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", 512) == "intel-xeon-platinum-8481c-avx-512"
    assert machine.slug("AMD EPYC Processor", 256) == "amd-epyc-avx2"
