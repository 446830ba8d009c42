"""However a command ends, its work is saved, and one line says why it ended and what to do."""

from __future__ import annotations

import errno
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from inception import ending, loop, output, shared_evaluation
from inception.advice import how_to_continue
from inception.checkpoints import load_checkpoint, read_outline
from inception.commands import train as train_command
from inception.interrupt import StopAfterThisStep, not_interrupted
from inception.lock import FolderInUseError
from inception.run_folder import RunFolder
from inception.state import Training
from inception.step_result import StepResult
from tests.test_continuing import compute_nothing, take_a_step
from tests.tiny_runs import tiny

NEW = tiny(limit=12, epochs=1)
NEW += ["--optimizer", "sgd", "--momentum", "0"]


@pytest.fixture
def stubs(monkeypatch: Any) -> Any:
    return compute_nothing(monkeypatch)


def fail(error: BaseException) -> Any:
    def command() -> int:
        raise error

    return command


# --- Errors and interrupts ---


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("two\n  lines"), 1, "error: two lines\n"),
        (ending.OptionError("lr must be above 0"), 2, "error: lr must be above 0\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (MemoryError("3 GiB"), 1, "error: out of memory (3 GiB): lower --batch-size, --image-size or --workers\n"),
        (OSError("a\x1b[31mb"), 1, "error: a\\x1b[31mb\n"),
        (OSError(errno.EIO, "Input/output error"), 1, "error: Input/output error\n"),
        (RuntimeError(), 1, "error: RuntimeError\n"),
    ],
)
def test_an_error_is_one_line_with_its_exit_status(error: Any, status: int, message: str, capsys: Any) -> None:
    assert ending.run(fail(error)) == status
    assert capsys.readouterr().err == message


def test_notes_of_an_error_say_what_to_do(capsys: Any) -> None:
    error = OSError("no space")
    error.add_note("Make room")
    assert ending.run(fail(error)) == 1
    assert capsys.readouterr().err == "error: no space. Make room\n"


