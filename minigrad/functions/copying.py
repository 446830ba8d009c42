"""To be moved here from ``minigrad/ops/elementwise.py``."""

from minigrad.ops.elementwise import clone
from minigrad.ops.elementwise import contiguous as contiguous
from minigrad.ops.elementwise import to_dtype as to_dtype

__all__ = [
    "clone",
]
