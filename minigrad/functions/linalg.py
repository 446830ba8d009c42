"""To be moved here from ``minigrad/ops/linalg.py``."""

from minigrad.ops.linalg import addmm, bilinear, bmm, dot, matmul, mm, outer, tensordot

__all__ = [
    "addmm",
    "bilinear",
    "bmm",
    "dot",
    "matmul",
    "mm",
    "outer",
    "tensordot",
]
