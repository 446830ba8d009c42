"""To be moved here from ``minigrad/ops/ctc.py``."""

from minigrad.ops.ctc import ctc_loss

__all__ = [
    "ctc_loss",
]
