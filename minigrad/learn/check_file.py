"""Judge a learner's file in a process of its own, so that its code may do anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from minigrad.learn.child import SECONDS
from minigrad.learn.judge import Verdict
from minigrad.learn.milestones import Milestone
from minigrad.learn.record import Exercise

#: Seconds until a process is ended that does not even end itself; it must start and import NumPy first.
PATIENCE = SECONDS + 50


@dataclass
class Checked:
    """A verdict, and what the learner's code printed."""

    verdict: Verdict
    printed: str = ""


def check_file(exercise: Exercise, path: Path) -> Checked:
    """Judge a learner's file.

    Raises:
        OSError: if it cannot be read.
    """
    with open(path, "rb"):
        pass
    with tempfile.TemporaryDirectory(prefix="minigrad-learn-") as folder:
        result = Path(folder, "verdict.json")
        command = [sys.executable, "-m", "minigrad.learn.child", exercise.slug, str(path), str(result)]
        try:  # with NumPy's kernels, which need not be compiled first
            environment = {**os.environ, "MINIGRAD_KERNELS": "numpy"}
            done = subprocess.run(command, env=environment, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            text = f"Your code had not finished after {SECONDS:.0f} seconds, and was stopped."
            return Checked(Verdict(failed="time", lines=[text]))
        try:
            record = json.loads(result.read_bytes())
        except FileNotFoundError:
            text = f"Python itself ended while it ran your code (status {done.returncode}): was there an os._exit()?"
            return Checked(Verdict(failed="shapes", lines=[text]))
    printed = record.pop("printed")
    return Checked(Verdict(**record), printed)


@dataclass
class Trained:
    """The end of a milestone: has its network learned, and what went wrong."""

    learned: bool
    lines: list[str]


def run_milestone(milestone: Milestone, folder: Path) -> Trained:
    """Train a milestone's network with a learner's files; it prints its progress."""
    with tempfile.TemporaryDirectory(prefix="minigrad-learn-") as temporary:
        result = Path(temporary, "result.json")
        kernels = {} if milestone.compiled else {"MINIGRAD_KERNELS": "numpy"}
        command = [sys.executable, "-m", milestone.program, milestone.name, str(folder), str(result)]
        done = subprocess.run(command, env={**kernels, **os.environ})
        try:
            return Trained(**json.loads(result.read_bytes()))
        except FileNotFoundError:
            return Trained(False, [f"The training ended without a result (status {done.returncode})."])
