"""To be moved here from ``minigrad/ops/shape.py``."""

from minigrad.ops.shape import (
    broadcast_to,
    cat,
    chunk,
    flatten,
    flip,
    narrow,
    permute,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    t,
    transpose,
    tril,
    triu,
    unbind,
    unsqueeze,
)
from minigrad.ops.shape import expand as expand
from minigrad.ops.shape import repeat as repeat
from minigrad.ops.shape import view as view

__all__ = [
    "broadcast_to",
    "cat",
    "chunk",
    "flatten",
    "flip",
    "narrow",
    "permute",
    "reshape",
    "roll",
    "split",
    "squeeze",
    "stack",
    "t",
    "transpose",
    "tril",
    "triu",
    "unbind",
    "unsqueeze",
]
