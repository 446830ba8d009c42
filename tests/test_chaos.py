"""Faults in real runs end as docs/reliability.md promises; as many as wanted are put by ``python -m tests.chaos``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.faults_elsewhere.trial import Outcome, outcome
from minigrad.testing.pages import with_section
from tests.chaos.__main__ import PAGE, TRIALS, line_of, table_of_trials, trial_of
from tests.chaos.table import table
from tests.chaos.trial import Trial
from tests.chaos.verdict import NAMED, Verdict

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the runs are copies of one process")

#: Faults whose runs are cheap, and need no numbers that are really computed.
CHEAP = (
    "SIGKILL",
    "SIGTERM",
    "SIGINT",
    "SIGINT twice",
    "worker killed",
    "worker stalled",
    "disk full",
    "disk full at sync",
    "file size limit",
    "no sync",
    "folder deleted",
    "folder read-only",
    "folder moved in the run",
    "metrics damaged",
    "checkpoint torn",
    "checkpoint bit flipped",
    "checkpoint deleted",
    "image unreadable",
    "image changed after a kill",
    "two runs in one folder",
)


def chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tests.chaos", *arguments], capture_output=True, text=True)


def test_twenty_faults_end_without_a_silent_wrong(tmp_path: Path) -> None:
    kinds = [word for name in CHEAP for word in ("--kind", name)]
    done = chaos("--quick", "--faults", "20", "--seed", "3", *kinds, "--json", str(tmp_path / "trials"))
    assert done.returncode == 0, done.stdout + done.stderr
    trials = [json.loads(line) for line in (tmp_path / "trials").read_text("utf-8").splitlines()]
    assert [trial["fault"] for trial in trials] == list(CHEAP)
    assert {trial["verdict"] for trial in trials} >= {"resumed", "named error"}


@pytest.mark.slow
def test_one_fault_of_every_kind_ends_without_a_silent_wrong() -> None:
    done = chaos("--seed", "4")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_of_the_page_is_that_of_its_trials_and_has_no_wrong_end() -> None:
    text = PAGE.read_text("utf-8")
    assert with_section(text, "faults", table_of_trials()) == text
    assert all(trial_of(line).verdict.good for line in TRIALS.read_text("utf-8").splitlines())


def test_a_wrong_end_is_counted_and_survives_the_file_of_trials() -> None:
    trials = [
        Trial(0, "disk full", "sgd", "at write 3", Verdict(NAMED), 1.5),
        Trial(1, "disk full", "adam", "at write 4", Verdict("", "the weights differ"), 2.5),
    ]
    assert [trial_of(line_of(trial, 7)) for trial in trials] == trials
    assert "| disk full | 2 |  |  | 1 |  | 1 |" in table(trials)
    assert "| **all** | 2 |  |  | 1 |  | 1 |" in table(trials)


@pytest.mark.slow
def test_a_script_of_ones_own_continues_to_the_same_bits_after_a_kill() -> None:
    """The script that ``python -m benchmarks.faults_elsewhere`` compares with those of other libraries."""
    assert outcome("with_minigrad", "SIGKILL in step 11")._replace(seconds=None) == Outcome("same bits", 3, None)
    assert outcome("with_minigrad", "a bit of it flipped")._replace(seconds=None) == Outcome("same bits", 6, None)
