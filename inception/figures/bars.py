"""The accuracy of every class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inception.figures.labels import Labels
from inception.figures.page import BLUE, page

MOST_CLASSES = 40  # bars
NAME, POINTS = 2.6, 8  # inches of the longest label, and its font size


def draw_classes(matrix: np.ndarray, classes: Sequence[str], path: Path) -> None:
    """Draw the accuracy of the images of each class, the hardest class first; of more than 40, the 40 hardest.

    Args:
        matrix: the confusion matrix: a row for each true class, a column for each predicted one.
    """
    seen, right = matrix.sum(1), matrix.diagonal()
    shares = right / np.maximum(seen, 1)
    with_images = np.flatnonzero(seen)
    shown = with_images[np.argsort(shares[with_images], kind="stable")][:MOST_CLASSES]
    left_out = len(classes) - len(with_images)
    labels = Labels(classes)
    names = labels.fitting(NAME, POINTS)
    if len(shown) == len(with_images):
        title = "accuracy by class" if len(shown) == len(classes) else f"accuracy by class; {left_out} without images"
    else:
        title = f"accuracy of the {len(shown)} hardest of {len(with_images):,} classes"
    with page(path, (8, 1.1 + 0.2 * max(len(shown), 3)), "constrained", labels.fonts) as figure:
        axes = figure.subplots()
        bars = axes.barh(range(len(shown)), shares[shown], color=BLUE)
        texts = [f"{shares[i]:.1%} ({right[i]:,} of {seen[i]:,})" for i in shown]
        axes.bar_label(bars, texts, padding=3, fontsize=POINTS)
        axes.set_yticks(range(len(shown)), [names[i] for i in shown], fontsize=POINTS)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
        axes.set(xlim=(0, 1.35), ylim=(max(len(shown), 3) - 0.5, -0.5), title=title)
        axes.spines[["top", "right"]].set_visible(False)
