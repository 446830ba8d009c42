"""The task: a network of two layers with batch norm and dropout, noise on its inputs, two epochs of eight steps."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

EPOCHS, STEPS, BATCH, FEATURES, CLASSES, SAVE_EVERY = 2, 8, 8, 16, 4, 4
LR, MOMENTUM = 0.1, 0.9


class Fault:
    """The fault that the environment names: what happens in which step of the first start."""

    def __init__(self) -> None:
        name, _, step = os.environ.get("FAULT", "").partition("@")
        self.name, self.step = name, int(step or 0)
        self.workers = int(os.environ.get("WORKERS", "0"))
        self.folder = Path(sys.argv[1])
        self.resuming = "--resume" in sys.argv

    def after(self, step: int) -> None:
        """Note that a step, from 1 on, has been taken, and let the fault happen if it is its step."""
        with open(self.folder / "steps", "a", encoding="utf-8") as file:
            file.write(f"{step} {time.monotonic()}\n")
        if self.resuming or step != self.step:
            return
        signals = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
        if self.name in signals:
            os.kill(os.getpid(), signals[self.name])
        elif self.name == "disk full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        elif self.name in ("worker killed", "worker stopped"):
            number = signal.SIGKILL if self.name == "worker killed" else signal.SIGSTOP
            for child in _children():
                os.kill(child, number)

    def spoils(self, step: int) -> bool:
        """Return whether the batch of a step is to have a NaN in it."""
        return self.name == "NaN batch" and not self.resuming and step == self.step


def _children() -> list[int]:
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split()
    return [int(pid) for pid in found]
