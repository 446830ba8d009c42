"""Copies of a tensor, and its elements in another dtype."""

from __future__ import annotations

from minigrad.memory_order import check, contiguous_format, lies_in, memory_format, preserve_format
from minigrad.ops.casting import cast
from minigrad.ops.identity import Clone
from minigrad.typing import DType, Tensor

__all__ = ["clone"]


def clone(input: Tensor, *, memory_format: memory_format | None = preserve_format) -> Tensor:
    """Return a copy in memory of its own; gradients pass through.

    Raises:
        TypeError, NotImplementedError, RuntimeError: for a memory format that does not fit.
    """
    return Clone.apply(input, format=_known("clone", memory_format, preserve_format))


def contiguous(input: Tensor, memory_format: memory_format | None = contiguous_format) -> Tensor:
    """Return this tensor if its elements lie in memory in row-major order, or the one given, else a copy that does.

    Raises:
        TypeError, NotImplementedError, RuntimeError: for a memory format that does not fit.
    """
    format = _known("contiguous", memory_format, contiguous_format)
    if lies_in(input.array, format):
        return input
    if format is preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator.")
    return Clone.apply(input, format=format)


def to_format(input: Tensor, memory_format: memory_format | None) -> Tensor:
    """Return this tensor if it lies in memory in the given order, or that is to be preserved, else a copy that does.

    Raises:
        TypeError, NotImplementedError, RuntimeError: for a memory format that does not fit.
    """
    format = _known("to", memory_format, preserve_format)
    return input if format is preserve_format else contiguous(input, format)


def _known(name: str, format: memory_format | None, default: memory_format) -> memory_format:
    if format is None:
        return default
    check(name, format)
    return format


def to_dtype(input: Tensor, dtype: DType) -> Tensor:
    """Return ``input`` with elements of ``dtype``."""
    return cast(input, dtype)
