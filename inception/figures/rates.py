"""The loss over the learning rate, by which the learning-rate finder chooses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inception.figures.limits import limit_upwards
from inception.figures.page import ORANGE, TRAINING, page

BROKEN = 4.0  # times the first loss: what is above says only that the rate is too high


def draw_rates(rates: Sequence[float], losses: Sequence[float], found: float | None, path: Path) -> None:
    """Draw the loss over the learning rate; ``found`` marks the suggested rate."""
    with page(path, (7, 4.2), "constrained") as figure:
        axes = figure.subplots()
        axes.plot(rates, losses, color=TRAINING, linewidth=1.8)
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss (smoothed)", title="Learning-rate finder")
        axes.xaxis.set_major_formatter("{x:.0e}")
        axes.xaxis.set_minor_formatter("")
        y = np.array(losses, float)
        limit_upwards(axes, np.array(rates, float), y, BROKEN * y[0] if len(y) and y[0] > 0 else None)
        if found is not None:
            axes.axvline(found, color=ORANGE, linestyle="--", label=f"falls fastest: {found:.1e}")
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=8, frameon=False, ncols=2)
