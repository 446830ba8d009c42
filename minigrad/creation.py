"""Making tensors: from data, filled with a value, counted, or random from a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import DTypeLike

from minigrad import dtypes
from minigrad.caller import warn
from minigrad.devices import DeviceLike, device_of, get_default_device, to_device, to_host
from minigrad.engine.tensor_base import wrap
from minigrad.functions.promotion import number
from minigrad.gpu import cupy
from minigrad.memory_order import check, contiguous_format, empty_in, memory_format, preserve_format
from minigrad.random import Generator, below, default_generator
from minigrad.tensor import Data, Tensor, as_array, as_device
from minigrad.typing import Array, Number
from minigrad.unsupported import refusing_torchs_other_arguments

__all__ = [
    "arange",
    "as_tensor",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "tensor",
    "zeros",
    "zeros_like",
]


_DLPACK_CPU = 1  # the number of a device type in that protocol


class SupportsDLPack(Protocol):
    """An array or tensor of any library that has the DLPack protocol."""

    def __dlpack__(self, *, stream: None = None) -> Any: ...  # a capsule, which Python has a type for from 3.13

    def __dlpack_device__(self) -> tuple[int, int]: ...


def _finish(array: Array, device: DeviceLike | None, requires_grad: bool) -> Tensor:
    tensor = wrap(to_device(array, get_default_device() if device is None else as_device(device)))
    tensor.requires_grad = requires_grad
    return tensor


def _size(sizes: tuple[int | Sequence[int], ...], size: int | Sequence[int] | None = None) -> tuple[int, ...]:
    """Return the shape that ``f(2, 3)``, ``f((2, 3))`` and ``f(size=(2, 3))`` mean."""
    if size is not None:
        if sizes:
            raise TypeError(f"the size is given twice: {sizes} and size={size}")
        sizes = (size,)
    given = cast("Sequence[int]", sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes)
    for n in given:
        if not hasattr(n, "__index__"):
            raise TypeError(f"the sizes of a tensor must be ints, got {n!r}")
    if any(n < 0 for n in given):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(given)}")
    return tuple(int(n) for n in given)


def _dtype(dtype: DTypeLike | None) -> dtypes.DType:
    return dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)


@refusing_torchs_other_arguments
def tensor(
    data: Data, *, dtype: DTypeLike | None = None, device: DeviceLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Return a new tensor with a copy of ``data``: a number, nested lists, or an array.

    Python floats give the default dtype, ints ``int64``; arrays, NumPy's numbers and tensors keep their own, also in
    lists, and a mixture gets the dtype that holds them all.

    Raises:
        RuntimeError: if a number does not fit the dtype.

    >>> tensor([[1, 2], [3, 4]]).sum()
    tensor(10)
    """
    where = device
    if isinstance(data, Tensor):
        warn("To copy a tensor, write x.detach().clone() rather than minigrad.tensor(x)")
        where = data.device if device is None else device
    return _finish(as_array(data, dtype), where, requires_grad)


@refusing_torchs_other_arguments
def as_tensor(data: Data, dtype: DTypeLike | None = None, device: DeviceLike | None = None) -> Tensor:
    """Return ``data`` as a tensor, without a copy where it is a tensor, or an array on the device, already."""
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)
    result = from_numpy(data) if isinstance(data, np.ndarray) else tensor(data, dtype=dtype)
    return result.to(dtype=dtype, device=get_default_device() if device is None else device)


@refusing_torchs_other_arguments
def from_numpy(ndarray: Array) -> Tensor:
    """Return a tensor that shares memory with a NumPy array.

    Raises:
        TypeError: if it is no array.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.as_dtype(ndarray.dtype)
    return wrap(ndarray)


@refusing_torchs_other_arguments
def from_dlpack(ext_tensor: SupportsDLPack, /, *, device: DeviceLike | None = None, copy: bool | None = None) -> Tensor:
    """Return a tensor on the memory of another library's array or tensor, by the DLPack protocol; nothing is copied.

    Raises:
        TypeError: if it has no ``__dlpack__``.
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack expects an object with __dlpack__, got {type(ext_tensor).__name__}")
    on_host = ext_tensor.__dlpack_device__()[0] == _DLPACK_CPU
    array = np.from_dlpack(ext_tensor, copy=copy) if on_host else cupy().from_dlpack(ext_tensor)
    dtypes.as_dtype(array.dtype)
    return _finish(array, device_of(array) if device is None else device, False)


