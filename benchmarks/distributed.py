"""Measure what several ranks cost: training steps of Inception V3 under mpiexec, and messages between two ranks.

    python -m benchmarks.distributed [--rounds N] [--steps N] [--size PIXELS] [--batch IMAGES]

measures in turn

- one rank with one thread and half the batch, alone;
- two such ranks that begin and end each step together and exchange nothing: what they take from each other (caches,
  memory, clock rate);
- two ranks with one thread each and the whole batch, which exchange gradients;
- one rank with two threads and the whole batch;

and then how long messages of several sizes take. It writes ``results-distributed.json`` beside this file. From that,
``python -m benchmarks.scaling`` draws how the cost grows with the number of ranks.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine

RESULTS = machine.ROOT / "benchmarks/results-distributed.json"
MPIEXEC = Path(sys.executable).parent / "mpiexec"
SHARDS = 2
SIZES = (8, 8 * 2**10, 2**20, 25 * 2**20, 100 * 2**20)  # bytes
#: For each candidate: ranks, threads of each, the share of the batch, and whether gradients are exchanged.
CANDIDATES = {
    "1 rank, 1 thread, half the batch": (1, 1, 0.5, False),
    "2 such ranks that exchange nothing": (2, 1, 0.5, False),
    "2 ranks, 1 thread each": (2, 1, 1.0, True),
    "1 rank, 2 threads": (1, 2, 1.0, True),
}


def take_steps(threads: int, batch: int, shards: int, steps: int, size: int, exchange: bool) -> None:
    """Train a few steps on random images, on this rank; print the seconds of each step, and those spent waiting.

    Without ``exchange`` each rank trains a model of its own.
    """
    import minigrad
    from inception.model import InceptionV3, logits_of
    from minigrad import distributed, optim
    from minigrad.distributed.gradients import ShardGradients
    from minigrad.distributed.group import Group
    from minigrad.distributed.joining import default_group
    from minigrad.nn import functional as F

    minigrad.set_num_threads(threads)
    distributed.init_process_group()
    group = default_group()
    minigrad.manual_seed(0)
    model = InceptionV3(10, aux_logits=False, init_weights=False)
    optimizer = optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    gradients = ShardGradients(model, shards, group if exchange else Group())
    each = batch // shards
    images, labels = minigrad.randn(each, 3, size, size), minigrad.randint(0, 10, (each,))

    def compute(shard: int) -> None:
        F.cross_entropy(logits_of(model(images)), labels).backward()

    seconds, busy, waited = [], [], []
    for step in range(steps + 2):  # the first two compile and warm up
        group.barrier()
        group.waited, start, start_busy = 0.0, time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        gradients.compute(compute)
        gradients.finish()
        optimizer.step()
        used = time.process_time() - start_busy
        group.barrier()  # the step ends with that of the slower rank
        if step >= 2:
            seconds.append(time.perf_counter() - start)
            busy.append(used)
            waited.append(group.waited)
    if group.rank == 0:
        print(json.dumps({"seconds": seconds, "busy": busy, "waited": waited}))


def send_messages() -> None:
    """Exchange vectors of several sizes between two ranks; print the seconds of each size."""
    import minigrad
    from minigrad import distributed

    distributed.init_process_group()
    found = {}
    for size in SIZES:
        vector = minigrad.tensor(np.ones(size // 4, np.float32))
        took = []
        for _ in range(12 if size > 2**22 else 60):
            distributed.barrier()
            start = time.perf_counter()
            distributed.all_reduce(vector)
            took.append(time.perf_counter() - start)
        found[str(size)] = statistics.median(took)
    if distributed.get_rank() == 0:
        print(json.dumps(found))


def start(ranks: int, *arguments: object) -> subprocess.Popen[str]:
    """Start this file on some ranks."""
    return subprocess.Popen(
        [MPIEXEC, "-n", str(ranks), sys.executable, "-m", "benchmarks.distributed", *map(str, arguments)],
        cwd=machine.ROOT,
        env={**os.environ, "PYTHONPATH": str(machine.ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"},
        stdout=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a process printed."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a measurement failed with status {process.returncode}")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def measure(rounds: int, steps: int, batch: int, size: int) -> dict[str, dict[str, list[float]]]:
    """Return for each candidate all seconds of its steps: until the end, of computing, and of waiting for others."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in CANDIDATES}
    for _ in range(rounds):
        for name, (ranks, threads, share, exchange) in CANDIDATES.items():
            shards = max(1, round(SHARDS * share))
            options = ["--worker", threads, "--batch", round(batch * share), "--shards", shards]
            options += ["--steps", steps, "--size", size] + ["--exchange"] * exchange
            for kind, values in outcome(start(ranks, *options)).items():
                found[name].setdefault(kind, []).extend(values)
            print(f"{name}: {statistics.median(found[name]['seconds']):.3f} s", flush=True)
    return found


def medians(found: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Return the median of every kind of seconds of every candidate."""
    return {
        name: {kind: round(statistics.median(values), 4) for kind, values in kinds.items()}
        for name, kinds in found.items()
    }


def main(arguments: Sequence[str]) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.distributed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often all candidates take turns (%(default)s)")
    parser.add_argument("--steps", type=int, default=4, help="measured steps of each turn (%(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="images of a step (%(default)s, as in the recipe quick)")
    parser.add_argument("--size", type=int, default=139, help="pixels of a side (%(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the results file")
    parser.add_argument("--note", default="", help="a sentence about the measurement, for the page")
    parser.add_argument("--worker", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    parser.add_argument("--shards", type=int, default=SHARDS, help=argparse.SUPPRESS)
    parser.add_argument("--exchange", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--messages", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.messages:
        send_messages()
    elif given.worker is not None:
        take_steps(given.worker, given.batch, given.shards, given.steps, given.size, given.exchange)
    else:
        every = measure(given.rounds, given.steps, given.batch, given.size)
        steps = medians(every)
        _, beside, two, threads = (steps[name] for name in CANDIDATES)
        found = {
            "machine": machine.describe(2),
            "versions": machine.versions(),
            "command": " ".join(["python -m benchmarks.distributed", *arguments]),
            "note": given.note,
            "batch": given.batch,
            "size": given.size,
            "steps": steps,
            "seconds of single steps": [round(value, 4) for value in every[next(iter(CANDIDATES))]["seconds"]],
            "cost of the exchange": round(two["seconds"] / beside["seconds"] - 1, 4),
            "processor time of the exchange": round(two["busy"] / beside["busy"] - 1, 4),
            "two ranks beside two threads": round(two["seconds"] / threads["seconds"], 4),
            "all-reduce between 2 ranks, seconds by bytes": outcome(start(2, "--messages")),
        }
        given.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
