"""New tensors with the dtype and device of another: ``x.new_zeros(2, 3)`` and its relatives, which are methods only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from minigrad import dtypes
from minigrad.devices import DeviceLike, device_of, to_device
from minigrad.devices import device as device_class
from minigrad.engine.tensor_base import wrap
from minigrad.functions.promotion import number
from minigrad.functions.shape import as_ints
from minigrad.typing import Number, Tensor

__all__: list[str] = []


def new_zeros(
    input: Tensor,
    *size: int | Sequence[int],
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return zeros of a shape, with the dtype and device of ``input`` unless given."""
    return new_full(input, as_ints(size), 0, dtype=dtype, device=device, requires_grad=requires_grad)


def new_ones(
    input: Tensor,
    *size: int | Sequence[int],
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return ones of a shape, with the dtype and device of ``input`` unless given."""
    return new_full(input, as_ints(size), 1, dtype=dtype, device=device, requires_grad=requires_grad)


def new_empty(
    input: Tensor,
    *size: int | Sequence[int],
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of a shape, whose values are to be written, with the dtype and device of ``input``."""
    return new_full(input, as_ints(size), 0, dtype=dtype, device=device, requires_grad=requires_grad)


def new_full(
    input: Tensor,
    size: Sequence[int],
    fill_value: Number,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return one value in a shape, with the dtype and device of ``input`` unless given.

    Raises:
        RuntimeError: for a negative size, or if the dtype cannot hold the value.
    """
    shape = as_ints((size,))
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(shape)}")
    chosen = input.array.dtype if dtype is None else dtypes.as_dtype(dtype)
    array = np.full(shape, dtypes.element_of(number(fill_value), chosen))
    where = device_of(input.array) if device is None else device
    tensor = wrap(to_device(array, where if isinstance(where, device_class) else device_class(where)))
    return tensor.requires_grad_(requires_grad)
