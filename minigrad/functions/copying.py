"""Copies of a tensor, and its elements in another dtype."""

from __future__ import annotations

from minigrad.ops.casting import cast
from minigrad.ops.identity import Clone, Contiguous
from minigrad.typing import DType, Tensor

__all__ = ["clone"]


def clone(input: Tensor) -> Tensor:
    """Return a copy in memory of its own; gradients pass through."""
    return Clone.apply(input)


def contiguous(input: Tensor) -> Tensor:
    """Return a copy whose elements lie in row-major order; gradients pass through."""
    return Contiguous.apply(input)


def to_dtype(input: Tensor, dtype: DType) -> Tensor:
    """Return ``input`` with elements of ``dtype``."""
    return cast(input, dtype)
