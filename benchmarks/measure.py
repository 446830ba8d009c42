"""Measure candidates in turn, each in a process of its own, which waits while the others work.

So all see the same machine, which others may share, and each is built, compiled and warmed up only once.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.cases import COMPILED, MINIGRAD
from benchmarks.machine import ROOT
from inception.clock import PHASES

WARM_UP = 3  # repeats that are not counted, and whose values must agree
LONGEST_SILENCE = 900.0  # seconds: compilation by torch takes minutes
SECONDS_A_TURN = 0.5  # a candidate repeats a short case for about so long in each round


class CandidateError(Exception):
    """A candidate that stopped, did not answer, or computed something else."""


class TimeUpError(Exception):
    """No time was left (``--minutes``)."""


@dataclass(frozen=True)
class Setting:
    """How to measure: threads of each candidate, rounds, and the moment when all must end (of the monotonic clock)."""

    threads: int
    rounds: int
    deadline: float = float("inf")
    began: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeUpError: if none are.
        """
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeUpError
        return seconds


def environment(threads: int, **more: str) -> dict[str, str]:
    """Return the environment of a process in which every library uses this many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads)), **more}


def child(module: str, *arguments: object, setting: Setting, **variables: str) -> str:
    """Run a module in a process of its own, and return what it prints.

    Raises:
        CandidateError: if it fails.
        TimeUpError: if the time for everything is up.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    where = {"cwd": ROOT, "env": environment(setting.threads, **variables)}
    limit = min(LONGEST_SILENCE, setting.left())
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=limit, **where)
    except subprocess.TimeoutExpired:
        setting.left()
        raise CandidateError(f"{module} took more than {LONGEST_SILENCE:.0f} s") from None
    if shown.returncode != 0:
        raise CandidateError(last_words(shown.stderr.splitlines(), shown.returncode))
    return shown.stdout


def last_words(log: Sequence[str], status: int | None) -> str:
    """Return the line of a log that says why its process ended."""
    lines = [line.strip() for line in log if line.strip()]
    errors = [line for line in lines if "Error" in line.split(" ")[0]]
    return (errors or lines or [f"ended with status {status}"])[-1][:300]


class Worker:
    """A process that runs one case for one candidate."""

    def __init__(self, candidate: str, case: str, setting: Setting) -> None:
        self.candidate, self.setting = candidate, setting
        self.folder = tempfile.mkdtemp()  # torch's caches, so that compilation begins anew
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # close() closes it
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", candidate, case, str(setting.threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            cwd=ROOT,
            env=environment(
                setting.threads,
                TORCHINDUCTOR_CACHE_DIR=self.folder,
                TORCHINDUCTOR_COMPILE_THREADS=str(setting.threads),
            ),
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.put(line)
        self.lines.put("")

    def answer(self) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            CandidateError: if the process ended, or was silent for too long.
            TimeUpError: if the time for everything is up.
        """
        try:
            line = self.lines.get(timeout=min(LONGEST_SILENCE, self.setting.left()))
        except queue.Empty:
            self.setting.left()
            raise CandidateError(f"no answer within {LONGEST_SILENCE:.0f} s") from None
        if not line:
            self.process.wait()
            self.log.seek(0)
            raise CandidateError(last_words(self.log.readlines(), self.process.returncode))
        found: dict[str, Any] = json.loads(line)
        return found

    def repeat(self, times: int) -> dict[str, Any]:
        """Run the case some times, and return the seconds, phases, values and the peak memory."""
        with suppress(OSError):  # it has ended, which the answer tells
            print(times, file=self.process.stdin, flush=True)
        return self.answer()

    def close(self) -> None:
        """End the process: at the end of its input, or by force if it is at work."""
        with suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]
        try:
            self.process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def working(candidate: str, case: str, setting: Setting) -> Iterator[tuple[Worker, dict[str, Any]]]:
    """Yield a worker that has warmed up, and what the warm-up showed.

    If minigrad's kernels were compiled meanwhile, it begins again: a user meets that only once.
    """
    worker = Worker(candidate, case, setting)
    try:
        worker.answer()
        first = worker.repeat(WARM_UP)
        if first["compilations"]:
            worker.close()
            worker = Worker(candidate, case, setting)
            worker.answer()
            first = worker.repeat(WARM_UP)
        yield worker, first
    finally:
        worker.close()


def once(candidate: str, case: str, repeats: int, setting: Setting) -> dict[str, Any]:
    """Run a case for one candidate alone."""
    with working(candidate, case, setting) as (worker, _):
        return worker.repeat(repeats)


def differ(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Return whether two candidates computed different values, or values that change differently from step to step."""
    return any(
        not abs(a - b) <= 1e-3 * abs(b)
        or not abs((a - ours[0]) - (b - theirs[0])) <= 0.05 * abs(b - theirs[0]) + 1e-4 * abs(b)
        for a, b in zip(ours, theirs, strict=True)
    )


