"""Writing at positions, into a copy: along one dimension, at whole slices, or where a mask is true."""

from __future__ import annotations

from typing import Literal

import numpy as np

from minigrad.devices import add_at, to_host
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, numpy_names
from minigrad.functions.gathering import checked_index, scatter_add, used_source
from minigrad.functions.indexing import setitem
from minigrad.functions.promotion import number
from minigrad.ops.gathering import ScatterExtreme, full_index
from minigrad.ops.indexing import Index, ScatterAt
from minigrad.typing import Number, Tensor

__all__ = [
    "index_add",
    "index_copy",
    "index_fill",
    "masked_scatter",
    "masked_select",
    "scatter",
    "scatter_reduce",
]


@numpy_names
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | Number | None = None,
    *,
    value: Number | None = None,
    reduce: Literal["add", "multiply"] | None = None,
) -> Tensor:
    """Return ``input`` with each element of ``src``, or a number, at the position that ``index`` names along ``dim``.

    Of several elements for one position any may stay. ``reduce`` adds or multiplies instead.

    Raises:
        RuntimeError: if the index is not of integers, does not fit, or is out of range, or the dtypes differ.
    """
    x = as_tensor_operand("scatter", input)
    source = value if src is None else src
    if source is None:
        raise TypeError("scatter() needs a tensor src or a number value to write")
    dim = normalize_dim(dim, x.array.ndim)
    if not isinstance(source, TensorBase):
        fill = np.full_like(x.array, number(source), shape=index.array.shape or (1,))
        source = wrap(fill.reshape(index.array.shape))
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError(f"reduce argument must be either add or multiply, got {reduce!r}")
        return scatter_reduce(x, dim, index, source, "sum" if reduce == "add" else "prod")
    if x.array.ndim == 0:
        return scatter(x.reshape(1), 0, index.reshape(-1), source.reshape(-1)).reshape(())
    positions = checked_index("scatter", index, x.array.shape, dim)
    result = x.clone()
    if positions.array.size:
        positions, written = used_source(x, positions, source)
        setitem(result, tuple(map(wrap, full_index(positions.array, dim))), written)
    return result


@numpy_names
def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: Literal["sum", "prod", "mean", "amax", "amin"],
    *,
    include_self: bool = True,
) -> Tensor:
    """Return at each position the sum (product, mean, largest, smallest) of the elements of ``src`` that go there.

    ``index`` names the position of each along ``dim``. The element of ``input`` counts too if ``include_self``; where
    nothing goes it stays.

    Raises:
        RuntimeError: if the index is not of integers, does not fit, or is out of range, or the dtypes differ.
    """
    x = as_tensor_operand("scatter_reduce", input)
    source = as_tensor_operand("scatter_reduce", src, "src")
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce!r}")
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        flat = scatter_reduce(x.reshape(1), 0, index.reshape(-1), source.reshape(-1), reduce, include_self=include_self)
        return flat.reshape(())
    positions = checked_index("scatter_reduce", index, x.array.shape, dim)
    if positions.array.size == 0:
        return x.clone()
    positions, source = used_source(x, positions, source)
    counts = np.zeros_like(x.array, dtype=np.int64)
    add_at(counts, full_index(positions.array, dim), 1)
    left_out = wrap(counts > 0) if not include_self else None
    if reduce in ("amax", "amin"):
        return ScatterExtreme.apply(
            x, source, positions, left_out, dim=dim, extreme=np.maximum if reduce == "amax" else np.minimum
        )
    if left_out is not None:
        x = x.masked_fill(left_out, 1 if reduce == "prod" else 0)
    if reduce == "prod":
        return _products(x, dim, positions, source)
    total = scatter_add(x, dim, positions, source)
    if reduce == "sum":
        return total
    terms = wrap(np.maximum(counts + include_self, 1).astype(x.array.dtype))
    return total / terms if x.array.dtype.kind == "f" else total // terms


def _products(x: Tensor, dim: int, positions: Tensor, source: Tensor) -> Tensor:
    """Return x with the elements of the source multiplied in, in rounds in which no position occurs twice."""
    at = full_index(to_host(positions.array), dim)
    flat = np.ravel_multi_index([np.broadcast_to(part, source.array.shape).reshape(-1) for part in at], x.array.shape)
    order = np.argsort(flat, kind="stable")
    turn = np.empty_like(flat)
    turn[order] = np.arange(flat.size) - np.searchsorted(flat[order], flat[order])
    factors = source.reshape(-1)
    result = x.reshape(-1)
    for i in range(int(turn.max()) + 1):
        chosen = np.flatnonzero(turn == i)
        ones = wrap(np.ones_like(result.array))
        setitem(ones, flat[chosen], factors[chosen])
        result = result * ones
    return result.reshape(*x.array.shape)


@numpy_names
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor:
    """Return ``input`` with slice i of ``source``, times ``alpha``, added to the slice that index i names.

    Raises:
        IndexError: if the index is no vector, or is out of range.
        RuntimeError: if the dtypes or shapes differ.
    """
    x, added = as_tensor_operand("index_add", input), as_tensor_operand("index_add", source, "source")
    dim, place = _slices("index_add", x, dim, index)
    if x.array.dtype != added.array.dtype:
        raise RuntimeError(f"index_add_(): self and source must have the same dtype, got {x.dtype}, {added.dtype}")
    _check_source("index_add_", x, dim, index, added)
    if x.array.ndim == 0:
        return x + alpha * added.reshape(-1).sum(dtype=added.dtype)
    added = added if alpha == 1 else alpha * added
    total = ScatterAt.apply(added.reshape(*_shape_read(x, dim, index)), shape=x.array.shape, index=place)
    return x + total.to(x.array.dtype)  # sums of bools are integers


