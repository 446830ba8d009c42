"""The verdict about a run after a fault: how it ended, and whether it came to the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from tests.chaos.processes import Ended

#: Seconds from the fault to the end of a run that cannot go on.
MOST_SECONDS = 10.0

#: The first of the differences that :func:`difference` looks for.
WEIGHTS_DIFFER = "the weights differ"

UNHARMED, RESUMED, NAMED, WARNED = "unharmed", "resumed", "named error", "named change"
#: Good endings. The first two need no word: the run ended as without a fault, or its resumption did.
GOOD = {
    UNHARMED: "ended as without the fault",
    RESUMED: "stopped or killed; the same bits after --resume",
    NAMED: "an error of one line within 10 s; the same bits after the cause was gone and --resume",
    WARNED: "a line names what the fault has destroyed or changed",
}

_OF_THE_CLOCK = {"images_per_second", "memory_mb", "seconds", "phase_seconds", "waiting_seconds"}


class Verdict(NamedTuple):
    """How a fault ended; ``problem`` is empty if all is well."""

    outcome: str
    problem: str = ""

    @property
    def good(self) -> bool:
        return not self.problem


class Result(NamedTuple):
    """What a run came to: everything that must be the same."""

    weights: bytes
    best: bytes | None
    metrics: list[dict[str, object]]


def result_of(run: Path) -> Result:
    """Return what is in the folder of a finished run."""
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    metrics = [{name: value for name, value in each.items() if name not in _OF_THE_CLOCK} for each in records]
    best = run / "best.safetensors"
    return Result((run / "weights.safetensors").read_bytes(), best.read_bytes() if best.exists() else None, metrics)


def difference(found: Result, expected: Result, with_metrics: bool = True, with_best: bool = True) -> str:
    """Return in words how two results differ; nothing if they do not."""
    if found.weights != expected.weights:
        return WEIGHTS_DIFFER
    if found.best != expected.best and (with_best or found.best is not None):
        return "the best weights differ"
    if with_metrics and found.metrics != expected.metrics:
        if len(found.metrics) != len(expected.metrics):
            return f"{len(found.metrics)} records instead of {len(expected.metrics)}"
        pairs = zip(found.metrics, expected.metrics, strict=True)
        return next(f"record {a} instead of {b}" for a, b in pairs if a != b)
    return ""


def ending(ended: Ended, since_fault: float | None) -> Verdict:
    """Return how the process ended into which the fault was put, before it was resumed."""
    if ended.hung:
        return Verdict("", "hung")
    if ended.left_behind:
        return Verdict("", f"left {ended.left_behind} processes behind")
    if "FAULT:" in ended.err:
        return Verdict("", ended.err[ended.err.index("FAULT:") :].strip())
    if ended.status == 0:
        return Verdict(UNHARMED)
    if ended.status < 0 or ended.status in (130, 143):  # Ctrl-C, SIGTERM
        return Verdict(RESUMED, _traceback(ended))
    problem = _traceback(ended)
    if not ended.last_line.startswith("error: ") or ended.err.count("error: ") != 1:
        problem = problem or f"no error of one line: {ended.last_line[:300]!r}"
    if "a mistake in the program" in ended.err:
        problem = ended.last_line
    if since_fault is not None and since_fault > MOST_SECONDS:
        problem = problem or f"ended {since_fault:.0f} s after the fault"
    return Verdict(NAMED, problem)


def _traceback(ended: Ended) -> str:
    return "a traceback: " + " / ".join(ended.err.splitlines()[-3:]) if "Traceback" in ended.err else ""
