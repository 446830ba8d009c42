"""The process that judges a learner's code: it may loop for ever, crash or print, and harms nobody.

    python -m minigrad.learn.child SLUG FILE RESULT

It writes the verdict as JSON to the file RESULT.
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
from minigrad.learn.folder import find
from minigrad.learn.judge import Verdict, judge
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


def main() -> None:
    """Do what the command line says."""
    never_fail_to_print()
    slug, path, result = sys.argv[1:]
    check(slug, path, Path(result))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # the parent, which got it too, says so
        sys.exit(130)
