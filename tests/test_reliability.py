"""What docs/reliability.md promises of a run's files: damage is named, and costs no more than it must."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from inception import __main__ as program
from inception import lock as folder_lock
from inception.checkpoints import Checkpoint, load_checkpoint, read_outline
from inception.commands import train as train_command
from inception.lock import FolderInUseError, FolderLock
from inception.run_folder import RunFolder
from inception.schema import misfit, unlike
from minigrad import checkpoint, system
from minigrad.checkpoint import CheckpointError
from tests.test_continuing import compute_nothing
from tests.tiny_runs import tiny

SMALL = ["--data", "synthetic", "--classes", "3", "--width", "0.0625", "--batch-size", "4"]


@pytest.fixture
def stubs(monkeypatch: Any) -> Any:
    return compute_nothing(monkeypatch)


@pytest.fixture
def run(tmp_path: Path, stubs: Any, capsys: Any) -> Path:
    """Return the folder of a finished run of two epochs of two steps, with a checkpoint after each step."""
    run = tmp_path / "run"
    options = tiny(width=0.0625, limit=8, batch_size=4, epochs=2)
    assert train_command.main([*options, "--save-every", "1", "--keep", "2", "--output", str(run)]) == 0
    capsys.readouterr()
    return run


def flip(path: Path, place: int = -1) -> None:
    """Flip a bit of a file, whose other names keep the whole one."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.unlink()
    path.write_bytes(content)


# --- Checkpoints ---


@pytest.mark.parametrize("damage", ["bit", "cut", "deleted", "header"])
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_continues(damage: str, run: Path, capsys: Any) -> None:
    newest, previous = run / "checkpoint.safetensors", run / "previous.safetensors"
    weights = (run / "weights.safetensors").read_bytes()
    assert read_outline(previous)["position"] == {**read_outline(newest)["position"], "validated": 1}
    if damage == "deleted":
        newest.unlink()
    elif damage == "cut":
        os.truncate(newest, 1000)
    else:
        flip(newest, -1 if damage == "bit" else 200)
    assert train_command.main(["--resume", str(run)]) == 0
    shown = capsys.readouterr()
    (line,) = [line for line in shown.err.splitlines() if "previous.safetensors" in line]
    words = {"bit": "is damaged: the checksum of the tensor", "cut": "not a whole", "deleted": "no checkpoint at"}
    assert words.get(damage, "is damaged") in line
    assert line.endswith("continuing from previous.safetensors, of all steps of epoch 2, without its validation")
    assert (run / "damaged.safetensors").exists() == (damage != "deleted")
    assert (run / "weights.safetensors").read_bytes() == weights


def test_where_all_later_ones_are_damaged_the_checkpoint_of_an_earlier_epoch_continues(run: Path, capsys: Any) -> None:
    flip(run / "checkpoints" / "epoch-0002.safetensors")
    for name in ("checkpoint.safetensors", "previous.safetensors"):
        flip(run / name)
    assert train_command.main(["--resume", str(run)]) == 0
    assert "continuing from epoch-0001.safetensors, of epoch 1" in capsys.readouterr().err
    flip(run / "checkpoints" / "epoch-0001.safetensors")
    assert train_command.main(["--resume", str(run / "checkpoints" / "epoch-0001.safetensors")]) == 1
    shown = capsys.readouterr().err
    assert "epoch-0001.safetensors is damaged: the checksum of the tensor" in shown
    assert "Take another copy or an earlier checkpoint" in shown


def test_a_checkpoint_that_does_not_fit_its_schema_is_refused_in_words(run: Path) -> None:
    tree = checkpoint.load(run / "checkpoint.safetensors")
    changes: list[tuple[str, Any, str]] = [
        ("position", {**tree["position"], "step": "two"}, "position.step is a text instead of a whole number"),
        ("position", {**tree["position"], "validated": 9}, "position cannot be"),
        ("model", {"fc.weight": 3}, "model.fc.weight is a whole number instead of a tensor"),
        ("watch", {}, "watch.norms is missing"),
        ("best", None, "best is nothing instead of a dict"),
        ("recipe", {**tree["recipe"], "lr": -1}, "--lr must be above 0"),
        ("data", {"classes": 3}, "data.classes is a whole number instead of a list"),
    ]
    for name, value, words in changes:
        checkpoint.save(run / "odd.safetensors", {**tree, name: value})
        with pytest.raises(CheckpointError, match=rf"odd\.safetensors is no checkpoint of a run: {words}"):
            load_checkpoint(run / "odd.safetensors")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scheduler", {"base_lrs": "x"}),
        ("random", {"bit_generator": "MT19937"}),
        ("ema", {"module.fc.weight": None}),
        ("optimizer", {"state": {0: {"exp_avg": 1}}, "param_groups": []}),
        ("model", {}),
    ],
)
def test_no_state_of_a_stranger_raises_anything_but_the_checkpoints_own_error(
    name: str, value: Any, run: Path, capsys: Any
) -> None:
    path = run / "checkpoint.safetensors"
    (run / "weights.safetensors").unlink()  # so that there is something left to do
    tree = checkpoint.load(path)
    checkpoint.save(path, {**tree, name: value})
    (run / "previous.safetensors").unlink()
    shutil.rmtree(run / "checkpoints")
    assert train_command.main(["--resume", str(run)]) == 1
    shown = capsys.readouterr().err
    assert "checkpoint.safetensors" in shown
    assert "mistake in the program" not in shown


