"""The clock: how long each phase of training takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

WAITING = "waiting for data"
EXCHANGE = "waiting for other ranks"
PHASES = ("forward pass", "loss computation", "backward pass", "optimization pass")


@dataclass
class PhaseClock:
    """Seconds spent in each of the four phases, and waiting for images.

    ``with clock("forward pass"):`` adds the time of the block.
    """

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys((WAITING, *PHASES), 0.0))

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start

    def shares(self) -> dict[str, float]:
        """Return each phase's share of the total time."""
        total = sum(self.seconds.values()) or 1.0
        return {phase: seconds / total for phase, seconds in self.seconds.items()}

    def __str__(self) -> str:
        return ", ".join(f"{phase} {share:.0%}" for phase, share in self.shares().items())
