"""Plots of the benchmark results, with panels for every processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.cases import CHANNELS_LAST, EAGER, MINIGRAD
from minigrad.files import writing

matplotlib.use("Agg")

import matplotlib.pyplot as plt

COLOURS = {MINIGRAD: "#1f77b4", EAGER: "#ff7f0e", CHANNELS_LAST: "#2ca02c"}
Documents = list[dict[str, Any]]


def draw(documents: Documents, folder: Path) -> None:
    """Write all plots for which there are results to a folder."""
    _convolutions(documents, folder / "bench-convolutions.png")
    _steps(documents, folder / "bench-step.png")
    _scaling(documents, folder / "bench-scaling.png")


def _cases(documents: Documents, part: str) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Return processor, name, result and all parts of every measurement of a part."""
    return [
        (f"{document['machine']['processor']}, {document['machine']['vectors']}", name, found, document["parts"])
        for document in documents
        for name, found in document["parts"].get(part, {}).items()
    ]


def _convolutions(documents: Documents, path: Path) -> None:
    """Plot bars for every distinct shape, in the order of the network."""
    cases = _cases(documents, "convolutions")
    if not cases:
        return
    figure, axes = plt.subplots(len(cases), 1, figsize=(13, 5 * len(cases)), layout="constrained", squeeze=False)
    for axis, (where, name, case, _) in zip(axes[:, 0], cases, strict=True):
        layers = case["layers"]
        for shift, (engine, colour) in zip((-0.27, 0, 0.27), COLOURS.items(), strict=True):
            forward = [layer[engine][0] * 1e3 for layer in layers]
            backward = [layer[engine][1] * 1e3 for layer in layers]
            at = [place + shift for place in range(len(layers))]
            axis.bar(at, forward, 0.27, color=colour, label=f"{engine}, forward")
            axis.bar(at, backward, 0.27, bottom=forward, color=colour, alpha=0.5, label=f"{engine}, backward")
        labels = [f"{l['w'][1]}→{l['w'][0]} {l['w'][2]}×{l['w'][3]} @{l['x'][2]}" for l in layers]  # noqa: E741
        axis.set_xticks(range(len(layers)), labels, rotation=90, fontsize=7)
        axis.set_yscale("log")
        axis.set_ylabel("milliseconds on one thread")
        axis.set_title(f"Convolutions of Inception V3 alone, {name} (logarithmic), {where}", fontsize=10)
        axis.legend(fontsize=8)
    _save(figure, path)


def _steps(documents: Documents, path: Path) -> None:
    """Plot the phases of all candidates, and minigrad's operations."""
    cases = _cases(documents, "steps")
    if not cases:
        return
    figure, axes = plt.subplots(len(cases), 2, figsize=(13, 4 * len(cases)), layout="constrained", squeeze=False)
    for (left, right), (where, name, case, parts) in zip(axes, cases, strict=True):
        start = {engine: 0.0 for engine in COLOURS if "phase_seconds" in case.get(engine, {})}
        for phase in case[MINIGRAD]["phase_seconds"]:
            values = [case[engine]["phase_seconds"][phase] for engine in start]
            left.barh(list(start), values, left=list(start.values()), label=phase)
            start = {engine: start[engine] + value for engine, value in zip(start, values, strict=True)}
        left.set_xlabel("seconds")
        left.set_title(f"A training step, {name}, {where}", fontsize=9)
        left.legend(fontsize=8)
        rows = parts.get("operations", {}).get(name, {"rows": []})["rows"][::-1]
        if not rows:
            right.set_axis_off()
            continue
        right.barh([f"{operation} ({phase})" for operation, phase, _ in rows], [s for _, _, s in rows])
        right.tick_params(axis="y", labelsize=7)
        right.set_xlabel("seconds a step")
        right.set_title("minigrad's operations", fontsize=9)
    _save(figure, path)


def _scaling(documents: Documents, path: Path) -> None:
    """Plot time and memory against the amount of work, for both engines, a row of each for every processor."""
    found = [document for document in documents if document["parts"].get("scaling")]
    if not found:
        return
    columns = max(len(document["parts"]["scaling"]) for document in found)
    shape = (2 * len(found), columns)
    figure, axes = plt.subplots(*shape, figsize=(13, 7 * len(found)), layout="constrained", squeeze=False)
    for place, document in enumerate(found):
        for column, (name, series) in enumerate(document["parts"]["scaling"].items()):
            amounts = [int(amount) for amount in series]
            for row, (key, label) in enumerate((("seconds", "seconds"), ("peak_mb", "peak memory, MB"))):
                axis = axes[2 * place + row][column]
                for engine in (MINIGRAD, EAGER):
                    values = [one[engine][key] for one in series.values()]
                    axis.plot(amounts, values, "o-", color=COLOURS[engine], label=engine)
                axis.set_xscale("log")
                axis.set_yscale("log")
                axis.set_xticks(amounts, [f"{amount:,}" for amount in amounts])
                axis.set_xticks([], minor=True)
                axis.set_xlabel(name)
                axis.set_ylabel(label)
                axis.set_title(document["machine"]["processor"], fontsize=9)
                axis.legend(fontsize=8)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    with writing(path) as file:
        figure.savefig(file, format="png", dpi=110)
    plt.close(figure)
