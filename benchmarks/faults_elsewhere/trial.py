"""Put one fault into one program, continue the program, and judge what it came to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np

from benchmarks.faults_elsewhere.task import EPOCHS, STEPS

#: By name: the fault in the first start, what is done to the newest checkpoint, and the workers of both starts.
FAULTS: dict[str, tuple[str, str, tuple[int, int]]] = {
    "SIGKILL in step 11": ("SIGKILL@11", "", (0, 0)),
    "SIGTERM in step 11": ("SIGTERM@11", "", (0, 0)),
    "Ctrl-C in step 11": ("SIGINT@11", "", (0, 0)),
    "disk full from step 10 on": ("disk full@10", "", (0, 0)),
    "newest checkpoint cut short": ("SIGKILL@14", "cut", (0, 0)),
    "a bit of it flipped": ("SIGKILL@14", "bit", (0, 0)),
    "newest checkpoint deleted": ("SIGKILL@14", "deleted", (0, 0)),
    "NaN in the batch of step 6": ("NaN batch@6", "", (0, 0)),
    "worker killed": ("worker killed@2", "", (1, 0)),
    "worker stopped": ("worker stopped@2", "", (1, 0)),
    "two workers instead of none": ("SIGKILL@11", "", (0, 2)),
}
PATIENCE = 60.0  # seconds


class Outcome(NamedTuple):
    """What a program came to after a fault."""

    words: str
    lost: int | None  # steps taken twice
    seconds: float | None  # from the second start to its first step


def outcome(module: str, fault: str) -> Outcome:
    """Put a fault into a program, continue it, and return what it came to."""
    planted, damage, (workers, workers_then) = FAULTS[fault]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "run")
        status, said = start(module, folder, planted, workers=workers)
        steps = steps_of(folder)
        if status == 0 and len(steps) == EPOCHS * STEPS:
            return Outcome(judged(folder, module, workers), 0, None)
        first = ending(status, said)
        spoil(folder, damage)
        began = time.monotonic()
        again, said = start(module, folder, resume=True, workers=workers_then)
        if again != 0:
            *_, last = said.strip().splitlines() or ["no word"]
            return Outcome(f"{first}does not continue: {shorten(last.replace(place, '…'), 80)}", None, None)
        taken = steps_of(folder)
        seconds = taken[len(steps)][1] - began if len(taken) > len(steps) else None
        return Outcome(first + judged(folder, module, workers), len(taken) - EPOCHS * STEPS, seconds)


def ending(status: int | None, said: str) -> str:
    """Return in words how a program ended in which the fault was, before what follows."""
    lines = len(said.splitlines())
    if status is None:
        return f"**hangs** until it is killed after {PATIENCE:.0f} s, then "
    return f"{'a line' if lines == 1 else f'{lines} lines'}, then " if lines and status > 0 else ""


@cache
def without_fault(module: str, workers: int) -> dict[str, Any]:
    """Return the weights to which a program comes without a fault."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "run")
        status, said = start(module, folder, workers=workers)
        if status != 0:
            raise RuntimeError(f"{module} fails without a fault: {said}")
        return weights(folder / "final.pt")


def start(module: str, folder: Path, fault: str = "", resume: bool = False, workers: int = 0) -> tuple[int | None, str]:
    """Start a program; return its status (None if it hangs) and what it printed on stderr."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", f"benchmarks.faults_elsewhere.{module}", str(folder), *["--resume"] * resume]
    environment = {**os.environ, "FAULT": fault, "WORKERS": str(workers), "PYTHONWARNINGS": "ignore"}
    with open(folder / "err", "w+b") as err:
        begun = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=err, start_new_session=True
        )
        try:
            status: int | None = begun.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            status = None
        with suppress(ProcessLookupError):
            os.killpg(begun.pid, signal.SIGKILL)  # the workers that it has left behind, or all of it
        begun.wait()
        err.seek(0)
        return status, err.read().decode(errors="replace")


def steps_of(folder: Path) -> list[tuple[int, float]]:
    """Return the steps that were taken, with their times."""
    path = folder / "steps"
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [(int(step), float(moment)) for step, _, moment in (line.partition(" ") for line in lines)]


def spoil(folder: Path, damage: str) -> None:
    """Damage the newest checkpoint: the largest file in it."""
    if not damage:
        return
    entries = [path for path in folder.iterdir() if path.name not in ("steps", "err", "before.safetensors")]
    newest = max(entries, key=lambda path: path.stat().st_mtime_ns)
    if damage == "deleted":
        shutil.rmtree(newest) if newest.is_dir() else newest.unlink()
        return
    file = max((newest.rglob("*") if newest.is_dir() else [newest]), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    if damage == "bit":
        content[len(content) // 2] ^= 64
    file.write_bytes(content[: len(content) // 2] if damage == "cut" else content)


def judged(folder: Path, module: str, workers: int) -> str:
    """Return in words whether the result is that of a run without a fault."""
    found, expected = weights(folder / "final.pt"), without_fault(module, workers)
    if all((found[name] == value).all() for name, value in expected.items()):
        return "same bits"
    if any(np.isnan(value).any() for value in found.values()):
        return "**NaN, silently**"
    return "**other weights, silently**"


def weights(path: Path) -> dict[str, Any]:
    """Return the weights in a file of torch or of minigrad, as arrays."""
    if path.read_bytes()[:2] == b"PK":
        import torch

        return {name: value.numpy() for name, value in torch.load(path).items()}
    from minigrad import checkpoint

    return {name: value.numpy() for name, value in checkpoint.load(path).items()}
