"""Kernels compiled by Numba, imported when first needed."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any


@cache
def load(name: str) -> Any:
    """The module of this name beside this one, which needs Numba.

    Imported when first needed, because importing Numba takes longer than importing all of minigrad.
    """
    module = importlib.import_module(f"minigrad.kernels.compiled.{name}")
    _announce_compilation()
    return module


@cache
def _announce_compilation() -> None:
    """Logs, when Numba first compiles something, that this takes a moment; what is in its cache is not compiled."""
    import logging

    from numba.core import event

    class Announcement(event.Listener):
        announced = False

        def on_start(self, event: Any) -> None:
            if not self.announced:
                logging.getLogger("minigrad").info("compiling loops for this processor, once: up to half a minute …")
                self.announced = True

        def on_end(self, event: Any) -> None:
            pass

    event.register("numba:compile", Announcement())