def test_data_are_compared_with_their_declared_types() -> None:
    assert misfit({"a": (1, 2.0)}, dict[str, tuple[int, float]]) is None
    assert misfit({"a": (1, True)}, dict[str, tuple[int, float]], "x") == "x.a.1 is true or false instead of a number"
    assert misfit({1: 2}, dict[str, int], "x") == "a key of x is a whole number instead of a text"
    assert misfit([None, 1], list[int | None]) is None
    assert misfit({}, Checkpoint) == "recipe is missing"
    assert unlike({"a": [1, "x", None]}, {"a": [2, "y", None]}) is None
    assert unlike({"a": [1, 2]}, {"a": [2, "y"]}) == "a.1 is a whole number instead of a text"
    assert unlike({"b": 1}, {"a": 1}, "state") == "state does not have the entries a"


# --- verify ---


def test_verify_names_every_file_that_is_not_whole(run: Path, capsys: Any) -> None:
    for name in ("curves.png", "predictions.png", "confusion.png"):
        (run / name).unlink(missing_ok=True)
    shutil.copy(Path(__file__).parent.parent / "docs" / "images" / "full-fashion-mnist.png", run / "curves.png")
    shutil.copy(run / "best.safetensors", run / "weights.safetensors")
    (run / "predictions.png").write_bytes((run / "curves.png").read_bytes()[:1000])
    flip(run / "best.safetensors")
    with open(run / "metrics.jsonl", "ab") as file:
        file.write(b"\0\0\0\n")
    assert program.main(["verify", str(run)]) == 1
    shown = capsys.readouterr()
    rows = {line.split()[0]: line for line in shown.out.splitlines()}
    assert "whole  epoch 2" in rows["checkpoint.safetensors"]
    assert "WRONG" in rows["best.safetensors"]
    assert "is damaged: the checksum of" in rows["best.safetensors"]
    assert "1 damaged line, the first is line" in rows["metrics.jsonl"]
    assert "WRONG" in rows["predictions.png"]
    assert "missing" in rows["confusion.png"]
    assert "whole" in rows["curves.png"]
    assert "synthetic, 2 epochs, adam" in rows["recipe.json"]
    assert "4 files of" in shown.err
    assert "whole: best.safetensors, metrics.jsonl, predictions.png, confusion.png" in shown.err


def test_verify_refuses_what_is_no_run(tmp_path: Path, capsys: Any) -> None:
    assert program.main(["verify", str(tmp_path)]) == 1
    assert "holds no run: neither checkpoint.safetensors nor" in capsys.readouterr().err


# --- The folder ---


def test_a_folder_that_was_deleted_is_made_again_with_all_steps(tmp_path: Path, stubs: Any, capsys: Any) -> None:
    run = tmp_path / "run"
    log = RunFolder.log

    def deleting(folder: RunFolder, record: Any) -> None:
        if record["kind"] == "step" and record["global_step"] == 3:
            shutil.rmtree(run)
        log(folder, record)

    stubs.setattr(RunFolder, "log", deleting)
    options = tiny(width=0.0625, limit=16, batch_size=4, epochs=1)
    assert train_command.main([*options, "--output", str(run)]) == 1
    assert "Saved up to step 3 of epoch 1" in capsys.readouterr().err
    stubs.setattr(RunFolder, "log", log)
    assert train_command.main(["--resume", str(run)]) == 0


def test_a_run_does_not_write_into_the_folder_of_another_one(tmp_path: Path, stubs: Any, capsys: Any) -> None:
    run, other = tmp_path / "run", {"pid": 1, "host": "elsewhere", "started": "now"}
    log = RunFolder.log

    def exchanging(folder: RunFolder, record: Any) -> None:
        if record["kind"] == "step" and record["global_step"] == 3:
            run.rename(tmp_path / "moved")
            run.mkdir()
            (run / "run.lock").write_text(json.dumps(other))
        log(folder, record)

    stubs.setattr(RunFolder, "log", exchanging)
    options = tiny(width=0.0625, limit=16, batch_size=4, epochs=1)
    assert train_command.main([*options, "--output", str(run)]) == 1
    assert "is in use by process 1 on elsewhere" in capsys.readouterr().err
    assert os.listdir(run) == ["run.lock"]


def test_without_locks_the_process_in_the_lock_file_counts(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(system, "lock", lambda file: None)
    owner = {"pid": os.getppid(), "host": folder_lock.socket.gethostname(), "started": "2020"}
    (tmp_path / "run.lock").write_text(json.dumps(owner))
    with pytest.raises(FolderInUseError, match=r"by process \d+ on .*; if it has ended, remove .*run\.lock"):
        FolderLock(tmp_path)
    for gone in ({**owner, "pid": 2**22 + 5}, {**owner, "pid": os.getpid()}, {}, {**owner, "pid": None}):
        (tmp_path / "run.lock").write_text(json.dumps(gone))
        FolderLock(tmp_path).release()
    (tmp_path / "run.lock").write_text(json.dumps({**owner, "host": "elsewhere", "pid": 2**22 + 5}))
    with pytest.raises(FolderInUseError, match="on elsewhere"):
        FolderLock(tmp_path)


def test_metrics_are_cut_at_the_first_record_beyond_the_checkpoint(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    step = {"kind": "step", "epoch": 1, "loss": 1.0, "accuracy": 0.5, "cross_entropy": 1.0}
    epoch = {"kind": "epoch", "epoch": 1, "validation_loss": 1.0, "validation_accuracy": 0.5, "global_step": 2}
    records = [{**step, "step": n, "global_step": n} for n in (1, 2)]
    for record in (*records, epoch, {"kind": "warning", "global_step": 2, "text": "of the validation"}):
        folder.log(record)
    assert folder.forget_after(2, 0).damaged == []
    assert folder.records() == records
    folder.release()
