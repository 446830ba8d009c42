"""Limits of an axis that a few extreme values do not flatten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inception.figures.page import EXCEPTION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAR = 10.0  # times the largest usual value: a value above is an exception
MANY = 100.0  # times the median: usual values spread over this much need a logarithmic axis


def highest_usual(values: np.ndarray) -> float:
    """Return the largest value that is no exception: at most ten times what 95% of the values stay below.

    Values that are not numbers, or infinite, do not count; without others, the result is 1.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 1.0
    usual = float(np.quantile(finite, 0.95, method="lower"))
    return float(finite[finite <= max(FAR * usual, float(np.median(finite)))].max())


def limit_upwards(axes: Axes, x: np.ndarray, values: np.ndarray, top: float | None = None) -> None:
    """End the axis of a loss above its usual values, and mark those that are beyond, or are not a number.

    If the usual values differ by orders of magnitude, the axis becomes logarithmic.

    Args:
        x, values: of all points that the axes show.
        top: the largest value to show; by default that of :func:`highest_usual`.
    """
    finite = values[np.isfinite(values)]
    top = min(highest_usual(values) if top is None else top, float(finite.max()) if finite.size else 1.0)
    median = float(np.median(finite)) if finite.size else 1.0
    if top > MANY * median > 0:
        axes.set_yscale("symlog", linthresh=10 * median, linscale=2)
        axes.yaxis.set_major_formatter("{x:.3g}")
        axes.set_ylim(0, 2 * top)
    else:
        low = min(float(finite.min()), top) if finite.size else 0.0
        room = 0.08 * (top - low) or 0.5
        axes.set_ylim(low - room, top + room)
    beyond, unknown = values > top, np.isnan(values)
    if beyond.any():
        label = f"beyond the axis: {beyond.sum()} of {values.size:,} values, up to {values[beyond].max():.2g}"
        _mark(axes, x[beyond], 0.975, "^", label)
    if unknown.any():
        _mark(axes, x[unknown], 0.025, "x", f"not a number: {unknown.sum()} of {values.size:,} values")


def _mark(axes: Axes, x: np.ndarray, height: float, marker: str, label: str) -> None:
    heights = np.full(len(x), height)
    axes.plot(x, heights, marker, color=EXCEPTION, markersize=6, transform=axes.get_xaxis_transform(), label=label)
