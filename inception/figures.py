"""Figures of a run: curves, predictions, the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from inception.run_folder import Record
from minigrad.extras import require
from minigrad.files import writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

RIGHT, WRONG = "#1a7f37", "#cf222e"
TRAINING, TEST = "#0969da", "#bc4c00"
MOST_CLASSES = 60  # more would make a confusion matrix unreadable


def new_figure(figsize: tuple[float, float], layout: Literal["constrained"] | None = None) -> Figure:
    """Return an empty figure, which needs no screen."""
    require("a figure", "matplotlib")
    from matplotlib.figure import Figure

    return Figure(figsize=figsize, layout=layout)


def _save(figure: Figure, path: Path) -> None:
    with writing(path) as file:
        figure.savefig(file, format="png", dpi=110)


def draw_curves(records: Sequence[Record], path: Path) -> None:
    """Draw loss and accuracy over the steps (training) and after every epoch (validation).

    The validation loss is the plain cross entropy, so with label smoothing it is below the training loss.
    """
    steps = [r for r in records if r["kind"] == "step"]
    epochs = [r for r in records if r["kind"] == "epoch"]
    figure = new_figure(figsize=(11, 4.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        x = np.array([r["global_step"] for r in steps])
        y = np.array([r[name] for r in steps], float)
        axes.plot(x, y, color="#9ecbff", linewidth=0.8, label="training, each batch")
        if len(y) >= 3:
            window = max(3, len(y) // 20)
            smooth = np.convolve(y, np.ones(window) / window, "valid")
            axes.plot(x[window - 1 :], smooth, color=TRAINING, linewidth=1.8, label=f"training, mean of {window}")
        at = [r["global_step"] for r in epochs]
        axes.plot(at, [r[f"validation_{name}"] for r in epochs], "o-", color=TEST, label="validation, after each epoch")
        for record in epochs:
            value = record[f"validation_{name}"]
            text = f"{value:.1%}" if name == "accuracy" else f"{value:.2f}"
            axes.annotate(text, (record["global_step"], value), (0, 7), textcoords="offset points", ha="center")
        axes.set(xlabel="step", ylabel=name, title=name.capitalize())
        axes.margins(x=0.07, y=0.12)
        axes.grid(alpha=0.3)
        axes.legend(loc="best", fontsize=8)
    _save(figure, path)


def draw_predictions(
    images: Sequence[np.ndarray | Image],
    labels: Sequence[int],
    predictions: Sequence[int],
    classes: Sequence[str],
    path: Path,
) -> None:
    """Draw a grid of images with their predicted classes: green if right; red, with the true class, if wrong."""
    columns = 8
    rows = max(1, -(-len(images) // columns))
    figure = new_figure(figsize=(1.6 * columns, 1.95 * rows + 0.4), layout="constrained")
    right = sum(int(a == b) for a, b in zip(labels, predictions, strict=True))
    figure.suptitle(
        f"{right} of these {len(images)} are right (green); wrong ones (red) show the true class", fontsize=11
    )
    grid = np.atleast_2d(figure.subplots(rows, columns, squeeze=False))
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, label, predicted in zip(grid.flat, images, labels, predictions, strict=False):
        colour = RIGHT if label == predicted else WRONG
        axes.imshow(np.asarray(image), cmap="gray")
        text = classes[predicted] if label == predicted else f"{classes[predicted]}\n(is {classes[label]})"
        axes.set_title(text, color=colour, fontsize=8)
        axes.axis("on")
        axes.set(xticks=[], yticks=[])
        for side in axes.spines.values():
            side.set(color=colour, linewidth=2.5)
    _save(figure, path)


def draw_confusion(matrix: np.ndarray, classes: Sequence[str], path: Path) -> None:
    """Draw how many images of a class (row) were classified as each class (column), as shares of the row."""
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    side = 2.5 + 0.42 * len(classes)
    figure = new_figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="share of the true class")
    axes.set(xlabel="predicted", ylabel="true", title=f"{int(matrix.trace())} of {int(matrix.sum())} are right")
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(classes)), classes, fontsize=8)
    if len(classes) <= 20:
        for i in range(len(classes)):
            for j in range(len(classes)):
                if matrix[i, j]:
                    colour = "white" if shares[i, j] > 0.5 else "black"
                    axes.text(j, i, str(matrix[i, j]), ha="center", va="center", fontsize=7, color=colour)
    _save(figure, path)


def draw_rates(rates: Sequence[float], losses: Sequence[float], found: float | None, path: Path) -> None:
    """Draw the loss over the learning rate; ``found`` marks the suggested rate."""
    figure = new_figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, color=TRAINING, linewidth=1.8)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss (smoothed)", title="Learning-rate finder")
    if found is not None:
        axes.axvline(found, color=TEST, linestyle="--", label=f"falls fastest: {found:.1e}")
        axes.legend()
    axes.grid(alpha=0.3)
    _save(figure, path)


def draw_answer(image: np.ndarray | Image, answers: Sequence[tuple[str, float]], path: Path) -> None:
    """Draw an image beside its most probable classes."""
    figure = new_figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    left.imshow(np.asarray(image))
    left.axis("off")
    names = [name for name, _ in answers][::-1]
    shares = [share for _, share in answers][::-1]
    right.barh(names, shares, color=TRAINING)
    right.set(xlim=(0, 1.15), xlabel="probability")
    for i, share in enumerate(shares):
        right.text(share + 0.01, i, f"{share:.1%}", va="center", fontsize=9)
    _save(figure, path)
