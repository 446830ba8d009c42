"""Writing files: whole or not at all, and never through a link that somebody has put there."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from inception import figures
from inception.run_folder import RunFolder
from inception.weights import save_weights
from minigrad import checkpoint, files, nn, profiler
from minigrad.data.datasets import write_idx

VALUABLE = b"what the user holds dear"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a file outside the run's folder."""
    path = tmp_path / "victim"
    path.write_bytes(VALUABLE)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target)
    except OSError as error:  # Windows lets only some users make links
        pytest.skip(f"this user may make no links: {error}")


WRITERS: dict[str, Any] = {
    "write_atomically": lambda path: files.write_atomically(path, b"new"),
    "checkpoint.save": lambda path: checkpoint.save(path, {"x": 1}),
    "save_weights": lambda path: save_weights(nn.Linear(1, 1), path),
    "write_idx": lambda path: write_idx(path, np.zeros(3, np.uint8)),
    "draw_rates": lambda path: figures.draw_rates([1e-3, 1e-2], [1.0, 0.5], 1e-3, path),
}


def export_trace(path: Path) -> None:
    with profiler.profile() as seen:
        minigrad.ones(2).add(1)
    seen.export_chrome_trace(path)


WRITERS["export_chrome_trace"] = export_trace


@pytest.mark.parametrize("name", WRITERS)
def test_a_link_at_a_files_name_is_replaced_and_what_it_points_to_is_not_touched(
    name: str, run: Path, victim: Path
) -> None:
    link(run / "file", victim)
    WRITERS[name](run / "file")
    assert victim.read_bytes() == VALUABLE
    assert (run / "file").is_file()
    assert not (run / "file").is_symlink()
    assert [entry.name for entry in run.iterdir()] == ["file"]


@pytest.mark.parametrize("name", WRITERS)
def test_no_writer_uses_a_temporary_name_that_can_be_guessed(name: str, run: Path, victim: Path) -> None:
    guesses = [f".file.{os.getpid()}.partial", "file.partial", ".file.partial", "file.tmp"]
    for guess in guesses:
        link(run / guess, victim)
    WRITERS[name](run / "file")
    assert victim.read_bytes() == VALUABLE
    assert all((run / guess).is_symlink() for guess in guesses)


def test_a_temporary_name_that_was_guessed_after_all_is_not_followed(
    run: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "urandom", bytes)  # zeros
    link(run / f".file.{'00' * 8}.partial", victim)
    with pytest.raises(OSError, match="what was there before is unchanged"):
        files.write_atomically(run / "file", b"new")
    assert victim.read_bytes() == VALUABLE


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_a_new_file_has_the_permissions_that_the_user_gives_new_files(run: Path) -> None:
    (run / "usual").write_bytes(b"")
    files.write_atomically(run / "file", b"new")
    assert stat.S_IMODE((run / "file").stat().st_mode) == stat.S_IMODE((run / "usual").stat().st_mode)


def test_files_are_written_where_folders_cannot_be_opened(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK"):  # as on Windows
        monkeypatch.delattr(os, name, raising=False)
    files.write_atomically(run / "file", b"new")
    files.append(run / "file", b"er")
    assert (run / "file").read_bytes() == b"newer"


def test_nothing_is_appended_through_a_link_or_to_a_pipe(run: Path, victim: Path) -> None:
    files.append(run / "log", b"one")
    files.append(run / "log", b" two")
    assert (run / "log").read_bytes() == b"one two"
    for target in (victim, run / "nowhere"):
        (run / "log").unlink()
        link(run / "log", target)
        with pytest.raises(OSError, match=r"log is a link: refused to write through it"):
            files.append(run / "log", b"three")
    assert victim.read_bytes() == VALUABLE
    assert not (run / "nowhere").exists()
    if hasattr(os, "mkfifo"):
        os.mkfifo(run / "pipe")
        with pytest.raises(OSError, match="pipe"):
            files.append(run / "pipe", b"four")


# --- The folder of a run ---


@pytest.mark.parametrize("name", ["metrics.jsonl", "checkpoints", "tensorboard"])
def test_a_run_folder_with_a_link_where_the_run_would_write_is_refused(name: str, run: Path, victim: Path) -> None:
    elsewhere = run.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "epoch-0001.safetensors").write_bytes(VALUABLE)
    link(run / name, victim if "." in name else elsewhere)
    with pytest.raises(OSError, match=rf"{name} is a link: refused to write through it"):
        RunFolder(run, resuming=True)
    assert victim.read_bytes() == VALUABLE
    assert os.listdir(elsewhere) == ["epoch-0001.safetensors"]


def test_a_link_among_the_files_for_tensorboard_is_refused(run: Path, victim: Path) -> None:
    (run / "tensorboard").mkdir()
    link(run / "tensorboard" / "events", victim)
    with pytest.raises(OSError, match="events is a link"):
        RunFolder(run)


def test_links_that_appear_during_a_run_are_not_followed(run: Path, victim: Path) -> None:
    folder = RunFolder(run)
    checkpoint.save(folder.checkpoint, {"x": 1})
    elsewhere = run.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "epoch-0001.safetensors").write_bytes(VALUABLE)
    link(folder.checkpoints, elsewhere)
    with pytest.raises(OSError, match="checkpoints is a link"):
        folder.keep(2, 1)
    assert os.listdir(elsewhere) == ["epoch-0001.safetensors"]
    link(folder.metrics, victim)
    with pytest.raises(OSError, match=r"metrics\.jsonl is a link"):
        folder.log({"kind": "step"})
    assert victim.read_bytes() == VALUABLE


def test_other_links_in_a_run_folder_are_replaced_and_not_written_through(run: Path, victim: Path) -> None:
    for name in (".writable", ".checkpoint.safetensors.1.partial", "checkpoint.safetensors"):
        link(run / name, victim)
    folder = RunFolder(run, resuming=True)
    checkpoint.save(folder.checkpoint, {"x": 1})
    folder.keep(1, 1)
    folder.log({"kind": "warning", "global_step": 1})
    folder.forget_after(1, 0)
    assert victim.read_bytes() == VALUABLE
    assert checkpoint.load(folder.checkpoint) == checkpoint.load(run / "checkpoints" / "epoch-0001.safetensors")
    assert json.loads(folder.metrics.read_text()) == {"kind": "warning", "global_step": 1}


def test_checkpoints_are_kept_where_there_are_no_hard_links(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*names: Any) -> None:
        raise OSError("not on this file system")

    monkeypatch.setattr(os, "link", no_links)
    folder = RunFolder(run)
    for epoch in (1, 2, 3):
        checkpoint.save(folder.checkpoint, {"epoch": epoch})
        folder.keep(epoch, 2)
    kept = sorted(folder.checkpoints.iterdir())
    assert [checkpoint.load(path)["epoch"] for path in kept] == [2, 3]
