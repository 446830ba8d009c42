"""Load the modules that need Numba when they are first used.

Importing Numba takes longer than importing all of minigrad.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from functools import cache
from types import ModuleType


@cache
def load(name: str) -> ModuleType:
    """Return the module of this name beside this one."""
    module = importlib.import_module(f"minigrad.kernels.compiled.{name}")
    _announce_compilation()
    return module


def loops() -> ModuleType:
    """Return the module loops.py."""
    return load("loops")


def run(loop: Callable[..., object], *arguments: object, alone: bool = False) -> None:
    """Call a compiled loop with a team of threads to share its parts out among, or ``alone`` in this thread."""
    load("team").call(loop, *arguments, alone=alone)


@cache
def _announce_compilation() -> None:
    """Log, when Numba first compiles something, that this takes a moment; what is in its cache is not compiled."""
    from numba.core import event

    class Announcement(event.Listener):
        announced = False

        def on_start(self, event: object) -> None:
            if not self.announced:
                logging.getLogger("minigrad").info("compiling loops for this processor, once: up to half a minute …")
                self.announced = True

        def on_end(self, event: object) -> None:
            pass

    event.register("numba:compile", Announcement())