@refusing_torchs_other_arguments
def zeros(
    *sizes: int | Sequence[int],
    size: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of zeros."""
    return _finish(np.zeros(_size(sizes, size), _dtype(dtype)), device, requires_grad)


@refusing_torchs_other_arguments
def ones(
    *sizes: int | Sequence[int],
    size: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of ones."""
    return _finish(np.ones(_size(sizes, size), _dtype(dtype)), device, requires_grad)


@refusing_torchs_other_arguments
def empty(
    *sizes: int | Sequence[int],
    size: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: memory_format = contiguous_format,
) -> Tensor:
    """Return a tensor whose values are whatever was in memory.

    Raises:
        TypeError, NotImplementedError, RuntimeError: for a memory format that does not fit.
    """
    check("empty", memory_format)
    if memory_format is preserve_format:
        raise RuntimeError(f"unsupported memory format option {memory_format}: there is no input to preserve it of")
    shape, chosen = _size(sizes, size), _dtype(dtype)
    return _finish(empty_in(memory_format, shape, chosen, np.empty(0)), device, requires_grad)


@refusing_torchs_other_arguments
def full(
    size: int | Sequence[int],
    fill_value: Tensor | Number,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of one value; its dtype follows the value unless given.

    Raises:
        TypeError: if the value is no number.
        RuntimeError: if the dtype cannot hold it.
    """
    if isinstance(fill_value, Tensor) and fill_value.ndim == 0:
        dtype = fill_value.dtype if dtype is None else dtype
        fill_value = fill_value.item()
    value = number(fill_value)
    chosen = dtypes.dtype_of_scalar(value) if dtype is None else dtypes.as_dtype(dtype)
    return _finish(np.full(_size((size,)), dtypes.element_of(value, chosen)), device, requires_grad)


@refusing_torchs_other_arguments
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the (n, m) matrix with ones on its diagonal.

    Raises:
        RuntimeError: for a negative size.
    """
    for name, size in (("n", n), ("m", m)):
        if size is not None and size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    return _finish(np.eye(n, m, dtype=_dtype(dtype)), device, requires_grad)


@refusing_torchs_other_arguments
def arange(
    start: Tensor | Number,
    end: Tensor | Number | None = None,
    step: Tensor | Number = 1,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return start, start + step, … below end; ``arange(n)`` counts from 0. Ints give ``int64``.

    Raises:
        RuntimeError: if the step is 0 or leads away from the end, or a bound is not finite.
        ValueError: if the step is a fraction that is 0 as an int64.
        NotImplementedError: for the dtype bool.
    """
    first, last = (0, start) if end is None else (start, end)
    first, last, step = (v.item() if isinstance(v, Tensor) else v for v in (first, last, step))
    whole = all(isinstance(v, int) for v in (first, last, step))
    chosen = (dtypes.int64 if whole else dtypes.get_default_dtype()) if dtype is None else dtypes.as_dtype(dtype)
    _refuse_bool("arange", chosen)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise RuntimeError(f"unsupported range: {first} -> {last}")
    if chosen == dtypes.int64:
        first, last, step = int(first), int(last), int(step)
        if step == 0:
            raise ValueError("step must be nonzero: as an int64 it is 0")
    if (last - first) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: from {first} to {last} by {step}")
    count = math.ceil((last - first) / step)
    if chosen.kind in "iu":  # fractions count for how many there are, not for which: as in torch
        first, step = int(first), int(step)
    return _finish((first + step * np.arange(count)).astype(chosen), device, requires_grad)


@refusing_torchs_other_arguments
def linspace(
    start: Tensor | Number,
    end: Tensor | Number,
    steps: int,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return ``steps`` evenly spaced values from start to end, both included; for an integer dtype, rounded towards 0.

    Raises:
        RuntimeError: if the number of steps is negative, or a bound is a tensor with dimensions.
        NotImplementedError: for the dtype bool.
    """
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    dims = [v.ndim if isinstance(v, Tensor) else 0 for v in (start, end)]
    if any(dims):
        raise RuntimeError(
            "linspace only supports 0-dimensional start and end tensors, but got start with "
            f"{dims[0]} dimension(s) and end with {dims[1]} dimension(s)."
        )
    first, last = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    chosen = _dtype(dtype)
    _refuse_bool("linspace", chosen)
    if chosen.kind == "f":
        return _finish(np.linspace(first, last, steps, dtype=chosen), device, requires_grad)
    first, last = int(first), int(last)
    i = np.arange(steps)
    width = (last - first) / max(steps - 1, 1)
    values = np.where(i < steps // 2, first + width * i, last - width * (steps - 1 - i))  # exact at both ends
    return _finish((values if steps > 1 else np.full(steps, first)).astype(chosen), device, requires_grad)


def _refuse_bool(name: str, dtype: dtypes.DType) -> None:
    if dtype.kind == "b":
        raise NotImplementedError(f"{name} is not implemented for bool")


@refusing_torchs_other_arguments
def zeros_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Return zeros of the shape, and unless given the dtype and device, of ``input``."""
    return _filled_like(input, 0, dtype, device, requires_grad, memory_format)


@refusing_torchs_other_arguments
def ones_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Return ones of the shape, and unless given the dtype and device, of ``input``."""
    return _filled_like(input, 1, dtype, device, requires_grad, memory_format)


@refusing_torchs_other_arguments
def empty_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Return a tensor of any values, with the shape, and unless given the dtype and device, of ``input``."""
    return _filled_like(input, 0, dtype, device, requires_grad, memory_format)


@refusing_torchs_other_arguments
def full_like(
    input: Tensor,
    fill_value: Tensor | Number,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Return one value in the shape, and unless given the dtype and device, of ``input``."""
    return _filled_like(input, fill_value, dtype, device, requires_grad, memory_format)


def _filled_like(
    input: Tensor,
    fill_value: Tensor | Number,
    dtype: DTypeLike | None,
    device: DeviceLike | None,
    requires_grad: bool,
    memory_format: memory_format,
) -> Tensor:
    check("full_like", memory_format)
    chosen = input.dtype if dtype is None else dtypes.as_dtype(dtype)
    value = number(fill_value.item() if isinstance(fill_value, Tensor) else fill_value)
    value = dtypes.element_of(value, chosen)
    array = empty_in(memory_format, input.shape, chosen, input.array)
    array[...] = value
    return _finish(array, device or input.device, requires_grad)


@refusing_torchs_other_arguments
def rand_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Return :func:`rand` in the shape, and unless given the dtype and device, of ``input``."""
    chosen = input.dtype if dtype is None else dtypes.as_dtype(dtype)
    return _laid_out(rand(input.shape, dtype=chosen, device="cpu"), input, device, requires_grad, memory_format)


@refusing_torchs_other_arguments
def randn_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Return :func:`randn` in the shape, and unless given the dtype and device, of ``input``."""
    chosen = input.dtype if dtype is None else dtypes.as_dtype(dtype)
    return _laid_out(randn(input.shape, dtype=chosen, device="cpu"), input, device, requires_grad, memory_format)


def _laid_out(
    drawn: Tensor, input: Tensor, device: DeviceLike | None, requires_grad: bool, memory_format: memory_format
) -> Tensor:
    """Return numbers drawn in row-major order, in the memory order and on the device of ``input`` unless given."""
    check("rand_like", memory_format)
    like = np.empty_like(to_host(input.array)) if memory_format is preserve_format else drawn.array
    array = empty_in(memory_format, drawn.shape, drawn.dtype, like)
    array[...] = drawn.array
    return _finish(array, device or input.device, requires_grad)


@refusing_torchs_other_arguments
def randn(
    *sizes: int | Sequence[int],
    size: int | Sequence[int] | None = None,
    generator: Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers from the normal distribution with mean 0 and standard deviation 1.

    Raises:
        NotImplementedError: for a dtype that is not floating.
    """
    chosen = _dtype(dtype)
    if chosen.kind != "f":
        raise NotImplementedError(f"randn is not implemented for {chosen}; use randint")
    numbers = (generator or default_generator).numpy.standard_normal(_size(sizes, size))
    return _finish(np.asarray(numbers).astype(chosen), device, requires_grad)


@refusing_torchs_other_arguments
def rand(
    *sizes: int | Sequence[int],
    size: int | Sequence[int] | None = None,
    generator: Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers from the uniform distribution on [0, 1).

    Raises:
        NotImplementedError: for a dtype that is not floating.
    """
    chosen = _dtype(dtype)
    if chosen.kind != "f":
        raise NotImplementedError(f"rand is not implemented for {chosen}; use randint")
    return _finish((generator or default_generator).uniform(_size(sizes, size), chosen), device, requires_grad)


@refusing_torchs_other_arguments
def randint(
    low: int | None = None,
    high: int | Sequence[int] | None = None,
    size: int | Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return integers from low to high − 1; ``randint(high, size)`` and ``randint(high, size=…)`` start at 0.

    An integer that a floating dtype cannot represent becomes the nearest number below ``high``.

    Raises:
        RuntimeError: if there is no integer in the range, or the dtype cannot hold the range.
        TypeError: if there is no upper bound, or no size.
    """
    if size is None:
        high, size = None, cast("Sequence[int] | None", high)
    if high is None:
        low, high = None, low
    if high is None or size is None:
        raise TypeError("randint() needs an upper bound and a size: randint(5, (2, 3)) or randint(0, 5, (2, 3))")
    low, high = 0 if low is None else low, cast(int, high)
    if high <= low:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    chosen = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    if chosen.kind != "f":
        least, most = (0, 1) if chosen.kind == "b" else (np.iinfo(chosen).min, np.iinfo(chosen).max)
        if low < least or high - 1 > most:
            raise RuntimeError(f"randint: {low} to {high - 1} is out of bounds for {chosen}: {least} to {most}")
    numbers = np.asarray((generator or default_generator).numpy.integers(low, high, _size((size,)))).astype(chosen)
    return _finish(np.minimum(numbers, below(high, chosen)) if chosen.kind == "f" else numbers, device, requires_grad)


@refusing_torchs_other_arguments
def randperm(n: int, *, generator: Generator | None = None, device: DeviceLike | None = None) -> Tensor:
    """Return the integers 0 … n−1 in random order."""
    return _finish((generator or default_generator).numpy.permutation(n).astype(np.int64), device, False)
