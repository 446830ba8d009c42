"""How a model does on pictures that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad
from inception.recipes import Recipe
from inception.training import forward_pass, loss_computation, prepare
from minigrad.data import DataLoader


@dataclass
class Evaluation:
    """How a model did on a data set."""

    loss: float
    predictions: np.ndarray  # the predicted class of every picture
    labels: np.ndarray
    in_top5: float  # share of the pictures whose class was among the five highest scores
    num_classes: int

    @property
    def seen(self) -> int:
        """How many pictures there were."""
        return len(self.labels)

    @property
    def correct(self) -> int:
        """How many were classified correctly."""
        return int((self.predictions == self.labels).sum())

    @property
    def accuracy(self) -> float:
        """Share that was classified correctly (top 1)."""
        return self.correct / max(self.seen, 1)

    @property
    def shares(self) -> str:
        """Top 1, and top 5 where that is saying something."""
        return f"accuracy {self.accuracy:.1%}" + (f", top 5 {self.in_top5:.1%}" if self.num_classes > 5 else "")

    @property
    def confusion(self) -> np.ndarray:
        """How many pictures of class i were taken for class j, at [i, j]."""
        matrix = np.zeros((self.num_classes, self.num_classes), np.int64)
        np.add.at(matrix, (self.labels, self.predictions), 1)
        return matrix

    @property
    def per_class(self) -> list[float | None]:
        """The accuracy on each class's pictures; None for a class without any."""
        counts = self.confusion.sum(1)
        right = self.confusion.diagonal()
        return [int(r) / int(n) if n else None for r, n in zip(right, counts, strict=True)]


def evaluate(model: Any, loader: DataLoader, recipe: Recipe) -> Evaluation:
    """Loss, accuracy and predictions on a data set."""
    model.eval()
    losses, predictions, truths, among_five, count = 0.0, [], [], 0, 0
    with minigrad.no_grad():
        for batch in loader:
            images, labels = prepare(batch, recipe)
            scores = forward_pass(model, images)
            losses += loss_computation(scores, labels).item() * len(labels)
            best = scores.topk(min(5, scores.shape[1]), 1)[1].cpu().numpy()
            truth = labels.cpu().numpy()
            predictions.append(best[:, 0])
            truths.append(truth)
            among_five += int((best == truth[:, None]).any(1).sum())
            count += len(truth)
    classes = model.fc.out_features
    return Evaluation(
        losses / max(count, 1),
        np.concatenate(predictions),
        np.concatenate(truths),
        among_five / max(count, 1),
        classes,
    )
