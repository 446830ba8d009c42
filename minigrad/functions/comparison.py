"""Comparisons and logic, element by element. The results are bool tensors, which have no gradient."""

from __future__ import annotations

from typing import Literal, overload

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.mistakes import why_not_broadcast
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.promotion import promote, raw
from minigrad.typing import Number, Tensor

__all__ = ["eq", "ge", "gt", "le", "logical_and", "logical_not", "logical_or", "logical_xor", "lt", "ne", "nonzero"]


def eq(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return input = other, element by element."""
    return _compare(np.equal, "eq", input, other)


def ne(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return input ≠ other, element by element."""
    return _compare(np.not_equal, "ne", input, other)


def lt(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return input < other, element by element."""
    return _compare(np.less, "lt", input, other)


def le(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return input ≤ other, element by element."""
    return _compare(np.less_equal, "le", input, other)


def gt(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return input > other, element by element."""
    return _compare(np.greater, "gt", input, other)


def ge(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return input ≥ other, element by element."""
    return _compare(np.greater_equal, "ge", input, other)


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Return whether both elements are not 0."""
    return _compare(np.logical_and, "logical_and", input, as_tensor_operand("logical_and", other, "other"))


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Return whether at least one of the two elements is not 0."""
    return _compare(np.logical_or, "logical_or", input, as_tensor_operand("logical_or", other, "other"))


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Return whether exactly one of the two elements is not 0."""
    return _compare(np.logical_xor, "logical_xor", input, as_tensor_operand("logical_xor", other, "other"))


def _compare(ufunc: np.ufunc, name: str, input: Tensor, other: Tensor | Number) -> Tensor:
    """Return the results of a NumPy comparison in a common dtype.

    Raises:
        RuntimeError: if the shapes cannot be broadcast.
    """
    as_tensor_operand(name, input)
    x, y = promote(input, other)
    try:
        return wrap(ufunc(raw(x), raw(y)))
    except ValueError:
        raise RuntimeError(why_not_broadcast(name, [raw(x), raw(y)])) from None


def logical_not(input: Tensor) -> Tensor:
    """Return whether each element is 0."""
    return wrap(np.logical_not(as_tensor_operand("logical_not", input).array))


@overload
def nonzero(input: Tensor, *, as_tuple: Literal[False] = False) -> Tensor: ...
@overload
def nonzero(input: Tensor, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]: ...
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """Return the positions of the elements that are not 0: (count, dimensions) of int64, or a vector per dimension."""
    x = as_tensor_operand("nonzero", input).array
    if x.ndim == 0 and not as_tuple:
        return wrap(np.zeros_like(x, shape=(int(to_host(x) != 0), 0), dtype=np.int64))
    positions = np.nonzero(x.reshape(1) if x.ndim == 0 else x)
    if as_tuple:
        return tuple(wrap(position) for position in positions)
    return wrap(np.stack(positions, axis=-1))
