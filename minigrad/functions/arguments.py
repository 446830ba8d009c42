"""Checks of arguments, with torch's messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

from minigrad.devices import compute_beside, in_use
from minigrad.engine.tensor_base import TensorBase
from minigrad.typing import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def numpy_names(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function take NumPy's ``axis`` and ``keepdims`` for ``dim`` and ``keepdim``, as torch's do.

    ``np.sum(x)`` of a tensor calls ``x.sum(axis=None, dtype=None, out=None)``, and so becomes ``x.sum()``.

    Raises:
        TypeError: if both names of one argument are given.
        NotImplementedError: for an ``out`` to write the result into.
    """

    @wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        by_numpy = "out" in options and "axis" in options
        if "out" in options and options.pop("out") is not None:
            raise NotImplementedError(f"{function.__name__}: out= is not supported; use y.copy_(result)")
        for theirs, ours in (("axis", "dim"), ("keepdims", "keepdim")):
            if theirs in options:
                if ours in options:
                    raise TypeError(f"{function.__name__}() got both {ours} and {theirs}, which mean the same")
                options[ours] = options.pop(theirs)
        return _for_numpy(function, *arguments, **options) if by_numpy else function(*arguments, **options)

    return call


def _for_numpy(function: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """Return what NumPy's function of the same name means."""
    if options.get("dtype") is None:
        options.pop("dtype", None)
    if "ddof" in options:  # what is subtracted from the number of elements in var and std: 0, unlike ours
        options["correction"] = options.pop("ddof")
    result = function(*arguments, **options)
    return getattr(result, "values", result)  # max and min over one dimension return indices beside them


def as_tensor_operand(function: str, x: object, argument: str = "input") -> Tensor:
    """Return ``x``, which must be a Tensor.

    Raises:
        TypeError: naming the function, the argument and what it got.
    """
    if not isinstance(x, TensorBase):
        raise TypeError(f"{function}(): argument '{argument}' must be Tensor, not {type(x).__name__}")
    if in_use.several:
        compute_beside(x.array)
    return x  # type: ignore[return-value]  # every TensorBase is a Tensor, whose module lies above


def as_floating_operand(function: str, x: Tensor) -> Tensor:
    """Return ``x``, which must be a Tensor of floating-point numbers.

    Raises:
        TypeError: as :func:`as_tensor_operand`.
        NotImplementedError: naming the function and the dtype.
    """
    if as_tensor_operand(function, x).array.dtype.kind != "f":
        raise NotImplementedError(f"{function} is not implemented for {x.array.dtype}; use x.float()")
    return x


def in_place_if(inplace: bool, input: Tensor, result: Tensor) -> Tensor:
    """Return the result, or the input with the result written into it."""
    return input.copy_(result) if inplace else result


def normalize_dim(dim: object, ndim: int) -> int:
    """Return ``dim`` counted from the front; a 0-d tensor accepts 0 and −1.

    Raises:
        IndexError: if it is out of range.
    """
    if not isinstance(dim, int | np.integer):
        raise TypeError(f"a dimension must be an int, got {type(dim).__name__}")
    size = max(ndim, 1)
    if not -size <= dim < size:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {dim})")
    return int(dim) % size


def normalize_dims(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return a tuple of distinct dimensions counted from the front; ``None`` and ``()`` mean all of them.

    Raises:
        RuntimeError: if one appears twice.
    """
    if dim is None or (isinstance(dim, tuple | list) and len(dim) == 0):
        return tuple(range(ndim))
    dims = [normalize_dim(d, ndim) for d in (dim if isinstance(dim, tuple | list) else (dim,))]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return tuple(dims) if ndim else ()
