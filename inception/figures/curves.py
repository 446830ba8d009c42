"""Curves of loss and accuracy over a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inception.figures.limits import highest_usual, limit_upwards
from inception.figures.page import GREY, LIGHT_BLUE, TRAINING, VALIDATION, page
from inception.metrics import Record
from minigrad.extras import Later

if TYPE_CHECKING:
    from matplotlib import ticker
    from matplotlib.axes import Axes
else:
    ticker = Later("matplotlib.ticker", "a figure")

MOST_POINTS = 4000  # of a line; more are thinned out
#: By the title of a chart: the names of its values in the records of steps and of epochs.
CHARTS = {"Loss": ("cross_entropy", "validation_loss"), "Accuracy": ("accuracy", "validation_accuracy")}


def draw_curves(records: Sequence[Record], path: Path, note: str = "") -> None:
    """Draw loss and accuracy over the epochs: of each training step, their running mean, and of validation.

    Both losses are the plain cross entropy with the labels, so that they can be compared.

    Args:
        records: the metrics of the run.
        note: what else makes training and validation differ, such as mixup; is written above.
    """
    steps = sorted((r for r in records if r["kind"] == "step"), key=lambda r: r["global_step"])
    epochs = sorted((r for r in records if r["kind"] == "epoch"), key=lambda r: r["epoch"])
    with page(path, (11, 5), "constrained") as figure:
        if note:
            figure.suptitle(note, fontsize=9, color=GREY)
        for axes, title in zip(figure.subplots(1, 2), CHARTS, strict=True):
            of_step, of_epoch = CHARTS[title]
            x, ends = in_epochs(steps, epochs), np.array([r["epoch"] for r in epochs], float)
            training = np.array([r[of_step] for r in steps], float)
            validation = np.array([r[of_epoch] for r in epochs], float)
            _draw_training(axes, x, training)
            _draw_validation(axes, ends, validation, title)
            if title == "Loss":
                limit_upwards(axes, np.concatenate([x, ends]), np.concatenate([training, validation]))
            else:
                axes.set_ylim(-0.03, 1.03)
                axes.yaxis.set_major_formatter(lambda share, position: f"{share:.0%}")
            axes.set(xlabel="epoch" if epochs else "step", ylabel=title.lower(), title=title)
            axes.xaxis.set_major_locator(ticker.MaxNLocator(9, steps=[1, 2, 5, 10], integer=len(epochs) != 1))
            axes.grid(alpha=0.3)
            if steps or epochs:
                axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=8, frameon=False)
            else:
                axes.text(0.5, 0.5, "no step yet", transform=axes.transAxes, ha="center", color=GREY)


def _draw_training(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    if len(y):
        axes.plot(*thinned(x, y), color=LIGHT_BLUE, linewidth=0.8, label="training, each step")
    if len(y) >= 5:
        half = max(1, len(y) // 40)
        mean = running_mean(np.where(y <= highest_usual(y), y, np.nan), half)
        label = f"training, mean of {2 * half + 1} steps around each"
        axes.plot(*thinned(x, mean), color=TRAINING, linewidth=1.8, label=label)


def _draw_validation(axes: Axes, ends: np.ndarray, values: np.ndarray, title: str) -> None:
    if len(values):
        label = f"validation, after each epoch ({_summary(ends, values, title)})"
        size = 5 if len(ends) <= 20 else 2.5
        axes.plot(ends, values, "o-", color=VALIDATION, markersize=size, linewidth=1.5, label=label)


def _summary(ends: np.ndarray, values: np.ndarray, title: str) -> str:
    """Return the best and the last value in words."""
    if not np.isfinite(values).any():
        return "never a number"
    best = int((np.nanargmin if title == "Loss" else np.nanargmax)(values))
    known, last = (_shown(values[place], title) for place in (best, -1))
    if len(values) == 1:
        return last
    return f"best {known} in epoch {ends[best]:.0f}, last {last}"


def _shown(value: float, title: str) -> str:
    if np.isnan(value):
        return "not a number"
    return f"{value:#.3g}" if title == "Loss" else f"{value:.1%}"


def in_epochs(steps: Sequence[Record], epochs: Sequence[Record]) -> np.ndarray:
    """Return where steps lie on an axis of epochs; before the end of the first epoch, on an axis of steps."""
    at = np.array([r["global_step"] for r in steps], float)
    if not epochs:
        return at
    ends = np.array([0, *(r["epoch"] for r in epochs)], float)
    end_steps = np.array([0, *(r["global_step"] for r in epochs)], float)
    later = np.maximum(at - end_steps[-1], 0) * ends[-1] / end_steps[-1]
    return np.asarray(np.interp(at, end_steps, ends) + later)


def running_mean(values: np.ndarray, half: int) -> np.ndarray:
    """Return the mean of each value and its ``half`` neighbours on either side, so that nothing is shifted.

    It is NaN where there are fewer neighbours. A value that is NaN is left out of the means.
    """
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    window = 2 * half + 1
    total, count = (ends[window:] - ends[:-window] for ends in (sums, counts))
    means = np.full(len(values), np.nan)
    np.divide(total, count, out=means[half:-half], where=count > 0)
    return means


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a line that looks the same with fewer points: of each section the lowest and the highest."""
    if len(x) <= MOST_POINTS:
        return x, y
    starts = np.linspace(0, len(x), MOST_POINTS // 2, endpoint=False).astype(int)
    low, high = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    return np.repeat(x[starts], 2), np.stack([low, high], 1).ravel()