def test_the_traceback_of_a_mistake_in_the_program_is_in_a_file_or_shown(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert ending.run(fail(ZeroDivisionError("division by zero"))) == 1
    shown = capsys.readouterr().err
    (written,) = tmp_path.iterdir()
    assert shown.startswith(
        "error: ZeroDivisionError: division by zero (a mistake in the program, not in what you typed)"
    )
    assert f"The traceback is in {written}; --debug shows it" in shown
    assert "Traceback (most recent call last)" in written.read_text(encoding="utf-8")
    assert ending.run(fail(ZeroDivisionError("division by zero")), debug=True) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_paths_in_commands_can_be_pasted_into_a_shell() -> None:
    folder = RunFolder.__new__(RunFolder)
    folder.path = Path("my runs") / "$one"
    assert how_to_continue(folder).endswith("train --resume 'my runs/$one'")


# --- Output that nobody reads ---


class Closed(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_closed_pipe_does_not_end_a_run(tmp_path: Path, stubs: Any) -> None:
    stubs.setattr(sys, "stdout", Closed())
    stubs.setattr(sys, "stderr", Closed())
    assert train_command.main([*NEW, "--output", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "weights.safetensors").exists()


def test_output_is_dropped_where_there_is_no_stream(monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with output.that_may_be_lost():
        print("nowhere", flush=True)
    assert sys.stdout is None


# --- The owner of a folder ---


def test_a_folder_belongs_to_one_run_until_it_is_released(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(FolderInUseError, match=rf"run is in use by process {os.getpid()} on .*, which started at 20"):
        RunFolder(tmp_path / "run", resuming=True)
    folder.release()
    assert not (tmp_path / "run").exists()  # nothing was written
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.lock").write_text(json.dumps({"pid": 1, "host": "here", "started": "2020"}))  # left behind
    RunFolder(tmp_path / "run").release()


def test_a_run_is_refused_within_the_folder_of_another_one(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoint.safetensors").touch()
    for inside in ("checkpoints", "again/deeper"):
        with pytest.raises(FileExistsError, match=r"lies in the folder of another run, .*run: choose"):
            RunFolder(tmp_path / "run" / inside)
    assert not (tmp_path / "run" / "again").exists()


def test_the_results_that_a_run_names_include_the_folder_of_tensorboard(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert folder.results == []
    folder.weights.touch()
    folder.board.mkdir()
    assert folder.results == [folder.weights, folder.board]
    folder.release()


@pytest.mark.parametrize("place", ["run", "cat/run"])
def test_a_run_is_refused_where_its_folder_would_become_a_class(place: str, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "cat").mkdir()
    data = ["--data", "folder", "--root", str(tmp_path), "--val-split", "0.5"]
    assert train_command.main([*data, "--output", str(tmp_path / place)]) == 2
    assert "would be taken for a class of" in capsys.readouterr().err
    assert not (tmp_path / place).exists()


HOLD = """
import os, sys, time
from pathlib import Path
from inception.run_folder import RunFolder
folder = RunFolder(Path(sys.argv[1]))
if os.fork() == 0:
    print("held", flush=True)
time.sleep(20)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are copies")
def test_the_lock_of_a_killed_run_is_free_even_if_its_workers_still_live(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(FolderInUseError, match=f"process {holder.pid} "):
        RunFolder(tmp_path)
    holder.kill()
    holder.wait()
    RunFolder(tmp_path).release()


# --- What is saved ---


def test_a_killed_worker_costs_no_step(tmp_path: Path, stubs: Any, capsys: Any) -> None:
    def kill_after_the_first(training: Training, *rest: Any) -> StepResult:
        if training.global_step == 1:
            multiprocessing.active_children()[0].kill()
        return take_a_step(training, *rest)

    stubs.setattr(loop, "_step", kill_after_the_first)
    run = tmp_path / "run"
    assert train_command.main([*NEW, "--workers", "1", "--output", str(run)]) == 1
    shown = capsys.readouterr().err
    position = read_outline(run / "checkpoint.safetensors")["position"]
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert 2 <= position["step"] == sum(record["kind"] == "step" for record in records) < 6
    assert f"Saved up to step {position['step']} of epoch 1" in shown
    assert f"--resume {run} --workers 0" in shown
    assert train_command.main(["--resume", str(run)]) == 0


def test_on_a_full_disk_the_message_names_the_last_checkpoint_and_how_to_go_on(
    tmp_path: Path, stubs: Any, capsys: Any
) -> None:
    save = Training.save

    def full(training: Training, path: Path, keep_old_as: Path | None = None) -> None:
        if training.global_step > 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        save(training, path, keep_old_as)

    stubs.setattr(Training, "save", full)
    run = tmp_path / "run"
    assert train_command.main([*NEW, "--save-every", "2", "--output", str(run)]) == 1
    shown = capsys.readouterr().err
    assert "No space left on device" in shown
    assert (
        f"Saved up to step 2 of epoch 1 in {run}/checkpoint.safetensors. Make room on the disk, then continue" in shown
    )
    assert load_checkpoint(run / "checkpoint.safetensors")["position"]["step"] == 2


def test_a_second_ctrl_c_ends_a_run_at_once_with_its_steps_saved(tmp_path: Path, stubs: Any, capsys: Any) -> None:
    def press_twice(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    stubs.setattr(shared_evaluation, "evaluate", press_twice)
    run = tmp_path / "run"
    assert train_command.main([*NEW, "--output", str(run)]) == 130
    shown = capsys.readouterr().err
    assert "interrupted. Saved up to all steps of epoch 1, without its validation" in shown
    assert read_outline(run / "checkpoint.safetensors")["position"]["epoch"] == 1


def test_ctrl_c_waits_while_a_checkpoint_is_written() -> None:
    written = []

    def write() -> None:
        with not_interrupted():
            signal.raise_signal(signal.SIGINT)
            written.append("checkpoint")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert written == ["checkpoint"]
    with StopAfterThisStep() as stop, not_interrupted():
        signal.raise_signal(signal.SIGINT)
    assert stop.requested


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs terminals that hang up")
def test_a_closed_terminal_stops_a_run_after_its_step_unless_nohup_says_otherwise() -> None:
    with StopAfterThisStep() as stop:
        signal.raise_signal(signal.SIGHUP)
    assert stop.requested
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopAfterThisStep() as stop:
            signal.raise_signal(signal.SIGHUP)
        assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_before_the_first_step_is_one_line_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setattr(train_command, "load_data", lambda recipe: signal.raise_signal(signal.SIGINT))
    assert train_command.main([*NEW, "--find-lr", "--output", str(tmp_path / "run")]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals that can be handled")
def test_a_command_that_is_terminated_tidies_up_and_says_so(capsys: Any) -> None:
    tidied = []

    def command() -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            tidied.append("folder")
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert ending.run(command) == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "stopped by SIGTERM\n"
    assert tidied == ["folder"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_ctrl_c_inside_of_text_that_is_evaluated_keeps_the_exit_status(tmp_path: Path) -> None:
    (tmp_path / "command.py").write_text(
        "import sys\nfrom inception import ending\nsys.exit(ending.run(lambda: exec('raise KeyboardInterrupt')))\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent.parent}{os.pathsep}{tmp_path}"}
    done = subprocess.run([sys.executable, "-m", "command"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_ctrl_c_while_numpy_is_loaded_is_one_line() -> None:
    program = "import runpy; runpy.run_module('inception', None, '__main__')"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    started = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-c", program], stderr=subprocess.PIPE, env=environment
    )
    assert started.stderr is not None
    while b"argparse" not in started.stderr.readline():
        pass
    time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    errors = started.stderr.read().decode()
    started.wait()
    assert "Traceback" not in errors
    assert started.returncode == 130
    assert errors.rstrip().endswith("interrupted")
