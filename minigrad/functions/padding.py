"""To be moved here from ``minigrad/ops/padding.py``."""

from minigrad.ops.padding import pad

__all__ = [
    "pad",
]
