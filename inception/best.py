"""The best epoch of a run, by loss or by accuracy."""

from __future__ import annotations

import math
from dataclasses import dataclass

BEST_BY = ("loss", "accuracy")


@dataclass
class Best:
    """The best epoch so far: the one with the lowest validation loss, or with the highest validation accuracy."""

    epoch: int = 0
    loss: float = math.inf
    accuracy: float = 0.0
    by: str = "loss"  # or "accuracy"; of epochs with equal accuracy, the one with the lower loss is better

    def is_beaten_by(self, loss: float, accuracy: float) -> bool:
        """Return whether an epoch with these results is better."""
        if self.by == "accuracy" and self.epoch > 0:
            return (accuracy, -loss) > (self.accuracy, -self.loss)
        return loss < self.loss

    def update(self, epoch: int, loss: float, accuracy: float = 0.0) -> bool:
        """Record an epoch; return whether it is the best so far."""
        better = self.is_beaten_by(loss, accuracy)
        if better:
            self.epoch, self.loss, self.accuracy = epoch, loss, accuracy
        return better

    @property
    def reason(self) -> str:
        """The reason why it is the best, in words."""
        return f"the {'lowest' if self.by == 'loss' else 'highest'} validation {self.by}"
