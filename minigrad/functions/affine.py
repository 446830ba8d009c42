"""To be moved here from ``minigrad/ops/linalg.py``."""

from minigrad.ops.linalg import linear

__all__ = [
    "linear",
]
