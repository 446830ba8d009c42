"""One case: damage a sound file, read it, and judge what comes of it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.fuzz.mutations import damaged
from tests.fuzz.readers import Reader, Sample, WrongError

GOOD = ("accepted", "named")
BAD = ("unnamed", "raw", "wrong", "memory", "hang", "crash", "code")
SECONDS = 5.0  # of CPU that a case may take

_STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "socket.connect")
_CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree")
_watched: list[str] | None = None  # what the reader does that no reader should, while one is watched
_audited = False


class Verdict(NamedTuple):
    """The outcome of a case: one of GOOD or BAD, and details of a bad one."""

    outcome: str
    details: str = ""


class _HangError(BaseException):
    """A reader has taken too long."""


def run(name: str, reader: Reader, samples: list[Sample], folder: Path, seed: int, number: int) -> Verdict:
    """Return the outcome of a case in an empty folder; it depends on the reader, the seed and the number alone."""
    rng = random.Random(f"{name} {seed} {number}")
    sample = rng.choice(samples)
    files = dict(sample)
    chosen = rng.choice(sorted(files))
    if reader.disturb is None or rng.random() < 0.7:
        files[chosen] = _damage(reader, chosen, files[chosen], samples, rng)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    if reader.disturb is not None and rng.random() < 0.5:
        reader.disturb(folder, rng)
    allowed = reader.allowance + 10 * sum(map(len, files.values()))
    try:
        return _judged(reader, folder, sample, allowed)
    finally:
        _empty(folder)


def _damage(reader: Reader, name: str, content: bytes, samples: list[Sample], rng: random.Random) -> bytes:
    shell = next((shell for end, shell in reader.shells.items() if name.endswith(end)), None)
    if shell is not None and rng.random() < 0.5:
        return shell(content, rng)
    return damaged(content, rng, [c for other in samples for c in other.values()], reader.words)


def _judged(reader: Reader, folder: Path, sample: Sample, allowed: int) -> Verdict:
    before = _start_peak()
    began = time.process_time()
    try:
        with _watching() as seen:
            verdict = _read(reader, folder, sample)
    except _HangError:
        return Verdict("hang", f"more than {SECONDS} s")
    if seen:
        return Verdict("code", "; ".join(seen))
    if time.process_time() - began > SECONDS:
        return Verdict("hang", f"{time.process_time() - began:.1f} s")
    grown = _peak() - before
    if grown > allowed:
        return Verdict("memory", f"{grown:,} bytes, where {allowed:,} are allowed")
    return verdict


def _read(reader: Reader, folder: Path, sample: Sample) -> Verdict:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(folder, sample)
    except WrongError as error:
        return Verdict("wrong", str(error))
    except MemoryError:
        return Verdict("memory", "MemoryError")
    except reader.errors as error:
        if str(folder) not in str(error):
            return Verdict("unnamed", f"{type(error).__name__}: {error}")
        return Verdict("named")
    except Exception as error:
        return Verdict("raw", f"{type(error).__name__}: {error}")
    return Verdict("accepted")


# --- Watching ---


@contextmanager
def _watching() -> Iterator[list[str]]:
    """Collect what starts a program or writes a file in the block; raise _HangError if the block takes too long."""
    global _watched
    _listen()
    seen: list[str] = []
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # of modules that are imported late
    timed = hasattr(signal, "setitimer")
    before = signal.signal(signal.SIGPROF, _interrupt) if timed else None
    _watched = seen
    try:
        if timed:
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
        yield seen
    finally:
        _watched = None
        sys.dont_write_bytecode = bytecode
        if timed:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)


def _interrupt(number: int, frame: object) -> None:
    raise _HangError


def _listen() -> None:
    global _audited
    if not _audited:
        sys.addaudithook(_heard)
        _audited = True


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched is None:
        return
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event.startswith(_STARTS) or event in _CHANGES or (writes and arguments[0] != os.devnull):
        _watched.append(f"{event}{arguments[:2]!r:.200}")


def _start_peak() -> int:
    """Let the system measure the peak of this process's memory anew, and return what it has now; 0 if it cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _peak()
    except OSError:
        return 0


def _peak() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024


def _empty(folder: Path) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
