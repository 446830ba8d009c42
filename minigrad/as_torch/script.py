"""Run a script or module as ``python`` would: as ``__main__``, with its own arguments, folder and traceback."""

from __future__ import annotations

import io
import os
import random
import runpy
import sys
import traceback
from types import ModuleType, TracebackType

import numpy as np

import minigrad


def seed_everything(seed: int) -> None:
    """Start the random numbers of minigrad, NumPy and Python from a number."""
    minigrad.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def run_file(path: str, arguments: list[str]) -> None:
    """Run the script ``path``, as ``python path arguments…`` does. An error is printed, and ends the process."""
    program = ModuleType("__main__")
    program.__dict__.update(__file__=path, __builtins__=__builtins__, __cached__=None)
    sys.modules["__main__"] = program
    sys.argv[:] = [path, *arguments]
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    with _errors_of_the_program(path):
        with io.open_code(path) as file:
            code = compile(file.read(), path, "exec")
        exec(code, program.__dict__)


def run_module(name: str, arguments: list[str]) -> None:
    """Run the module ``name``, as ``python -m name arguments…`` does."""
    sys.argv[:] = [name, *arguments]
    sys.path[0] = os.getcwd()
    with _errors_of_the_program(""):
        runpy.run_module(name, run_name="__main__", alter_sys=True)


class _errors_of_the_program:  # noqa: N801  (used as ``with errors():``)
    """Report an error without the frames that lead to the program, which are not the reader's concern."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None or isinstance(error, SystemExit):
            return
        frame = trace
        while frame is not None and frame.tb_frame.f_globals.get("__name__") != "__main__":
            frame = frame.tb_next
        if frame is None and isinstance(error, OSError) and error.filename == self.path:
            sys.exit(f"can't open file {self.path!r}: {error.strerror}")
        if sys.excepthook is sys.__excepthook__:
            traceback.print_exception(type(error), error, frame)
        else:  # one that the program has set
            sys.excepthook(type(error), error, frame)
        sys.stdout.flush()
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)
