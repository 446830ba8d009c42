"""Many cases, each reader in a process of its own, which may crash or hang: then another goes on after that case."""

from __future__ import annotations

import json
import mmap
import os
import resource
import signal
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import cases
from tests.fuzz.readers import Reader, Sample

_MEMORY = 4 * 2**30  # bytes that a process may ask for beyond what it has
_STUCK = 60.0  # seconds without the end of a case, after which the process is killed
_LOOK = 0.05  # seconds between two looks at a process


@dataclass
class Result:
    """The outcomes of the cases of one reader, and an example of each kind of failure."""

    tried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def bad(self) -> int:
        """How many cases failed."""
        return sum(self.outcomes[outcome] for outcome in cases.BAD)

    def add(self, number: int, verdict: cases.Verdict) -> None:
        """Count a case."""
        self.tried += 1
        self.outcomes[verdict.outcome] += 1
        if verdict.outcome in cases.BAD and self.outcomes[verdict.outcome] <= 20:
            self.failures.append(f"case {number}: {verdict.outcome}: {verdict.details[:300]}")


def run(name: str, reader: Reader, seed: int, numbers: range) -> Result:
    """Return the result of the cases of these numbers.

    Raises:
        RuntimeError: if a sound file cannot be read.
    """
    samples, result = list(reader.samples()), Result()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve() / "files"
        folder.mkdir()
        _read_sound_files(name, reader, samples, folder)
        at = numbers.start
        while at < numbers.stop:
            for number, verdict in _in_a_process(name, reader, samples, folder, seed, range(at, numbers.stop)):
                result.add(number, verdict)
                at = number + 1
    return result


def _read_sound_files(name: str, reader: Reader, samples: list[Sample], folder: Path) -> None:
    for sample in samples:
        for path, content in sample.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        try:
            reader.read(folder, sample)
        except Exception as error:
            raise RuntimeError(f"{name}: a sound file ({', '.join(sample)}) is not read: {error!r}") from error
        cases._empty(folder)


def _in_a_process(
    name: str, reader: Reader, samples: list[Sample], folder: Path, seed: int, numbers: range
) -> Iterator[tuple[int, cases.Verdict]]:
    """Yield the outcomes of cases until the end, or up to the one with which the process ended."""
    current = mmap.mmap(-1, 8)
    there, here = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(there)
        _work(name, reader, samples, folder, seed, numbers, current, here)
    os.close(here)
    with os.fdopen(there, "rb") as pipe:
        text = _output(child, pipe.fileno(), current)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done = -1
    for line in text.splitlines():
        done, outcome, details = json.loads(line)
        yield done, cases.Verdict(outcome, details)
    if status:
        number = struct.unpack("q", current[:])[0]
        killed = status == -signal.SIGKILL
        cases._empty(folder)
        yield number, cases.Verdict("hang" if killed else "crash", f"the process ended with status {status}")


def _work(
    name: str, reader: Reader, samples: list[Sample], folder: Path, seed: int, numbers: range, current: mmap.mmap,
    pipe: int,
) -> None:  # fmt: skip
    """Run cases in a process of its own, write the outcomes into a pipe, and end the process."""
    status = 1
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY,) * 2)
        for number in numbers:
            current[:] = struct.pack("q", number)
            verdict = cases.run(name, reader, samples, folder, seed, number)
            os.write(pipe, (json.dumps([number, *verdict]) + "\n").encode())
        status = 0
    finally:
        os._exit(status)


def _output(child: int, pipe: int, current: mmap.mmap) -> str:
    """Return all that the process writes; kill it if it stays at one case."""
    os.set_blocking(pipe, False)
    found, at, since = b"", b"", time.monotonic()
    while True:
        try:
            piece = os.read(pipe, 2**16)
        except BlockingIOError:
            time.sleep(_LOOK)
            if current[:] != at:
                at, since = current[:], time.monotonic()
            elif time.monotonic() - since > _STUCK:
                os.kill(child, signal.SIGKILL)
            continue
        if not piece:
            return found.decode()
        found += piece
