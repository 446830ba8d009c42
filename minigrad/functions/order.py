"""To be moved here from ``minigrad/ops/order.py``."""

from minigrad.ops.order import argsort, sort, topk

__all__ = [
    "argsort",
    "sort",
    "topk",
]
