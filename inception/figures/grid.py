"""Grids of images with their predicted classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from inception.figures.choice import evenly_chosen
from inception.figures.labels import Labels, drawable
from inception.figures.page import GREY, RIGHT, WRONG, page
from inception.figures.thumbnail import thumbnail
from minigrad.extras import Later
from minigrad.printable import printable

if TYPE_CHECKING:
    from matplotlib import patches
    from matplotlib.axes import Axes
    from PIL import Image
else:
    patches = Later("matplotlib.patches", "a figure")

SHOWN = 40  # images in a grid
PAGE, NARROWEST, GAP = 12.8, 7.5, 0.12  # inches: width of a full page, of one with few images, and between cells
TITLE, LINE = 0.55, 0.14  # inches: height of the title, and of a line of text
POINTS = 8  # of the texts below the images
LOWEST, HIGHEST = 0.35, 2.2  # of a cell: inches; times its width
IMAGE_SIDE = 400  # pixels of the longer side that are kept of an image while others are read


class ImageSource(Protocol):
    """A sequence of images, Pillow's or arrays of bytes (height, width[, 3]), each read when it is indexed."""

    def __getitem__(self, index: int, /) -> Image.Image | np.ndarray: ...


class Cell(NamedTuple):
    """An image, the colour of its frame, and the text below it: its classes in that colour, and notes in grey."""

    image: Image.Image
    colour: str
    classes: list[str]
    notes: list[str]

    @property
    def shape(self) -> float:
        """Width divided by height."""
        return self.image.width / self.image.height


def draw_predictions(
    images: ImageSource,
    labels: Sequence[int] | np.ndarray,
    predictions: Sequence[int] | np.ndarray,
    classes: Sequence[str],
    path: Path,
    seed: int = 0,
) -> None:
    """Draw 40 images of a set, of all classes alike, right and wrong ones, with their predicted classes.

    Args:
        images: the whole set; only what is drawn is read, one at a time.
        labels, predictions: the true and the predicted class of every image of the set.
        classes: their names.
        seed: decides which images.
    """
    truth, answers = np.asarray(labels), np.asarray(predictions)
    chosen = evenly_chosen(truth, answers, SHOWN, seed)
    right, right_here = int((truth == answers).sum()), int((truth[chosen] == answers[chosen]).sum())
    kinds, all_kinds = len(np.unique(truth[chosen])), len(np.unique(truth))
    alike = "of all classes alike" if kinds == all_kinds else f"of {kinds} of the {all_kinds} classes"
    title = (
        f"{right:,} of all {len(truth):,} images are right ({right / max(len(truth), 1):.1%})\n"
        f"shown: {len(chosen)}, {alike}, {right_here} right (blue), {len(chosen) - right_here} wrong (orange, with "
        "the true class)"
    )
    _draw(images, chosen, truth, answers, Labels(classes), title, {}, path)


def draw_worst(
    images: ImageSource,
    labels: Sequence[int] | np.ndarray,
    predictions: Sequence[int] | np.ndarray,
    losses: Sequence[float] | np.ndarray,
    classes: Sequence[str],
    path: Path,
    files: Sequence[str] = (),
    count: int = SHOWN,
) -> None:
    """Draw the ``count`` images with the highest losses, the worst one first; among them are wrongly labelled ones.

    Args:
        images: the whole set; only what is drawn is read, one at a time.
        labels, predictions, losses: of every image of the set.
        classes: the names of the classes.
        files: the path of every image, whose end is written below it; empty for images without files.
    """
    truth, answers, loss = np.asarray(labels), np.asarray(predictions), np.asarray(losses, float)
    order = np.argsort(-np.where(np.isnan(loss), np.inf, loss), kind="stable")[:count].tolist()
    wrong = int((truth[order] != answers[order]).sum())
    title = (
        f"the {len(order)} of {len(truth):,} images with the highest loss (median of all: {_median(loss):#.3g})\n"
        f"{wrong} of them {'is' if wrong == 1 else 'are'} wrong (orange, with the true class); look for wrong labels"
    )
    notes = {i: [f"loss {loss[i]:#.3g}", *([printable(files[i])] if files else [])] for i in order}
    _draw(images, order, truth, answers, Labels(classes), title, notes, path)


