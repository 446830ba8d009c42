"""Read parts of a tensor by index, and write into them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.devices import to_host
from minigrad.dtypes import element_or_infinity
from minigrad.engine.memory import has_overlap, refuse_overlapping_write
from minigrad.engine.tensor_base import TensorBase
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, numpy_names
from minigrad.functions.index_parts import IndexPart, TorchIndex, as_index
from minigrad.functions.promotion import number
from minigrad.ops.casting import cast
from minigrad.ops.indexing import GetItem, Index, ScatterAt, SetItem
from minigrad.typing import Number, Tensor

__all__ = ["index_put", "index_select"]


def getitem(input: Tensor, index: TorchIndex) -> Tensor:
    """Return ``input[index]``; an index of integers, slices, ``None`` and ``...`` gives a view, one of tensors a copy.

    A tensor in an index has positions, or bools that choose the elements where they are true.

    Raises:
        IndexError: if the index does not fit, naming it and the shape.
    """
    position = as_index(index, input.array)
    try:
        return GetItem.apply(input, index=position)
    except IndexError as error:
        raise IndexError(f"{error} (tensor of shape {list(input.array.shape)})") from None


def setitem(input: Tensor, index: TorchIndex, value: Tensor | Number) -> None:
    """Set ``input[index] = value`` and record it, so that later gradients are those of the new elements.

    Raises:
        IndexError: if the index does not fit.
        RuntimeError: if the value cannot be broadcast to ``input[index]``, or autograd cannot track the write.
    """
    dtype = input.array.dtype
    new = cast(value, dtype) if isinstance(value, TensorBase) else element_or_infinity(number(value), dtype)
    try:
        place = as_index(index, input.array)
        if has_overlap(input.array):  # a part of it may have no overlap; all of it would change with the part
            if index is not Ellipsis:
                input = GetItem.apply(input, index=Index(place.basic, None))
                refuse_overlapping_write(input.array)
            place = Index((...,), place.advanced)
        SetItem.apply(input, new, index=place)
    except ValueError as error:
        raise RuntimeError(f"cannot write a value of shape {list(getattr(new, 'shape', ()))}: {error}") from None


@numpy_names
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the slices along ``dim`` that the vector ``index`` names, in its order.

    Raises:
        IndexError: if the index is no vector of integers, or is out of range.
    """
    x, positions = as_tensor_operand("index_select", input), as_tensor_operand("index_select", index, "index").array
    dim = normalize_dim(dim, x.array.ndim)
    if positions.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, but got dim: {positions.ndim}")
    if positions.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"index_select(): Expected dtype int32 or int64 for index, got {positions.dtype}")
    size = x.array.shape[dim] if x.array.ndim else 1
    if to_host(np.any((positions < 0) | (positions >= size))):
        raise IndexError(f"index out of range in self: index_select along a dimension of size {size}")
    if x.array.ndim == 0:
        if positions.size != 1:
            raise IndexError("index_select(): Index to scalar can have only 1 value")
        return x.clone()
    return getitem(x, (*(slice(None),) * dim, index.reshape(-1)))


def index_put(input: Tensor, indices: Sequence[IndexPart], values: Tensor, accumulate: bool = False) -> Tensor:
    """Return a copy of ``input`` with ``values`` written at ``input[indices]``, or added there if ``accumulate``.

    Raises:
        RuntimeError: if the values cannot be broadcast to ``input[indices]``, or have another dtype.
        IndexError: if the index does not fit.
    """
    x, new = as_tensor_operand("index_put", input), as_tensor_operand("index_put", values, "values")
    if x.array.dtype != new.array.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, "
            f"got {x.array.dtype} for the destination and {new.array.dtype} for the source."
        )
    if accumulate:
        index = as_index(tuple(indices), x.array)
        added = new.expand(*index.read(x.array).shape)
        return x + ScatterAt.apply(added, shape=x.array.shape, index=index)
    result = x.clone()
    setitem(result, tuple(indices), new)
    return result
