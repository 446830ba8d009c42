"""Kernels compiled by Numba, where it is installed and wanted."""

from __future__ import annotations

import importlib
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
        return importlib.import_module(f"minigrad.kernels.{name}")
    except ImportError:
        return None
