"""Precision, recall and F1 of each class, and their means over the classes (macro)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Scores(NamedTuple):
    """Scores of one class, or their means; each is between 0 and 1, and 0 where it would be 0 / 0."""

    precision: float  # of the images classified as this class, the share that is of it
    recall: float  # of the images of this class, the share that is classified as it
    f1: float  # the harmonic mean of both
    images: int


def class_scores(confusion: np.ndarray) -> list[Scores]:
    """Return the scores of each class, from the matrix of true (row) and predicted (column) classes."""
    right = confusion.diagonal().astype(float)
    there, claimed = confusion.sum(1), confusion.sum(0)
    precision, recall = right / np.maximum(claimed, 1), right / np.maximum(there, 1)
    f1 = 2 * right / np.maximum(there + claimed, 1)
    return [Scores(*row) for row in zip(precision.tolist(), recall.tolist(), f1.tolist(), there.tolist(), strict=True)]


def macro(scores: list[Scores]) -> Scores:
    """Return the means over the classes that have images, each class counting the same."""
    seen = [each for each in scores if each.images]
    means = [sum(getattr(each, name) for each in seen) / max(len(seen), 1) for name in Scores._fields[:3]]
    return Scores(means[0], means[1], means[2], sum(each.images for each in seen))
