"""Kernels compiled by Numba, where it is installed and wanted."""

from __future__ import annotations

import importlib
import logging
import os
from functools import cache
from typing import Any


@cache
def compiled(name: str) -> Any:
    """The module of this name beside this one, which needs Numba; ``None`` without it: then NumPy does the same.

    Imported when first needed, because importing Numba takes longer than importing all of minigrad.
    """
    if os.environ.get("MINIGRAD_KERNELS") == "numpy":
        return None
    try:
        module = importlib.import_module(f"minigrad.kernels.{name}")
    except ImportError:
        return None
    _announce_compilation()
    return module


@cache
def _announce_compilation() -> None:
    """Logs, when Numba first compiles something, that this takes a moment; what is in its cache is not compiled."""
    from numba.core import event

    class Announcement(event.Listener):
        announced = False

        def on_start(self, event: Any) -> None:
            if not self.announced:
                logging.getLogger("minigrad").info("compiling loops for this processor, once: some ten seconds …")
                self.announced = True

        def on_end(self, event: Any) -> None:
            pass

    event.register("numba:compile", Announcement())
