"""Names from outside are shown as text, whatever they contain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import minigrad
from inception.board import Board
from inception.evaluation import Evaluation
from inception.evaluation_report import table
from inception.step_result import StepResult
from minigrad.nn import functional as F
from minigrad.printable import columns, padded, printable, shortened


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain $5_$10 \\ 100%", "plain $5_$10 \\ 100%"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\nb\r\tc\x85", r"a\nb\r\tc\x85"),
        ("caf\udce9", r"caf\xe9"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2028\ufeff\u200b\ue000", r"\u2028\ufeff\u200b\ue000"),
        ("猫 café e\u0301 حيوان 🦓\u3000👩\u200d🚀", "猫 café e\u0301 حيوان 🦓\u3000👩\u200d🚀"),
        (Path("a\nb"), r"a\nb"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(name: object, shown: str) -> None:
    assert printable(name) == shown
    printable(name).encode("utf-8")


def test_columns_are_those_of_a_terminal() -> None:
    assert [columns(text) for text in ("", "cat", "猫猫", "e\u0301")] == [0, 3, 4, 1]
    assert padded("猫", 4) + "|" == "猫  |"


def test_a_text_is_shortened_in_its_middle() -> None:
    assert shortened("cat", 3) == "cat"
    assert shortened("Siberian husky, left", 12) == "Siberi…left"
    assert columns(shortened("猫" * 9, 8)) <= 8
    assert shortened("cat", 0) == "…"


def test_a_table_of_odd_names_is_aligned() -> None:
    found = Evaluation(0.0, np.array([0, 1, 2]), np.array([0, 1, 2]), 1.0, 3)
    lines = table(found, ["猫", "esc\x1b[31m", "two\nlines"])
    assert all("\x1b" not in line and "\n" not in line for line in lines)
    assert len({columns(line) for line in lines}) == 1


def test_settings_are_no_markup_for_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    board = Board(tmp_path, 0)
    board.begin({"root": "a|b <b>\udce9\n"}, "run")
    board.end({"root": "caf\udce9"}, {"validation_accuracy": 0.5})
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*tfevents*"))
    assert rb"a\|b \<b\>\\xe9\\n |" in written


def test_a_step_also_measures_the_loss_of_validation() -> None:
    scores, labels = minigrad.tensor([[2.0, 0.0], [0.0, 1.0]]), minigrad.tensor([0, 0])
    loss = F.cross_entropy(scores, labels, label_smoothing=0.3)
    result = StepResult.of((loss, scores, labels))
    assert result.cross_entropy == pytest.approx(F.cross_entropy(scores, labels).item())
    assert result.loss == pytest.approx(loss.item())
    assert result.loss != pytest.approx(result.cross_entropy)
