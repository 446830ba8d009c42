"""Samples: the arrays and options of one call of an operation, and arrays in any memory order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.memory_order import order_of
from minigrad.typing import Array


@dataclass
class Sample:
    """One call: its tensor arguments as arrays, its options, and the positions of the tensors that are constants."""

    arrays: list[Array]
    options: dict[str, Any] = field(default_factory=dict)
    constants: tuple[int, ...] = ()

    def __repr__(self) -> str:
        tensors = ", ".join(
            f"{a.dtype}{list(a.shape)} strides {a.strides}" + (f" {a.tolist()}" if a.size <= 12 else "")
            for a in self.arrays
        )
        return f"Sample({tensors}; {self.options})"

    def differentiable(self, i: int) -> bool:
        """Return whether tensor i is differentiated: it is floating, and not a constant."""
        return i not in self.constants and self.arrays[i].dtype.kind == "f"


def in_memory_order(array: Array, order: Sequence[int], gap: bool) -> Array:
    """Return an equal array whose dimensions lie in memory in ``order``, with unused memory between if ``gap``."""
    room = tuple(array.shape[d] * (2 if gap and i == len(order) - 1 else 1) for i, d in enumerate(order))
    memory = np.zeros(room, array.dtype)
    if gap and room:
        memory = memory[..., ::2]
    view = memory.transpose(np.argsort(order)) if order else memory
    view[...] = array
    return view


def in_strides_of(like: Array, array: Array) -> Array:
    """Return ``array`` in the memory order of ``like``, gaps included."""
    if array.ndim == 0:
        return array
    order = order_of(like)
    dense = like.flags.c_contiguous or like.transpose(order).flags.c_contiguous
    return in_memory_order(array, order, not dense)
