"""Run one program twice, on torch and on minigrad, and compare the numbers that it prints.

The two engines draw other random numbers from the same seed. A program that begins from NumPy's, or reads its weights,
prints the same numbers on both. For others there is ``one_stream``, see ``minigrad/as_torch/one_stream.py``.
"""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

#: The seed of the random numbers of both engines, where they draw the same ones.
SEED = 0
#: The status of a run that was ended at its limit of time, as that of ``timeout``.
UNFINISHED = 124
#: How many times as long as its limit of the processor's time a run may take.
PATIENCE = 5
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf)(?!\w)")
#: What is printed of times, speeds and addresses differs between any two runs.
_PASSING = re.compile(
    r"0x[0-9a-f]+|\bid\([^)]*\)\S*\s*\d+|\bGigaflops.*|\b(Time|Data)\s+\d+\.\d+ \(\s*\d+\.\d+\)|"
    r"\d+(\.\d+)?\s*(ms|s|sec|seconds|it/s|s/it)\b|\b(ms|s|sec)/\w+:?\s*\d+(\.\d+)?|\d\d:\d\d(:\d\d)?"
)


@dataclass
class Run:
    """The lines that a program printed, and its end."""

    lines: list[str]
    status: int
    errors: str

    @property
    def stopped(self) -> bool:
        """Return whether an error ended it."""
        return self.status not in (0, UNFINISHED)

    @property
    def stopped_at(self) -> str:
        """The last line of the error; empty if there was none."""
        return (self.errors.strip().splitlines() or ["without a message"])[-1] if self.stopped else ""

    @property
    def line(self) -> str:
        """The line of the program at which it stopped, `` at line 12``, or nothing."""
        places = re.findall(r'File "([^"]+)", line (\d+)', self.errors)
        own = [line for file, line in places if "site-packages" not in file and "/minigrad/" not in file]
        return f" at line {own[-1]}" if own else ""


@dataclass
class Report:
    """The comparison of two runs of a program."""

    torch: Run
    minigrad: Run
    numbers: int = 0  #: how many numbers were compared
    lines: int = 0
    largest: float = 0.0  #: the largest relative difference among them
    difference: str = ""  #: the first difference, or nothing
    notes: list[str] = field(default_factory=list)

    @property
    def unfinished(self) -> bool:
        """True if one of them still ran at its limit of time, so that only the beginning was compared."""
        return UNFINISHED in (self.torch.status, self.minigrad.status)

    @property
    def agree(self) -> bool:
        stopped = self.torch.stopped or self.minigrad.stopped or (self.unfinished and not self.numbers)
        return not self.difference and not stopped

    def __str__(self) -> str:
        if self.torch.stopped:
            return f"torch itself stops{self.torch.line}: {self.torch.stopped_at}"
        head = ""
        if self.minigrad.stopped:
            head = f"minigrad stops{self.minigrad.line}: {self.minigrad.stopped_at}\n"
        if self.difference:
            return head + self.difference
        so_far = "before that, " if head else "as far as both ran, " if self.unfinished else ""
        if not self.numbers:
            return head + f"{so_far}{self.lines} lines without a number, all the same"
        return (
            head
            + f"{so_far}all {self.numbers} numbers in {self.lines} lines agree (largest difference {self.largest:.1e})"
        )


def compare(
    program: list[str],
    tolerance: float = 1e-4,
    *,
    one_stream: bool = False,
    exact: bool = False,
    limit: float = 3600,
) -> Report:
    """Run ``program``, a script and its arguments, on both engines, and return how they compare.

    With ``exact``, both compute in float64 and print their losses to the last digit, see ``exactly.py``.

    Raises:
        RuntimeError: if torch is not installed.
    """
    if find_spec("torch") is None:
        raise RuntimeError("--beside needs torch: pip install torch")
    if exact:
        program = [str(Path(__file__).with_name("exactly.py")), *program]
    first = [sys.executable, "-m", "minigrad.as_torch.one_stream"] if one_stream else [sys.executable]
    second = [sys.executable, "-m", "minigrad.as_torch", *(["--seed", str(SEED)] if one_stream else [])]
    return compared(run([*first, *program], limit), run([*second, *program], limit), tolerance, one_stream)


def run(command: list[str], limit: float = 3600, folder: str | None = None) -> Run:
    """Return what a command printed until it ended, or had used the processor for ``limit`` seconds.

    One that waits is ended after :data:`PATIENCE` times as long. Windows counts no time of the processor.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0", "MPLBACKEND": "Agg"}
    start = None if resource is None else partial(_limit_processor, math.ceil(limit))
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            env=environment,
            timeout=limit if resource is None else PATIENCE * limit,
            cwd=folder,
            preexec_fn=start,
        )
        output, errors, status = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as ended:
        output, errors, status = ended.stdout or b"", b"", UNFINISHED
    lines = output.decode(errors="replace").splitlines()
    if resource is not None and status == -signal.SIGXCPU:
        status = UNFINISHED
    if status == UNFINISHED:
        return Run(lines[:-1], status, "")  # half of the last line may be missing
    return Run(lines, status, errors.decode(errors="replace"))


def _limit_processor(seconds: int) -> None:
    """Let this process be ended when it has used the processor for some seconds, without a core file."""
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def compared(torch: Run, minigrad: Run, tolerance: float, one_stream: bool = False) -> Report:
    """Compare two runs line by line. Numbers may differ by ``tolerance``, relative or absolute."""
    report = Report(torch, minigrad)
    for number, (left, right) in enumerate(zip(torch.lines, minigrad.lines, strict=False), 1):
        report.lines = number
        left, right = _PASSING.sub("", left), _PASSING.sub("", right)
        theirs, ours = _NUMBER.findall(left), _NUMBER.findall(right)
        worst = _difference(theirs, ours)
        if worst > tolerance or len(theirs) != len(ours):
            report.difference = _shown(number, torch.lines[number - 1], minigrad.lines[number - 1])
            if not one_stream:
                report.difference += (
                    "\nThe engines draw other random numbers from one seed; --one-stream lets torch draw minigrad's."
                )
            return report
        report.numbers += len(ours)
        report.largest = max(report.largest, worst)
    shorter = min(torch, minigrad, key=lambda run: len(run.lines))
    if len(torch.lines) != len(minigrad.lines) and not shorter.status:
        report.difference = f"torch prints {len(torch.lines)} lines, minigrad {len(minigrad.lines)}"
    return report


def _difference(theirs: list[str], ours: list[str]) -> float:
    """Return the largest difference between two lists of numbers, relative to those above 1."""
    pairs = [(float(a), float(b)) for a, b in zip(theirs, ours, strict=False) if a != b]
    return max((_distance(a, b) for a, b in pairs), default=0.0)


def _distance(a: float, b: float) -> float:
    if math.isnan(a) and math.isnan(b):
        return 0.0
    distance = abs(a - b) / max(1.0, abs(a), abs(b))
    return math.inf if math.isnan(distance) else distance


def _shown(number: int, left: str, right: str) -> str:
    return f"the first difference is in line {number} of what is printed:\n    torch     {left}\n    minigrad  {right}"
