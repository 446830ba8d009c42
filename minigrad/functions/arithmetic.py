"""To be moved here from ``minigrad/ops/elementwise.py``."""

from minigrad.ops.elementwise import add, div, floor_divide, fmod, mul, neg, pow, remainder, sub

__all__ = [
    "add",
    "div",
    "floor_divide",
    "fmod",
    "mul",
    "neg",
    "pow",
    "remainder",
    "sub",
]
