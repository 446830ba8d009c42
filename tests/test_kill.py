"""A run that is killed at any moment and resumed ends with the weights of an uninterrupted run."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tiny_runs import tiny

COMMAND = [sys.executable, "-m", "inception", "train"]
RECIPE = tiny()
RECIPE += ["--optimizer", "sgd", "--lr", "0.01", "--mixup", "0.2", "--ema", "0.9"]
RUN = ["--save-every", "1", "--log-gradients", "3"]
STARTING = 2.0  # about the seconds before there is anything to interrupt


def start(folder: Path, epochs: int) -> subprocess.Popen[str]:
    """Start the run, or continue it."""
    resumable = (folder / "checkpoint.safetensors").exists()
    begin = ["--resume", str(folder)] if resumable else [*RECIPE, "--epochs", str(epochs), "--output", str(folder)]
    return subprocess.Popen([*COMMAND, *begin, *RUN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_with_kills(folder: Path, epochs: int, kills: int, moments: random.Random) -> int:
    """Run to the end, killing at most ``kills`` times on the way; return how often it was killed."""
    killed = 0
    while True:
        process = start(folder, epochs)
        if killed < kills:
            time.sleep(STARTING + moments.uniform(0, 3))
            process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=240)
        if process.returncode == 0:
            return killed
        assert process.returncode == -signal.SIGKILL, errors
        killed += 1


@pytest.mark.parametrize(("kills", "epochs"), [(1, 1), pytest.param(20, 2, marks=pytest.mark.slow)])
def test_killed_at_random_moments_a_run_ends_with_the_same_bits(kills: int, epochs: int, tmp_path: Path) -> None:
    assert run_with_kills(tmp_path / "whole", epochs, 0, random.Random(0)) == 0
    expected = (tmp_path / "whole" / "weights.safetensors").read_bytes()
    metrics = (tmp_path / "whole" / "metrics.jsonl").read_text().count('"kind": "step"')
    moments, killed = random.Random(kills), 0
    while killed < kills:
        folder = tmp_path / f"killed-{killed}"
        killed += run_with_kills(folder, epochs, kills - killed, moments)
        assert (folder / "weights.safetensors").read_bytes() == expected
        assert (folder / "metrics.jsonl").read_text().count('"kind": "step"') == metrics == 2 * epochs
        assert not list(folder.rglob("*.partial"))
