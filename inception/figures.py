"""Pictures of a run: its curves, and what the model says of some test images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from minigrad.checkpoint import write_atomically

mpl.use("Agg")  # files only; no screen is needed
from matplotlib.figure import Figure

RIGHT, WRONG = "#1a7f37", "#cf222e"


def _save(figure: Figure, path: Path) -> None:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    write_atomically(path, content.getvalue())


def draw_curves(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Loss and accuracy over the steps (training) and at the epochs' ends (test).

    The test loss is the plain cross entropy, so with label smoothing it lies below the training loss.
    """
    steps = [r for r in records if r["kind"] == "step"]
    epochs = [r for r in records if r["kind"] == "epoch"]
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        x = np.array([r["global_step"] for r in steps])
        y = np.array([r[name] for r in steps], float)
        axes.plot(x, y, color="#9ecbff", linewidth=0.8, label="training, each batch")
        if len(y) >= 3:
            window = max(3, len(y) // 20)
            smooth = np.convolve(y, np.ones(window) / window, "valid")
            axes.plot(x[window - 1 :], smooth, color="#0969da", linewidth=1.8, label=f"training, mean of {window}")
        at = [r["global_step"] for r in epochs]
        axes.plot(at, [r[f"test_{name}"] for r in epochs], "o-", color="#bc4c00", label="test, after each epoch")
        for record in epochs:
            value = record[f"test_{name}"]
            text = f"{value:.1%}" if name == "accuracy" else f"{value:.2f}"
            axes.annotate(text, (record["global_step"], value), (0, 7), textcoords="offset points", ha="center")
        axes.set(xlabel="step", ylabel=name, title=name.capitalize())
        axes.margins(x=0.07, y=0.12)
        axes.grid(alpha=0.3)
        axes.legend(loc="best", fontsize=8)
    _save(figure, path)


def draw_predictions(
    images: Sequence[Any], labels: Sequence[int], predictions: Sequence[int], classes: Sequence[str], path: Path
) -> None:
    """A grid of test pictures with the predicted class: green if right, red, with the true class, if wrong."""
    columns = 8
    rows = max(1, -(-len(images) // columns))
    figure = Figure(figsize=(1.6 * columns, 1.95 * rows + 0.4), layout="constrained")
    right = sum(int(a == b) for a, b in zip(labels, predictions, strict=True))
    figure.suptitle(
        f"{right} of these {len(images)} are right (green); wrong ones (red) say what they are", fontsize=11
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
