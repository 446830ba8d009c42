"""Warn of a user's line, however deep in minigrad the reason is found."""

from __future__ import annotations

import sys
import warnings


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, with the innermost line that is not minigrad's own. Python shows each such line once.

    ``warnings.filterwarnings("ignore", "beginning of the message")`` turns a warning off, and ``python -W error`` makes
    every warning an exception.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "minigrad":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
