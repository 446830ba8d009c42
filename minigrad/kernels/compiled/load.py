"""Load the modules that need Numba when they are first used.

Importing Numba takes longer than importing all of minigrad.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from types import ModuleType


@cache
def load(name: str) -> ModuleType:
    """Return the module of this name beside this one."""
    importlib.import_module("minigrad.kernels.compiled.notice")
    return importlib.import_module(f"minigrad.kernels.compiled.{name}")


def loops() -> ModuleType:
    """Return the module loops.py."""
    return load("loops")


def run(loop: Callable[..., object], *arguments: object, alone: bool = False) -> None:
    """Call a compiled loop with a team of threads to share its parts out among, or ``alone`` in this thread."""
    load("team").call(loop, *arguments, alone=alone)
