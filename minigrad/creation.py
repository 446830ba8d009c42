"""Making tensors: from data, filled with a value, counted, or random from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import dtypes
from minigrad.device import to_device
from minigrad.function import wrap
from minigrad.random import Generator, default_generator
from minigrad.tensor import Tensor, as_array, as_device


def _finish(array: np.ndarray, device: Any, requires_grad: bool) -> Tensor:
    tensor = wrap(array if device is None else to_device(array, as_device(device)))
    tensor.requires_grad = requires_grad
    return tensor


def _size(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = tuple(sizes[0])
    if any(n < 0 for n in sizes):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(sizes)}")
    return tuple(int(n) for n in sizes)


def _dtype(dtype: Any) -> dtypes.DType:
    return dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of ``data``: a number, nested lists, or an array.

    Python floats give the default dtype, ints ``int64``; an array keeps its own.

    >>> tensor([[1, 2], [3, 4]]).sum()
    tensor(10)
    """
    return _finish(as_array(data, dtype), device, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a tensor, without a copy where it is a tensor or array already."""
    result = data if isinstance(data, Tensor) else from_numpy(data) if isinstance(data, np.ndarray) else tensor(data)
    return result.to(dtype=dtype, device=device)


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor that shares memory with a NumPy array.

    Raises:
        TypeError: if it is no array.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.as_dtype(ndarray.dtype)
    return wrap(ndarray)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros."""
    return _finish(np.zeros(_size(size), _dtype(dtype)), device, requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones."""
    return _finish(np.ones(_size(size), _dtype(dtype)), device, requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose values are whatever was in memory."""
    return _finish(np.empty(_size(size), _dtype(dtype)), device, requires_grad)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of one value; its dtype follows the value unless given."""
    chosen = dtypes.dtype_of_scalar(fill_value) if dtype is None else dtypes.as_dtype(dtype)
    return _finish(np.full(_size((size,)), fill_value, chosen), device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The (n, m) matrix with ones on its diagonal."""
    return _finish(np.eye(n, m, dtype=_dtype(dtype)), device, requires_grad)


def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """start, start + step, … below end; ``arange(n)`` counts from 0. Ints give ``int64``."""
    first, last = (0, start) if end is None else (start, end)
    whole = all(isinstance(v, int) for v in (first, last, step))
    chosen = (dtypes.int64 if whole else dtypes.get_default_dtype()) if dtype is None else dtypes.as_dtype(dtype)
    return _finish(np.arange(first, last, step).astype(chosen), device, False)


def linspace(start: float, end: float, steps: int, *, dtype: Any = None, device: Any = None) -> Tensor:
    """``steps`` evenly spaced values from start to end, both included."""
    return _finish(np.linspace(start, end, steps, dtype=_dtype(dtype)), device, False)


def zeros_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the shape, dtype and device of ``input``."""
    return full_like(input, 0, dtype=dtype, requires_grad=requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape, dtype and device of ``input``."""
    return full_like(input, 1, dtype=dtype, requires_grad=requires_grad)


def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """One value in the shape, dtype and device of ``input``."""
    chosen = None if dtype is None else dtypes.as_dtype(dtype)
    return _finish(np.full_like(input.array, fill_value, dtype=chosen), None, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from the normal distribution with mean 0 and standard deviation 1."""
    numbers = (generator or default_generator).numpy.standard_normal(_size(size))
    return _finish(np.asarray(numbers).astype(_dtype(dtype)), device, requires_grad)


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from the uniform distribution on [0, 1)."""
    chosen = _dtype(dtype)
    drawn = chosen if chosen.itemsize >= 4 else dtypes.float32
    numbers = (generator or default_generator).numpy.random(_size(size), dtype=drawn.type)
    return _finish(np.asarray(numbers).astype(chosen), device, requires_grad)


def randint(
    low: int, high: int, size: Any, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """Integers from low to high − 1."""
    numbers = (generator or default_generator).numpy.integers(low, high, _size((size,)))
    chosen = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    return _finish(np.asarray(numbers).astype(chosen), device, False)


def randperm(n: int, *, generator: Generator | None = None, device: Any = None) -> Tensor:
    """The integers 0 … n−1 in random order."""
    return _finish((generator or default_generator).numpy.permutation(n).astype(np.int64), device, False)