def compare(case: str, candidates: Sequence[str], setting: Setting) -> dict[str, Any]:
    """Run a case for minigrad and other candidates in turn.

    Raises:
        CandidateError: if minigrad failed, or all others.
    """
    taken: dict[str, list[dict[str, Any]]] = {}
    first: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        workers = {}
        for name in (MINIGRAD, *candidates):
            try:
                workers[name], first[name] = stack.enter_context(working(name, case, setting))
                if differ(first[MINIGRAD]["values"], first[name]["values"]):
                    raise CandidateError(f"computed {first[name]['values']}, minigrad {first[MINIGRAD]['values']}")
            except CandidateError as failure:
                if name == MINIGRAD:
                    raise
                workers.pop(name, None)
                failed[name] = str(failure)
        if len(workers) < 2:
            raise CandidateError("; ".join(f"{name}: {why}" for name, why in failed.items()))
        slowest = max(first[name]["seconds"][-1] for name in workers)
        repeats = max(1, min(100, round(SECONDS_A_TURN / slowest)))
        order = list(workers)
        for _ in range(setting.rounds):
            if taken and time.monotonic() + 1.5 * slowest * repeats * len(order) > setting.deadline:
                break
            for name in order:
                taken.setdefault(name, []).append(workers[name].repeat(repeats))
            order = [*order[1:], order[0]]
    result = summary(taken, first, failed)
    rounds = len(taken[MINIGRAD])
    return {"case": case, **result, "rounds": rounds, "repeats_a_round": repeats, "cut_short": rounds < setting.rounds}


def summary(
    taken: dict[str, list[dict[str, Any]]], first: dict[str, dict[str, Any]], failed: dict[str, str]
) -> dict[str, Any]:
    """Return medians over all repeats, and minigrad's ratio to every other candidate: the median of the rounds'."""
    result: dict[str, Any] = {}
    for name, rounds in taken.items():
        seconds = [second for one in rounds for second in one["seconds"]]
        entry: dict[str, Any] = {
            "seconds": _digits(statistics.median(seconds)),
            "first_seconds": _digits(first[name]["seconds"][0]),
            "peak_mb": round(rounds[-1]["peak_mb"]),
        }
        phases = [phases for one in rounds for phases in one["phases"]]
        if len(phases[0]) == len(PHASES):
            medians = (statistics.median(column) for column in zip(*phases, strict=True))
            entry["phase_seconds"] = dict(zip(PHASES, map(_digits, medians), strict=True))
        if name == COMPILED:
            entry["compile_seconds"] = round(entry["first_seconds"] - entry["seconds"], 1)
        if name != MINIGRAD:
            ratios = [
                statistics.median(ours["seconds"]) / statistics.median(theirs["seconds"])
                for ours, theirs in zip(taken[MINIGRAD], rounds, strict=True)
            ]
            entry["ratio"] = _digits(statistics.median(ratios))
            entry["ratio_range"] = [_digits(min(ratios)), _digits(max(ratios))]
            entry["memory_ratio"] = _digits(result[MINIGRAD]["peak_mb"] / entry["peak_mb"])
        result[name] = entry
    return {**result, **{name: {"failed": why} for name, why in failed.items()}}


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
