"""The confusion matrix, from two classes to a thousand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inception.figures.labels import Labels
from inception.figures.page import DPI, LIGHT_GREY, page
from minigrad.extras import Later

if TYPE_CHECKING:
    import matplotlib
    from matplotlib import colors
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
else:
    matplotlib = Later("matplotlib", "a figure")
    colors = Later("matplotlib.colors", "a figure")

#: By the largest number of classes: the side of a cell in inches.
CELLS = {1: 1.6, 4: 0.8, 20: 0.45, 60: 0.24, 120: 0.16}
MOST_WITH_NUMBERS, MOST_NAMED = 20, 120  # classes: numbers are written into the cells; every class is named
LARGE = 9.0  # inches of a matrix of more classes, at least a pixel each
NAME, POINTS, ROW = 1.8, 8, 0.16  # of a label: most inches, font size, inches from one to the next
STEPS = [digit * 10**power for power in range(9) for digit in (1, 2, 5)]  # every class is named, every second, …
LISTED = 12  # pairs of classes that are confused most often


def draw_confusion(matrix: np.ndarray, classes: Sequence[str], path: Path) -> None:
    """Draw how many images of a class (row) were classified as each class (column), as shares of the row.

    Of more than 120 classes, those that neither have images nor were predicted are left out.
    """
    count = len(classes)
    used = np.flatnonzero(matrix.sum(0) + matrix.sum(1))
    shown = used if count > MOST_NAMED and used.size else np.arange(count)
    labels = Labels(classes)
    names = labels.fitting(NAME, POINTS)
    side = len(shown) * _cell(len(shown))
    margin = 0.55 + max((labels.width(names[i], POINTS) for i in shown), default=0.0)
    listed = _most_confused(matrix, labels.fitting(NAME / 1.2, POINTS)) if len(shown) > MOST_WITH_NUMBERS else []
    size = max(margin + side + (5.3 if listed else 1.3), 5.5), margin + side + 0.8
    with page(path, size, fonts=labels.fonts) as figure:
        axes = figure.add_axes(_part((margin, margin, side, side), size))
        title = f"{int(matrix.trace()):,} of {int(matrix.sum()):,} are right"
        if len(shown) < count:
            title += f"\nleft out, since they do not occur: {count - len(shown):,} of {count:,} classes"
        elif not matrix.sum(1).all():
            title += "\nclasses without images are grey"
        axes.set_title(title, fontsize=10, loc="left")
        axes.set(xlabel="predicted", ylabel="true")
        part = matrix[np.ix_(shown, shown)]
        drawn = _draw_shares(axes, part)
        if len(shown) <= MOST_WITH_NUMBERS:
            _write_numbers(axes, part)
        places = range(0, len(shown), next(step for step in STEPS if step * side / len(shown) > ROW - 1e-9))
        named = [names[shown[place]] for place in places]
        fits = all(labels.width(name, POINTS) < 0.9 * side / len(shown) for name in named)
        axes.set_xticks(places, named, fontsize=POINTS, rotation=0 if fits else 90)
        axes.set_yticks(places, named, fontsize=POINTS)
        bar = figure.add_axes(_part((margin + side + 0.25, margin, 0.16, min(side, 3.0)), size))
        ticks = [0, 0.25, 0.5, 0.75, 1] if len(shown) <= MOST_WITH_NUMBERS else [0, 0.01, 0.05, 0.25, 0.5, 1]
        figure.colorbar(drawn, cax=bar, label="share of the true class", ticks=ticks, format=lambda x, i: f"{x:.0%}")
        if listed:
            text = "most often confused (true → predicted)\n\n" + "\n".join(listed)
            x, y = (margin + side + 1.25) / size[0], (margin + side) / size[1]
            figure.text(x, y, text, va="top", fontsize=POINTS, linespacing=1.5, color="black")


def _cell(count: int) -> float:
    """Return the side of a cell in inches; of many classes a whole number of pixels."""
    for most, inches in CELLS.items():
        if count <= most:
            return inches
    return max(1, int(LARGE * DPI) // count) / DPI


def _part(inches: tuple[float, float, float, float], size: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height in shares of a figure's size."""
    left, bottom, width, height = inches
    return left / size[0], bottom / size[1], width / size[0], height / size[1]


def _draw_shares(axes: Axes, matrix: np.ndarray) -> AxesImage:
    seen = matrix.sum(1, keepdims=True)
    shares = np.where(seen > 0, matrix / np.maximum(seen, 1), np.nan)
    colours = matplotlib.colormaps["Blues"].with_extremes(bad=LIGHT_GREY)
    # Of many classes even a single mistake must be visible.
    norm = colors.PowerNorm(1.0 if len(matrix) <= MOST_WITH_NUMBERS else 0.4, 0, 1)
    return axes.imshow(np.ma.masked_invalid(shares), cmap=colours, norm=norm, interpolation="nearest")


def _write_numbers(axes: Axes, matrix: np.ndarray) -> None:
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    for i, j in np.argwhere(matrix):
        colour = "white" if shares[i, j] > 0.5 else "black"
        axes.text(j, i, str(matrix[i, j]), ha="center", va="center", fontsize=7, color=colour)


def _most_confused(matrix: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return the pairs of classes with the most mistakes, in words."""
    mistakes = matrix - np.diag(matrix.diagonal())
    order = np.argsort(-mistakes, axis=None, kind="stable")[:LISTED]
    pairs = [divmod(int(place), len(matrix)) for place in order]
    return [f"{matrix[i, j]} of {matrix[i].sum():,}  {names[i]} → {names[j]}" for i, j in pairs if mistakes[i, j] > 0]
