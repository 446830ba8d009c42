"""The end of a command: one line for every error and interrupt, and the exit status.

Only Python's standard library is imported here, in interrupt.py and in output.py, so that Ctrl-C is one line even while
NumPy is being loaded.
"""

from __future__ import annotations

import errno
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from inception.interrupt import signals_as_interrupts
from inception.output import lead_nowhere

DONE, FAILED, WRONG_OPTIONS, INTERRUPTED = 0, 1, 2, 130

#: What files, data and options may cause. Any other exception is a mistake in the program.
EXPECTED = (ValueError, OSError, ImportError, RuntimeError, MemoryError)


#: A full disk, a full quota, or the limit of a file's size.
NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)


class OptionError(ValueError):
    """An option has a wrong value, or two of them contradict each other."""


@contextmanager
def checking_options() -> Iterator[None]:
    """Turn every ValueError of the block into an :class:`OptionError`."""
    try:
        yield
    except ValueError as error:
        raise OptionError(*error.args) from error


def run(command: Callable[[], int | None], debug: bool = False) -> int:
    """Call ``command`` and return the exit status: its own, or that of the error or interrupt that ended it.

    Args:
        debug: show the traceback of an error, too.
    """
    try:
        with signals_as_interrupts(), _warnings_in_one_line():
            status = command()
            if sys.stdout is not None:
                sys.stdout.flush()  # fails here, if nobody reads any more, and not while Python ends
        return DONE if status is None else status
    except KeyboardInterrupt as interrupt:
        _forget_interrupt()
        _say(_with_notes(str(interrupt) or "interrupted", interrupt))
        return int(getattr(interrupt, "status", INTERRUPTED))
    except BrokenPipeError:  # nobody reads the output any more, as after ``| head``: there is nobody to tell
        lead_nowhere(sys.stdout)
        return FAILED
    except EXPECTED as error:
        if debug:
            traceback.print_exc()
        _say(f"error: {one_line(error)}")
        return WRONG_OPTIONS if isinstance(error, OptionError) else FAILED
    except Exception as error:
        if debug:
            traceback.print_exc()
        _say(f"error: {one_line(error)}" + ("" if debug else f". {_where_the_traceback_is()}"))
        return FAILED


def _forget_interrupt() -> None:
    """Keep Python from ending by SIGINT instead of with the status, after an interrupt that has been handled.

    Python notes an interrupt that leaves a string it evaluates (``namedtuple`` and Numba have such strings), and looks
    at that note when it ends. The next string overwrites it.
    """
    exec("")


def one_line(error: BaseException) -> str:
    """Return an error and its notes (what to do now) as one line without control characters."""
    text = " ".join(part for line in _text(error).splitlines() if (part := line.strip()))
    if isinstance(error, MemoryError):
        text = f"out of memory{f' ({text})' if text else ''}: lower --batch-size, --image-size or --workers"
    elif not isinstance(error, EXPECTED):
        text = f"{type(error).__name__}: {text} (a mistake in the program, not in what you typed)"
    return _with_notes(text or type(error).__name__, error)


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error)


def _with_notes(text: str, error: BaseException) -> str:
    notes = list(getattr(error, "__notes__", ()))
    if not notes and isinstance(error, OSError) and error.errno in NO_ROOM:
        notes = ["Make room on the disk, or write to another one, and run the command again"]
    whole = ". ".join([text.rstrip("."), *notes])
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in whole)


def _where_the_traceback_is() -> str:
    """Write the traceback of the exception that is being handled to a file, and return a sentence about that."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="inception-", suffix=".traceback", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            traceback.print_exc(file=file)
    except OSError:
        return "--debug shows the traceback"
    return f"The traceback is in {file.name}; --debug shows it"


def _say(line: str) -> None:
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print warnings without the line of source that Python adds."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *place: f"warning: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before