@numpy_names
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return ``input`` with slice i of ``source`` in place of the slice that index i names.

    Raises:
        IndexError: if the index is no vector, or is out of range, or the shapes differ.
        RuntimeError: if the dtypes differ.
    """
    x, new = as_tensor_operand("index_copy", input), as_tensor_operand("index_copy", source, "source")
    dim, _ = _slices("index_copy", x, dim, index)
    if x.array.dtype != new.array.dtype:
        raise RuntimeError(f"index_copy_(): self and source must have the same dtype, got {x.dtype}, {new.dtype}")
    if x.array.ndim and new.array.shape != _shape_read(x, dim, index):
        raise IndexError(
            f"index_copy_(): source of shape {list(new.array.shape)} does not fit {list(_shape_read(x, dim, index))}"
        )
    result = x.clone()
    setitem(
        result,
        (*(slice(None),) * dim, index.reshape(-1)) if x.array.ndim else ...,
        new.reshape(*_shape_read(x, dim, index)),
    )
    return result


@numpy_names
def index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor:
    """Return ``input`` with a number in the slices that ``index`` names.

    Raises:
        IndexError: if the index is no vector of integers, or is out of range.
        RuntimeError: if the value is a tensor that is not 0-d.
    """
    x = as_tensor_operand("index_fill", input)
    if isinstance(value, TensorBase) and value.array.ndim:
        raise RuntimeError(f"index_fill_ only supports a 0-dimensional value tensor, got {value.array.ndim} dimensions")
    dim, _ = _slices("index_fill", x, dim, index)
    result = x.clone()
    if x.array.ndim:
        positions = to_host(index.array).reshape(-1) % max(x.array.shape[dim], 1)
        setitem(result, (*(slice(None),) * dim, np.unique(positions)), value)
    elif index.array.size:
        setitem(result, ..., value)
    return result


def _slices(name: str, x: Tensor, dim: int, index: Tensor) -> tuple[int, Index]:
    """Return the dimension counted from the front, and the index of the slices that a vector of positions names."""
    positions = as_tensor_operand(name, index, "index").array
    dim = normalize_dim(dim, x.array.ndim)
    if positions.ndim > 1:
        raise IndexError(f"{name}_(): Index is supposed to be a vector, but got dim: {positions.ndim}")
    if positions.dtype not in (np.int64, np.int32):
        raise IndexError(f"{name}_(): Expected dtype int32/int64 for index, got {positions.dtype}")
    size = x.array.shape[dim] if x.array.ndim else 1
    if to_host(np.any((positions < -size) | (positions >= size))):
        raise IndexError(f"{name}(): index out of range in self: a dimension of size {size}")
    before: tuple[slice, ...] = (slice(None),) * dim
    return dim, Index((...,), (*before, positions.reshape(-1)))


def _shape_read(x: Tensor, dim: int, index: Tensor) -> tuple[int, ...]:
    shape = x.array.shape
    return (*shape[:dim], index.array.size, *shape[dim + 1 :]) if shape else ()


def _check_source(name: str, x: Tensor, dim: int, index: Tensor, source: Tensor) -> None:
    if index.array.size != (source.array.shape[dim] if source.array.ndim else 1):
        raise RuntimeError(
            f"{name}(): Number of indices ({index.array.size}) should be equal to source.size(dim) of "
            f"{list(source.array.shape)}"
        )
    if x.array.ndim and source.array.ndim and source.array.shape != _shape_read(x, dim, index):
        raise RuntimeError(
            f"{name}(): source of shape {list(source.array.shape)} does not fit {list(_shape_read(x, dim, index))}"
        )


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return a vector of the elements where the mask is true; the two broadcast.

    Raises:
        RuntimeError: if the mask is not bool.
    """
    x, chosen = as_tensor_operand("masked_select", input), as_tensor_operand("masked_select", mask, "mask")
    if chosen.array.dtype.kind != "b":
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {chosen.array.dtype}")
    shape = np.broadcast_shapes(x.array.shape, chosen.array.shape)
    return x.expand(*shape)[chosen.expand(*shape)].reshape(-1)


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return ``input`` with the elements of ``source``, in order, where the mask is true; the mask broadcasts.

    Raises:
        RuntimeError: if the mask is not bool, the dtypes differ, or the source has too few elements.
    """
    x, new = as_tensor_operand("masked_scatter", input), as_tensor_operand("masked_scatter", source, "source")
    if mask.array.dtype.kind != "b":
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.array.dtype}")
    if x.array.dtype != new.array.dtype:
        raise RuntimeError(f"masked_scatter: self and source must have the same dtype, got {x.dtype}, {new.dtype}")
    shape = np.broadcast_shapes(x.array.shape, mask.array.shape)
    chosen = np.broadcast_to(mask.array, shape)
    count = int(to_host(np.count_nonzero(chosen)))
    if count > new.array.size:
        raise RuntimeError(f"masked_scatter: expected {count} elements in the source, got {new.array.size}")
    result = x.expand(*shape).clone()
    setitem(result, wrap(chosen), new.reshape(-1)[:count])
    return result
