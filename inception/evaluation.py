"""Evaluation: how well a model classifies images that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

import minigrad
from inception.batch import to_device
from inception.model import InceptionV3, logits_of
from inception.step import forward_pass
from minigrad import Tensor
from minigrad.nn import functional as F


@dataclass
class Evaluation:
    """The result of a model on a data set."""

    loss: float
    predictions: np.ndarray  # N: the class with the highest score
    labels: np.ndarray  # N
    in_top5: float  # share of the images whose class is among the five highest scores
    num_classes: int
    losses: np.ndarray = field(default_factory=lambda: np.zeros(0))  # N: the loss of each image

    @property
    def seen(self) -> int:
        """The number of images."""
        return len(self.labels)

    @property
    def correct(self) -> int:
        """The number of images that were classified correctly."""
        return int((self.predictions == self.labels).sum())

    @property
    def accuracy(self) -> float:
        """The share of images that were classified correctly (top 1)."""
        return self.correct / max(self.seen, 1)

    @property
    def shares(self) -> str:
        """The accuracy in words; also top 5, if there are more than five classes."""
        return f"accuracy {self.accuracy:.1%}" + (f", top 5 {self.in_top5:.1%}" if self.num_classes > 5 else "")

    @property
    def confusion(self) -> np.ndarray:
        """The number of images of class i that were classified as j, at [i, j]."""
        matrix = np.zeros((self.num_classes, self.num_classes), np.int64)
        np.add.at(matrix, (self.labels, self.predictions), 1)
        return matrix

    @property
    def per_class(self) -> list[float | None]:
        """The accuracy on the images of each class, which is its recall; None for a class without images."""
        counts = np.bincount(self.labels, minlength=self.num_classes)
        right = np.bincount(self.labels[self.labels == self.predictions], minlength=self.num_classes)
        return [int(r) / int(n) if n else None for r, n in zip(right, counts, strict=True)]

    def worst(self, count: int) -> list[int]:
        """Return the numbers of the ``count`` images with the highest losses, the highest first."""
        losses = np.nan_to_num(self.losses, nan=np.inf, posinf=np.inf)
        return [int(i) for i in np.argsort(-losses, kind="stable")[:count]]


def evaluate(
    model: InceptionV3,
    batches: Iterable[tuple[Tensor, Tensor]],
    device: str = "cpu",
    dtype: str = "float32",
    outputs: Sequence[int] | None = None,
) -> Evaluation:
    """Return the loss (without label smoothing), the predictions and the labels on images, such as those of a loader.

    Args:
        model: is put into evaluation mode.
        device, dtype: those of the model.
        outputs: the output of the model for each label, if they differ (see ``inception.classes.places``); the labels
            of the result are the model's.
    """
    model.eval()
    losses, predictions, truths, among_five = [], [], [], 0
    with minigrad.no_grad():
        for loaded in batches:
            images, labels, _ = to_device(loaded, device, dtype)
            if outputs is not None:
                labels = minigrad.tensor(outputs, device=labels.device)[labels]
            scores = logits_of(forward_pass(model, images))
            losses.append(F.cross_entropy(scores, labels, reduction="none").cpu().numpy())
            best = scores.topk(min(5, scores.shape[1]), 1)[1].cpu().numpy()  # N x 5: classes, highest score first
            truth = labels.cpu().numpy()
            predictions.append(best[:, 0])
            truths.append(truth)
            among_five += int((best == truth[:, None]).any(1).sum())
    if not losses:
        raise ValueError("there are no images to evaluate")
    all_losses = np.concatenate(losses)
    return Evaluation(
        float(all_losses.mean(dtype=np.float64)),
        np.concatenate(predictions),
        np.concatenate(truths),
        among_five / len(all_losses),
        model.fc.out_features,
        all_losses,
    )
