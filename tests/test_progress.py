"""What one sees while something takes long: a line that fits the terminal, or a line a minute in a file."""

from __future__ import annotations

import io
import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inception import progress
from inception.progress import (
    Part,
    Progress,
    clock_time,
    fitted,
    messages_in_own_words,
    result,
    say,
    shown,
    waiting,
    warn,
)
from inception.report import Report
from inception.run_folder import RunFolder
from inception.state import EpochSums
from inception.step_result import StepResult

pytest.importorskip("tqdm", reason="draws the line")


class Clock:
    """A clock that goes on by ten seconds whenever it is read."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress.time, "perf_counter", Clock())
    monkeypatch.delenv("TQDM_DISABLE", raising=False)


@contextmanager
def terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Make stderr a terminal of that width. After the block, the list has everything that was drawn there."""
    pty = pytest.importorskip("pty", reason="a terminal to draw at")
    import fcntl
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 0, columns, 0, 0))
    drawn: list[str] = []
    with os.fdopen(follower, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        yield drawn
    text = b""
    with os.fdopen(leader, "rb", buffering=0) as reader, suppress(OSError):  # Linux ends it with an error
        while more := reader.read(4096):
            text += more
    drawn += text.decode().replace("\n", "\r").split("\r")


PARTS = [
    Part("epoch 2/3 45%"),
    Part("loss 1.234", 1),
    Part("acc 56.7%", 3),
    Part("23.4 images/s", 4),
    Part("0:42 left", 2),
]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (None, "epoch 2/3 45%  loss 1.234  acc 56.7%  23.4 images/s  0:42 left"),
        (62, "epoch 2/3 45%  loss 1.234  acc 56.7%  23.4 images/s  0:42 left"),
        (61, "epoch 2/3 45%  loss 1.234  acc 56.7%  0:42 left"),
        (40, "epoch 2/3 45%  loss 1.234  0:42 left"),
        (30, "epoch 2/3 45%  loss 1.234"),
        (5, "ep…5%"),
    ],
)
def test_what_does_not_fit_is_left_out_whole_and_the_least_important_first(width: int | None, text: str) -> None:
    assert fitted(PARTS, width) == text


@pytest.mark.parametrize("columns", [80, 50, 30])
def test_a_terminal_shows_a_line_that_fits_without_escape_codes_and_text_in_between(
    columns: int, slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REDRAWN_EVERY", 0)
    with terminal(columns, monkeypatch) as drawn:
        for number in shown(range(4), "validation", unit="batch"):
            if number == 2:
                warn("something is odd")
    assert drawn[1] == "validation …"
    assert "warning: something is odd" in drawn
    assert max(map(len, drawn)) < columns
    assert not any("\x1b" in text for text in drawn)
    assert any("left" in text for text in drawn)
    assert any("batches/s" in text for text in drawn) == (columns >= 50)
    assert not drawn[-1].strip()  # the line is taken away at the end
    assert Progress.drawn == 0


def test_a_file_gets_a_line_a_minute_without_control_characters(slow: None, capsys: Any) -> None:
    assert list(shown(iter(range(25)), "scanning pets", total=25, unit="file")) == list(range(25))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "scanning pets 24%  6/25 files  0.1 files/s  3:10 left"
    assert len(lines) == 4


def test_nothing_is_shown_if_the_environment_says_so(slow: None, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert len(list(shown(range(25), "scanning"))) == 25
    assert capsys.readouterr().err == ""
    with terminal(80, monkeypatch) as drawn:
        list(shown(range(25), "scanning"))
        say("done")
    assert [text for text in drawn if text] == ["done"]


def test_the_first_update_does_not_count_for_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.0, 100.0, 101.0, 102.0])  # the first update waits for the compiler
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(times))
    task = Progress("epoch", total=12)
    for _ in range(3):
        task.update(2)
    assert task.speed == 2.0
    assert task.seconds_left == 3.0


def test_warnings_and_notices_of_libraries_become_lines_of_the_program(capsys: Any) -> None:
    with messages_in_own_words():
        warnings.warn("two\n  lines", stacklevel=1)
        logging.getLogger("minigrad").warning("compiling")
        result("42")
    shown = capsys.readouterr()
    assert shown.err == "warning: two lines\ncompiling\n"
    assert shown.out == "42\n"


def test_a_program_without_a_console_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    warn("nobody reads this")
    assert list(shown(range(2), "validation")) == [0, 1]
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not progress.at_terminal()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00"), (90_000, "1 d 1 h")]
)
def test_durations_are_clock_times(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "epoch 2/3 50%  loss 1.200  acc 56.2%  3.2 images/s  0:20 left  run 1:00"),
        (50, "epoch 2/3 50%  loss 1.200  acc 56.2%  0:20 left"),
        (30, "epoch 2/3 50%  loss 1.200"),
    ],
)
def test_a_run_shows_its_loss_accuracy_speed_and_time_left(
    columns: int, line: str, slow: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REDRAWN_EVERY", 0)
    report = Report(RunFolder(tmp_path), ("cat", "dog"), log_gradients=99)
    training = cast(Any, SimpleNamespace(
        epoch=1, step=0, steps_per_epoch=4, global_step=5, lr=0.1, progress=EpochSums(),
        recipe=SimpleNamespace(epochs=3),
    ))  # fmt: skip
    with terminal(columns, monkeypatch) as drawn:
        report.begin_epoch(training)
        for _ in range(2):
            training.step += 1
            step = StepResult([1.234], [18], [32], [1.2])
            training.progress.add(step)
            report.step(training, step)
        report.end_steps()
    assert line in [text.rstrip() for text in drawn]
    assert max(map(len, drawn)) < columns


def test_what_cannot_be_counted_shows_how_long_it_has_lasted(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(progress, "A_LINE_EVERY", 0.01)
    with waiting(lambda: "reading pets"):
        time.sleep(0.2)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "reading pets … 0:00"


def test_names_recolour_no_terminal(capsys: Any) -> None:
    progress.say("no file matches \x1b[31mred\nnext")
    progress.result("new\x07\n  猫")
    shown = capsys.readouterr()
    assert shown.err == "no file matches \\x1b[31mred\nnext\n"
    assert shown.out == "new\\x07\n  猫\n"
