"""To be moved here from ``minigrad/ops/unfold.py``."""

from minigrad.ops.unfold import fold, unfold

__all__ = [
    "fold",
    "unfold",
]
