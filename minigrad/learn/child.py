"""The process that runs a learner's code: it may loop for ever, crash or print, and harms nobody.

    python -m minigrad.learn.child check SLUG FILE RESULT
    python -m minigrad.learn.child milestone NAME FOLDER RESULT

It writes its result as JSON to the file RESULT.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from minigrad.files import write_atomically
from minigrad.learn.folder import Folder, find
from minigrad.learn.judge import Verdict, is_unwritten, judge
from minigrad.learn.milestones import MILESTONES, SlowError, run
from minigrad.learn.outcome import NotYetError, load, where
from minigrad.system import never_fail_to_print

#: How long a learner's code may take in a check.
SECONDS = 10.0
_PRINTED = 2000  # characters that are shown of what it prints


class _Limited(io.StringIO):
    """Keeps the beginning of what is written to it."""

    def write(self, text: str) -> int:
        if self.tell() < _PRINTED:
            super().write(text[: _PRINTED - self.tell()])
        return len(text)


def check(slug: str, path: str, result: Path) -> None:
    """Judge a file, and write the verdict."""
    exercise = find(slug)
    try:
        source = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        text = f"Your file is not in UTF-8, the encoding of Python's files: see byte {error.start}. Save it as UTF-8."
        _write(result, Verdict(failed="shapes", lines=[text]), _Limited())
        return
    sys.path.append(str(Path(path).parent))  # a learner's file may import another one
    printed = _Limited()
    watchdog = threading.Timer(SECONDS, _stop, (path, result, threading.get_ident(), printed))
    watchdog.daemon = True
    watchdog.start()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        verdict = judge(exercise, source, path)
    watchdog.cancel()
    _write(result, verdict, printed)


def _stop(path: str, result: Path, thread: int, printed: _Limited) -> None:
    """Write that the time is up, and where the code is, and end the process."""
    frame, line = sys._current_frames().get(thread), None
    while frame is not None:
        if frame.f_code.co_filename == path:
            line = frame.f_lineno
            break
        frame = frame.f_back
    source = Path(path).read_text(encoding="utf-8-sig").splitlines()
    text = f"Your code had not finished after {SECONDS:.0f} seconds, and was stopped."
    lines = [text]
    if line is not None and line <= len(source):
        lines += ["", f"    line {line}:  {source[line - 1].strip()}"]
    lines += ["", "The arrays here are tiny. Does a loop never end, or a function call itself for ever?"]
    _write(result, Verdict(failed="time", lines=lines), printed)
    os._exit(0)


def _write(result: Path, verdict: Verdict, printed: _Limited) -> None:
    record = {**asdict(verdict), "printed": printed.getvalue()}
    write_atomically(result, json.dumps(record).encode())


def milestone(name: str, folder: Path, result: Path) -> None:
    """Train a milestone's network with the files of a folder, print how it goes, and write whether it has learned."""
    wanted = next(milestone for milestone in MILESTONES if milestone.name == name)
    place = Folder(folder)
    progress, _ = place.progress()
    functions = {}
    try:
        for slug in progress.passed:
            exercise = find(slug)
            path = place.file(exercise)
            source = path.read_text(encoding="utf-8-sig")
            if not is_unwritten(source):
                functions[slug] = load(source, str(path), exercise.function)
        learned, lines = run(wanted, functions, _say), []
    except (SlowError, NotYetError, OSError) as problem:
        learned, lines = False, str(problem).split("\n")
    except Exception as error:
        frames = [str(place.file(find(slug))) for slug in functions]
        learned, lines = False, ["The training stopped with an error.", "", *_where(error, frames)]
    write_atomically(result, json.dumps({"learned": learned, "lines": lines}).encode())


def _where(error: Exception, paths: list[str]) -> list[str]:
    found = [where(error, path) for path in paths]
    best = next((text for text in found if text.lstrip().startswith("line ")), where(error, ""))
    return best.split("\n")


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Do what the command line says."""
    never_fail_to_print()
    what, name, path, result = sys.argv[1:]
    if what == "check":
        check(name, path, Path(result))
    else:
        milestone(name, Path(path), Path(result))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # the parent, which got it too, says so
        sys.exit(130)
