"""To be moved here from ``minigrad/ops/einsum.py``."""

from minigrad.ops.einsum import einsum

__all__ = [
    "einsum",
]
