"""Simulate how long a step takes on many ranks, from what was measured on two (benchmarks/distributed.py).

    python -m benchmarks.scaling

draws ``docs/images/distributed-scaling.png`` and writes the tables of ``docs/distributed.md``.

Every rank has a clock. It computes for a time that is drawn from those measured, then sends and receives messages,
round by round: a message begins when both partners are ready, and takes latency + bytes / bandwidth. Nothing overlaps
with backward, so the result is an upper bound of the cost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import matplotlib
import numpy as np

from benchmarks import machine
from benchmarks.distributed import RESULTS
from minigrad.testing.pages import replace_section

matplotlib.use("Agg")

import matplotlib.pyplot as plt

PAGE, PLOT = machine.ROOT / "docs/distributed.md", machine.ROOT / "docs/images/distributed-scaling.png"
GRADIENTS = 95e6  # bytes: the parameters of Inception V3 in float32
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SHOWN = (8, 128, 1024)  # ranks in the tables: powers of two near 10, 100 and 1,000
STEPS = 20


class Link(NamedTuple):
    """A connection between two machines."""

    latency: float  # seconds
    bandwidth: float  # bytes per second


def measured_link(seconds: dict[str, float]) -> Link:
    """Return the link that explains the measured all-reduces of two ranks best: 2 · latency + bytes / bandwidth."""
    sizes = np.array([float(size) for size in seconds])
    times = np.array(list(seconds.values()))
    weights = 1 / times  # relative errors count
    columns = np.stack([np.full_like(sizes, 2.0), sizes], 1) * weights[:, None]
    (latency, per_byte), *_ = np.linalg.lstsq(columns, times * weights, rcond=None)
    return Link(max(float(latency), 1e-7), 1 / float(per_byte))


def tree(clocks: np.ndarray, link: Link, size: float) -> np.ndarray:
    """Return the clocks after recursive halving and doubling, as tree_all_reduce does it: 2 log₂ K rounds."""
    ranks = np.arange(len(clocks))
    distances = [2**i for i in range(len(clocks).bit_length() - 1)]
    rounds = [(distance, size / (2 * distance)) for distance in distances]
    for distance, content in [*rounds, *reversed(rounds)]:
        clocks = np.maximum(clocks, clocks[ranks ^ distance]) + link.latency + content / link.bandwidth
    return clocks


def ring(clocks: np.ndarray, link: Link, size: float) -> np.ndarray:
    """Return the clocks after a ring: 2 (K − 1) rounds, each with 1/K of the vector to the neighbour."""
    count = len(clocks)
    for _ in range(2 * (count - 1)):
        clocks = np.maximum(clocks, np.roll(clocks, 1)) + link.latency + size / count / link.bandwidth
    return clocks


def master(clocks: np.ndarray, link: Link, size: float) -> np.ndarray:
    """Return the clocks after all have sent to one rank, which sends the sum back to each."""
    one_message = link.latency + size / link.bandwidth
    end = clocks[0]
    for clock in np.sort(clocks[1:]):
        end = max(end, clock) + one_message
    return np.full_like(clocks, end + (len(clocks) - 1) * one_message)


METHODS: dict[str, Callable[[np.ndarray, Link, float], np.ndarray]] = {"tree": tree, "ring": ring, "one master": master}


def step_seconds(method: str, ranks: int, link: Link, computing: Sequence[float], seed: int = 0) -> float:
    """Return the mean seconds of a step, in which each rank computes for one of the measured times."""
    random = np.random.default_rng(seed)
    clocks = np.zeros(ranks)
    for _ in range(STEPS):
        clocks = METHODS[method](clocks + random.choice(computing, ranks), link, GRADIENTS)
    return float(clocks.max()) / STEPS


def table(head: str, rows: dict[str, list[str]]) -> str:
    """Return a Markdown table with a column for each of the shown numbers of ranks."""
    lines = [f"| {head} | {' | '.join(f'{count:,} ranks' for count in SHOWN)} |", f"|---|{'---:|' * len(SHOWN)}"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(values)} |" for name, values in rows.items())])


def tables(links: dict[str, Link], computing: Sequence[float]) -> str:
    """Return the tables of the page: the exchange alone by method, and the share of a step that is computing."""
    still = [0.0]
    exchange = {
        f"{method}, {name}": [f"{step_seconds(method, count, link, still):,.3f} s" for count in SHOWN]
        for name, link in links.items()
        for method in METHODS
    }
    alone = step_seconds("tree", 1, next(iter(links.values())), computing)
    share = {
        f"tree, {name}": [f"{alone / step_seconds('tree', count, link, computing):.0%}" for count in SHOWN]
        for name, link in links.items()
    }
    return "\n\n".join([table("one all-reduce of 95 MB", exchange), table("efficiency without overlap", share)])


def draw(links: dict[str, Link], computing: Sequence[float], path: Path) -> None:
    """Draw the time of an all-reduce by method, and the efficiency by link."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    name, link = list(links.items())[1]
    for method in METHODS:
        left.loglog(RANKS[1:], [step_seconds(method, count, link, [0.0]) for count in RANKS[1:]], label=method)
    left.set(xlabel="ranks", ylabel="seconds", title=f"One all-reduce of 95 MB, {name}")
    left.legend()
    alone = step_seconds("tree", 1, link, computing)
    for name, link in links.items():
        shares = [100 * alone / step_seconds("tree", count, link, computing) for count in RANKS]
        right.semilogx(RANKS, shares, label=name)
    right.set(xlabel="ranks", ylabel="percent of a step", ylim=(0, 102), title="Computing, with the tree, no overlap")
    right.legend()
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Draw the plot and write the tables."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    computing = found["seconds of single steps"]
    links = {
        "memory (measured)": measured_link(found["all-reduce between 2 ranks, seconds by bytes"]),
        "10 Gbit/s, 50 µs": Link(50e-6, 1.25e9),
        "100 Gbit/s, 2 µs": Link(2e-6, 12.5e9),
    }
    draw(links, computing, PLOT)
    memory = links["memory (measured)"]
    text = (
        f"Measured on {found['machine']['processor']}: {1e6 * memory.latency:.0f} µs and {memory.bandwidth / 1e9:.1f} "
        f"GB/s between two processes; a step of {found['batch'] // 2} images of {found['size']} × {found['size']} "
        f"pixels takes one core {np.mean(computing):.2f} s."
    )
    replace_section(PAGE, "Scaling", f"{fill(text, 118)}\n\n{tables(links, computing)}")
    replace_section(PAGE, "Cost", cost(found))
    print(f"wrote {PLOT} and {PAGE}")


def cost(found: dict[str, Any]) -> str:
    """Return what was measured as a table, and the ratios in a sentence."""
    rows = ["| | seconds of a step | processor time of a rank | waiting for other ranks |", "|---|---:|---:|---:|"]
    for name, step in found["steps"].items():
        rows.append(f"| {name} | {step['seconds']:.2f} | {step['busy']:.2f} | {step['waited']:.2f} |")
    exchange, threads = found["cost of the exchange"], found["two ranks beside two threads"]
    busy = found["processor time of the exchange"]
    head = (
        f"Inception V3, {found['batch']} images of {found['size']} × {found['size']} pixels, on "
        f"{found['machine']['processor']} with 2 cores:"
    )
    text = (
        f"The step of two ranks that exchange takes {exchange:+.1%} beside that of two that do not ({busy:+.1%} in "
        f"processor time). A step of 2 ranks with 1 thread each takes {threads:.2f} times as long as one of 1 rank "
        f"with 2 threads. {found['note']}"
    )
    return "\n".join([head, "", *rows, "", fill(text, 118)])


if __name__ == "__main__":
    main()
