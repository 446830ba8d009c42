"""The answer to one image: its most probable classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inception.figures.labels import Labels
from inception.figures.page import BLUE, page
from inception.figures.thumbnail import thumbnail

if TYPE_CHECKING:
    from PIL import Image

MOST_CLASSES = 40  # bars
NAME, POINTS = 2.6, 9  # inches of the longest label, and its font size


def draw_answer(
    image: np.ndarray | Image.Image, probabilities: np.ndarray, classes: Sequence[str], path: Path, top: int = 5
) -> None:
    """Draw an image beside its ``top`` most probable classes.

    Args:
        probabilities: of all classes.
        classes: the names of all classes.
    """
    best = np.argsort(-probabilities, kind="stable")[: min(top, MOST_CLASSES)]
    labels = Labels(classes)
    names = labels.fitting(NAME, POINTS)
    with page(path, (9.5, max(3.6, 0.8 + 0.26 * len(best))), "constrained", labels.fonts) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
        left.imshow(np.asarray(thumbnail(image, 440)))
        left.axis("off")
        left.set_anchor("N")
        bars = right.barh(range(len(best)), probabilities[best], color=BLUE)
        right.bar_label(bars, [f"{share:.1%}" for share in probabilities[best]], padding=3, fontsize=POINTS)
        right.set_yticks(range(len(best)), [names[number] for number in best], fontsize=POINTS)
        right.set(xlim=(0, 1.15), ylim=(max(len(best), 5) - 0.5, -0.5), xlabel="probability")
        right.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
        right.spines[["top", "right"]].set_visible(False)
