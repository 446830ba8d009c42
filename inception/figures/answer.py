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


def draw_answer(image: np.ndarray | Image.Image, answers: Sequence[tuple[str, float]], path: Path) -> None:
    """Draw an image beside its most probable classes; of more than 40 the first 40.

    Args:
        answers: names and probabilities, the highest first.
    """
    shown = answers[:MOST_CLASSES]
    places, shares = range(len(shown)), [share for _, share in shown]
    labels = Labels([name for name, _ in shown], "answer", first=1)
    with page(path, (9.5, max(3.6, 0.8 + 0.26 * len(shown))), "constrained", labels.fonts) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
        left.imshow(np.asarray(thumbnail(image, 440)))
        left.axis("off")
        left.set_anchor("N")
        bars = right.barh(places, shares, color=BLUE)
        right.bar_label(bars, [f"{share:.1%}" for share in shares], padding=3, fontsize=POINTS)
        right.set_yticks(places, labels.fitting(NAME, POINTS), fontsize=POINTS)
        right.set(xlim=(0, 1.15), ylim=(max(len(shown), 5) - 0.5, -0.5), xlabel="probability")
        right.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
        right.spines[["top", "right"]].set_visible(False)
