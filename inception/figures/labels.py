"""Labels: the names of classes, as a figure can show them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from inception.figures.fonts import can_draw, fonts_for, warn_of_missing_fonts, width_in_inches
from minigrad.printable import ELLIPSIS, printable, shortened


class Labels:
    """The labels of classes. A number is added where two would look the same: "crane (class 134)".

    Args:
        names: of the classes, any text.
        kind, first: what is numbered, and the number of the first one.

    Attributes: ``fonts``, the names of the fonts that draw them.
    """

    def __init__(self, names: Sequence[str], kind: str = "class", first: int = 0) -> None:
        visible = [printable(name) for name in names]
        self.fonts = fonts_for("".join(visible))
        warn_of_missing_fonts("".join(visible), self.fonts)
        self._numbers = [f"{kind} {number}" for number in range(first, first + len(names))]
        self._texts = [drawable(name, self.fonts) or self._numbers[place] for place, name in enumerate(visible)]

    def fitting(self, width: float, points: float) -> list[str]:
        """Return one label for each class, all different, and no wider than ``width`` inches in a font size."""
        labels = [self.fit(text, width, points) for text in self._texts]
        times = Counter(labels)
        for place, label in enumerate(labels):
            if times[label] > 1:
                suffix = f" ({self._numbers[place]})"
                labels[place] = self.fit(self._texts[place], width - self.width(suffix, points), points) + suffix
        return labels

    def fit(self, text: str, width: float, points: float) -> str:
        """Return a text with its middle left out as far as ``width`` inches need it."""
        return shortened(text, width, lambda text: self.width(text, points))

    def width(self, text: str, points: float) -> float:
        """Return the width of a text in inches."""
        return width_in_inches(text, points, self.fonts)


def drawable(text: str, fonts: tuple[str, ...]) -> str:
    """Return a printable text without characters that no font has; empty if nothing readable would remain.

    Instead of an emoji stands its name, such as "zebra face"; instead of other characters "…".
    """
    parts = []
    for drawn, characters in groupby(text, lambda character: can_draw(character, fonts)):
        part = "".join(characters)
        parts.append(part if drawn else _stand_in(part))
    whole = " ".join("".join(parts).split())
    return whole if any(character not in ELLIPSIS + " " for character in whole) else ""


def _stand_in(text: str) -> str:
    names = [unicodedata.name(character, "").lower() for character in text if unicodedata.category(character) == "So"]
    return f" {', '.join(names)} " if names else ELLIPSIS
