"""Lines of metrics.jsonl that are no records are left out, and a resumed run goes on without them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inception.metrics import read_metrics
from inception.run_folder import RunFolder

STEP = {"kind": "step", "epoch": 1, "step": 1, "global_step": 1, "loss": 2.0, "accuracy": 0.5, "cross_entropy": 2.0}
EPOCH = {"kind": "epoch", "epoch": 1, "global_step": 1, "validation_loss": 2.0, "validation_accuracy": 0.5}
WARNING = {"kind": "warning", "global_step": 1, "text": "the loss has risen"}

DAMAGE = [
    b"\0" * 300, b"5", b"null", b"[]", b"{}", b'"step"', b"\xff\xfe", b"{", b"[" * 100_000, b'{"kind": "step"}',
    b'{"kind": ["step"], "global_step": 1}', b'{"kind": "warning", "global_step": true}',
    b'{"kind": "warning", "global_step": -1}', b'{"kind": "warning", "global_step": 1.5}',
    b'{"kind": "warning", "global_step": ' + b"9" * 5000 + b"}", b'{"kind": "warning", "global_step": NaN}',
    json.dumps(STEP | {"loss": None}).encode(), json.dumps(STEP | {"accuracy": "0.5"}).encode(),
    json.dumps(EPOCH | {"epoch": "1"}).encode(), json.dumps(STEP | {"loss": 10**400}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("line", DAMAGE, ids=lambda line: repr(line[:30]))
def test_a_damaged_line_is_left_out_and_the_others_are_kept(tmp_path: Path, line: bytes) -> None:
    sound = [json.dumps(record).encode() for record in (STEP, WARNING, EPOCH)]
    (tmp_path / "metrics.jsonl").write_bytes(b"\n".join([sound[0], line, *sound[1:], b""]))
    found = read_metrics(tmp_path / "metrics.jsonl")
    assert found.records == [STEP, WARNING, EPOCH]
    assert found.damaged == [2]
    folder = RunFolder(tmp_path, resuming=True)
    assert folder.forget_after(1, 1).damaged == [2]
    assert read_metrics(folder.metrics) == ([STEP, WARNING, EPOCH], [])


def test_numbers_that_training_may_record_are_no_damage(tmp_path: Path) -> None:
    odd = STEP | {"loss": float("nan"), "cross_entropy": float("inf"), "accuracy": 1, "memory_mb": None}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(odd) + "\n")
    assert len(read_metrics(tmp_path / "metrics.jsonl").records) == 1


def test_a_last_line_without_its_end_was_cut_short_by_a_kill_and_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(json.dumps(STEP) + "\n" + json.dumps(WARNING)[:20])
    assert read_metrics(tmp_path / "metrics.jsonl") == ([STEP], [])
    assert read_metrics(tmp_path / "none") == ([], [])
