"""Arrays drawn as grids of numbers, with some cells marked."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from book.figures.style import BLUE, ORANGE, PALE

Cell = tuple[int, int]


def draw_grid(
    axes: Axes, values: np.ndarray, title: str, blue: Collection[Cell] = (), orange: Collection[Cell] = ()
) -> None:
    """Draw a two-dimensional array as a grid, with frames around the cells of ``blue`` and ``orange``."""
    values = np.atleast_2d(values)
    rows, columns = values.shape
    for (row, column), value in np.ndenumerate(values):
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=PALE, edgecolor="white", linewidth=2))
        axes.text(column + 0.5, row + 0.5, f"{value:.4g}".replace("-", "−"), ha="center", va="center")
    for cells, colour, inset in ((blue, BLUE, 0.06), (orange, ORANGE, 0.13)):
        for row, column in cells:
            side = 1 - 2 * inset
            frame = Rectangle((column + inset, row + inset), side, side, fill=False, edgecolor=colour, linewidth=2)
            axes.add_patch(frame)
    axes.set(xlim=(-0.05, columns + 0.05), ylim=(rows + 0.05, -0.05), aspect="equal")
    axes.set_title(title, fontsize=11)
    axes.axis("off")


def draw_grids(grids: Sequence[tuple[str, np.ndarray]], marks: Sequence[dict] = (), height: float = 2.2) -> None:
    """Draw arrays side by side; ``marks`` gives the marked cells of each (see `draw_grid`)."""
    arrays = [np.atleast_2d(values) for _, values in grids]
    widths = [array.shape[1] for array in arrays]
    _, all_axes = plt.subplots(1, len(grids), figsize=(6.4, height), width_ratios=widths, squeeze=False)
    for i, (axes, (title, _), array) in enumerate(zip(all_axes[0], grids, arrays, strict=True)):
        draw_grid(axes, array, title, **(marks[i] if marks else {}))
    plt.tight_layout()


def window(top: int, left: int, height: int, width: int) -> list[Cell]:
    """Return the cells of a window."""
    return [(top + i, left + j) for i in range(height) for j in range(width)]
