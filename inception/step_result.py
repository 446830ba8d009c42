"""The result of a training step, in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from inception.model import Outputs, logits_of
from minigrad import Tensor
from minigrad.nn import functional as F


class NonFiniteLossError(RuntimeError):
    """The loss became NaN or infinite."""


def finite(loss: Tensor) -> float:
    """Return a loss as a number. On a GPU this waits until it has been computed.

    Raises:
        NonFiniteLossError: if it is NaN or infinite.
    """
    value = float(loss.item())
    if not math.isfinite(value):
        raise NonFiniteLossError(f"the loss is {value}")
    return value


@dataclass(frozen=True)
class StepResult:
    """Losses and correct predictions of the batches of one step."""

    losses: list[float]
    correct: list[int]
    counts: list[int]
    cross_entropies: list[float]  # with the labels alone, as in validation: no label smoothing, mixing or aux head
    gradient_norm: float | None = None  # of all gradients together, before they were clipped; None without clipping
    waiting_seconds: list[float] | None = None  # how long each rank has waited for others; None for a single one

    @staticmethod
    def of(*batches: tuple[Tensor, Outputs, Tensor], gradient_norm: Tensor | None = None) -> StepResult:
        """Return the result of a step over (loss, outputs, labels) of each of its batches.

        Raises:
            NonFiniteLossError: if a loss is NaN or infinite.
        """
        return StepResult(
            [finite(loss) for loss, _, _ in batches],
            [int((logits_of(outputs).detach().argmax(1) == labels).sum()) for _, outputs, labels in batches],
            [len(labels) for _, _, labels in batches],
            [float(F.cross_entropy(logits_of(out).detach().float(), labels)) for _, out, labels in batches],
            None if gradient_norm is None else float(gradient_norm),
        )

    def with_norm(self, norm: float) -> StepResult:
        """Return this result with the norm of the gradients."""
        return replace(self, gradient_norm=norm)

    @property
    def loss(self) -> float:
        """The mean loss of the batches."""
        return sum(self.losses) / len(self.losses)

    @property
    def cross_entropy(self) -> float:
        """The mean of the batches' cross entropies, which can be compared with a validation loss."""
        return sum(self.cross_entropies) / len(self.cross_entropies)

    @property
    def accuracy(self) -> float:
        """The share of images whose highest score is that of their class."""
        return sum(c / n for c, n in zip(self.correct, self.counts, strict=True)) / len(self.counts)
