"""Plots of the benchmark results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minigrad.files import writing

OURS, THEIRS = "#1f77b4", "#ff7f0e"


def draw(results: dict[str, Any], folder: Path) -> None:
    """Write all plots to a folder."""
    import matplotlib

    matplotlib.use("Agg")
    _convolutions(results["convolutions"], folder / "bench-convolutions.png")
    _step(results["steps"], results["profile"], folder / "bench-step.png")
    _scaling(results["scaling"], folder / "bench-scaling.png")


def _convolutions(found: dict[str, Any], path: Path) -> None:
    """Plot a bar for every distinct shape, in the order of the network."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(found), 1, figsize=(13, 5 * len(found)), layout="constrained")
    for axis, (name, case) in zip(axes, found.items(), strict=True):
        layers = case["layers"]
        places = range(len(layers))
        for shift, engine, colour in ((-0.2, "minigrad", OURS), (0.2, "torch", THEIRS)):
            forward = [layer[engine][0] * 1e3 for layer in layers]
            backward = [layer[engine][1] * 1e3 for layer in layers]
            at = [place + shift for place in places]
            axis.bar(at, forward, 0.4, color=colour, label=f"{engine}, forward")
            axis.bar(at, backward, 0.4, bottom=forward, color=colour, alpha=0.5, label=f"{engine}, backward")
        labels = [f"{l['w'][1]}→{l['w'][0]} {l['w'][2]}×{l['w'][3]} @{l['x'][2]}" for l in layers]  # noqa: E741
        axis.set_xticks(list(places), labels, rotation=90, fontsize=7)
        axis.set_yscale("log")
        axis.set_ylabel("milliseconds")
        axis.set_title(f"Convolutions of Inception V3 alone, {name} (logarithmic)")
        axis.legend(fontsize=8)
    with writing(path) as file:
        figure.savefig(file, format="png", dpi=110)
    plt.close(figure)


def _step(steps: dict[str, Any], profile: dict[str, Any], path: Path) -> None:
    """Plot the phases of both engines, and minigrad's operations."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(steps), 2, figsize=(13, 4 * len(steps)), layout="constrained")
    for (left, right), (name, case) in zip(axes, steps.items(), strict=True):
        start = {"minigrad": 0.0, "torch": 0.0}
        for phase in case["minigrad"]["phase_seconds"]:
            values = [case[engine]["phase_seconds"][phase] for engine in start]
            left.barh(list(start), values, left=list(start.values()), label=phase)
            start = {engine: start[engine] + value for engine, value in zip(start, values, strict=True)}
        left.set_xlabel("seconds")
        left.set_title(f"A training step, {name}")
        left.legend(fontsize=8)
        rows = profile[name][::-1]
        right.barh([f"{operation} ({phase})" for operation, phase, _ in rows], [s for _, _, s in rows], color=OURS)
        right.tick_params(axis="y", labelsize=7)
        right.set_xlabel("seconds a step")
        right.set_title("minigrad's operations")
    with writing(path) as file:
        figure.savefig(file, format="png", dpi=110)
    plt.close(figure)


def _scaling(found: dict[str, Any], path: Path) -> None:
    """Plot time and memory against the amount of work, for both engines."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(found), figsize=(13, 7), layout="constrained")
    for column, (name, series) in enumerate(found.items()):
        amounts = [int(amount) for amount in series]
        for row, (key, label) in enumerate((("seconds", "seconds"), ("peak_mb", "peak memory, MB"))):
            axis = axes[row][column]
            for engine, colour in (("minigrad", OURS), ("torch", THEIRS)):
                axis.plot(amounts, [one[engine][key] for one in series.values()], "o-", color=colour, label=engine)
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.set_xticks(
                amounts, [f"{amount:g}" if amount < 1000 else f"$10^{len(str(amount)) - 1}$" for amount in amounts]
            )
            axis.set_xticks([], minor=True)
            axis.set_xlabel(name)
            axis.set_ylabel(label)
            axis.legend(fontsize=8)
    with writing(path) as file:
        figure.savefig(file, format="png", dpi=110)
    plt.close(figure)