def _draw(
    images: ImageSource,
    chosen: Sequence[int],
    truth: np.ndarray,
    answers: np.ndarray,
    labels: Labels,
    title: str,
    notes: dict[int, list[str]],
    path: Path,
) -> None:
    small = [thumbnail(images[index], IMAGE_SIDE) for index in chosen]
    columns = _columns([image.width / image.height for image in small])
    width = (PAGE - GAP) / columns - GAP
    predicted = labels.fitting(width, POINTS)
    true = labels.fitting(width - labels.width("(is )", POINTS), POINTS)
    cells = []
    for index, image in zip(chosen, small, strict=True):
        answer, label = int(answers[index]), int(truth[index])
        named = [predicted[answer]] if answer == label else [predicted[answer], f"(is {true[label]})"]
        below = [labels.fit(drawable(note, labels.fonts), width, POINTS) for note in notes.get(index, [])]
        cells.append(Cell(image, RIGHT if answer == label else WRONG, named, below))
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [_row_height([cell.shape for cell in row], width) for row in rows]
    texts = [LINE * max(len(cell.classes + cell.notes) for cell in row) + 2 * GAP for row in rows]
    size = max(NARROWEST, GAP + min(columns, len(cells)) * (width + GAP)), TITLE + sum(heights) + sum(texts)
    with page(path, size, fonts=labels.fonts) as figure:
        axes = figure.add_axes((0, 0, 1, 1))  # in inches, from the upper left corner
        axes.axis("off")
        axes.text(
            size[0] / 2,
            TITLE / 2,
            title if cells else "no images",
            ha="center",
            va="center",
            fontsize=10.5,
            linespacing=1.4,
        )
        top = TITLE
        for row, row_height, text_height in zip(rows, heights, texts, strict=True):
            for column, cell in enumerate(row):
                _draw_cell(axes, cell, GAP + column * (width + GAP), top, width, row_height)
            top += row_height + text_height
        axes.set(xlim=(0, size[0]), ylim=(size[1], 0), aspect="auto")


def _median(losses: np.ndarray) -> float:
    known = losses[np.isfinite(losses)]
    return float(np.median(known)) if known.size else float("nan")


def _columns(shapes: Sequence[float]) -> int:
    """Return how many images of these shapes (width / height) stand beside each other."""
    usual = float(np.median(shapes)) if len(shapes) else 1.0
    return 10 if usual < 0.6 else 8 if usual < 1.7 else 5 if usual < 3 else 4


def _row_height(shapes: Sequence[float], width: float) -> float:
    """Return the height of the images of a row; a single tall one among others is drawn smaller."""
    wanted = [width / shape for shape in shapes]
    return min(max(min(max(wanted), 1.5 * float(np.median(wanted))), LOWEST), HIGHEST * width)


def _draw_cell(axes: Axes, cell: Cell, left: float, top: float, width: float, height: float) -> None:
    """Draw an image as large as the cell allows, at its upper edge, and its text below."""
    scale = min(width / cell.image.width, height / cell.image.height)
    w, h = cell.image.width * scale, cell.image.height * scale
    middle = left + width / 2
    axes.imshow(np.asarray(cell.image), extent=(middle - w / 2, middle + w / 2, top + h, top))
    axes.add_patch(patches.Rectangle((middle - w / 2, top), w, h, fill=False, edgecolor=cell.colour, linewidth=2.5))
    y = top + h + 0.05
    for line, colour in [(line, cell.colour) for line in cell.classes] + [(line, GREY) for line in cell.notes]:
        axes.text(middle, y, line, ha="center", va="top", fontsize=POINTS, color=colour)
        y += LINE
