"""Gather and scatter along one dimension, with an index for every element."""

from __future__ import annotations

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, numpy_names
from minigrad.ops.casting import cast
from minigrad.ops.gathering import Gather, ScatterAdd
from minigrad.typing import Shape, Tensor

__all__ = ["gather", "scatter_add", "take_along_dim"]


@numpy_names
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Return y[…, i, …] = input[…, index[…, i, …], …] along ``dim``; ``index`` may be smaller in the other dimensions.

    Raises:
        RuntimeError: if the index is not of integers, does not fit, or is out of range.
    """
    if sparse_grad:
        raise NotImplementedError("gather: sparse_grad=True is not supported: there are no sparse tensors here")
    x = as_tensor_operand("gather", input)
    dim = normalize_dim(dim, x.array.ndim)
    index = checked_index("gather", index, x.array.shape, dim)
    if x.array.ndim == 0 or index.array.ndim == 0:  # 0-d counts as one element
        y = gather(x.reshape(-1) if x.array.ndim == 0 else x, 0, index.reshape(-1))
        return y.reshape(*index.array.shape)
    if index.array.ndim != x.array.ndim:  # an index of no elements may have any shape
        return x.reshape(-1)[:0].reshape(*index.array.shape)
    return Gather.apply(x, index, dim=dim)


@numpy_names
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Return the elements that ``indices`` (int64) name along ``dim``; the other dimensions broadcast.

    Without ``dim``, both are flattened first.

    Raises:
        RuntimeError: if the indices are not int64, have another number of dimensions, or are out of range.
    """
    x, index = as_tensor_operand("take_along_dim", input), as_tensor_operand("take_along_dim", indices, "indices")
    if index.array.dtype != np.int64:
        raise RuntimeError(f"take_along_dim(): dtype of indices should be Long but got {index.array.dtype}")
    if dim is None:
        return gather(x.reshape(-1), 0, index.reshape(-1))
    if index.array.ndim != x.array.ndim:
        raise RuntimeError(
            f"take_along_dim(): input and indices should have the same number of dimensions, but got {x.array.ndim} "
            f"dimensions for input, and {index.array.ndim} dimensions for indices"
        )
    dim = normalize_dim(dim, x.array.ndim)
    n = x.array.shape[dim] if x.array.ndim else 1
    index = wrap(np.where(index.array < 0, index.array + n, index.array))  # from the end, as in NumPy
    others = [_without(shape, dim) for shape in (x.array.shape, index.array.shape)]
    if others[0] != others[1]:
        common = list(np.broadcast_shapes(*others))
        x = x.expand(*common[:dim], x.array.shape[dim], *common[dim:])
        index = index.expand(*common[:dim], index.array.shape[dim], *common[dim:])
    return gather(x, dim, index)


def _without(shape: Shape, dim: int) -> Shape:
    return shape[:dim] + shape[dim + 1 :]


@numpy_names
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return ``input`` with each element of ``src`` added at the position that ``index`` names along ``dim``.

    Raises:
        RuntimeError: if the index is not of integers, does not fit, or is out of range, or the dtypes differ.
    """
    x, source = as_tensor_operand("scatter_add", input), as_tensor_operand("scatter_add", src, "src")
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.dtype != source.array.dtype:
        raise RuntimeError(
            f"scatter(): Expected self.dtype to be equal to src.dtype, got {x.array.dtype} and {source.array.dtype}"
        )
    index = checked_index("scatter_add", index, x.array.shape, dim)
    if index.array.size == 0:
        return x.clone()
    if x.array.ndim == 0:
        return scatter_add(x.reshape(1), 0, index.reshape(-1), source.reshape(-1)).reshape(())
    index, used = used_source(x, index, source)
    return x + ScatterAdd.apply(used, index, shape=x.array.shape, dim=dim)


def used_source(x: Tensor, index: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Return the index and the part of the source that it has room for.

    Raises:
        RuntimeError: if the dtypes differ, or the source is smaller than the index.
    """
    if x.array.dtype != source.array.dtype:
        raise RuntimeError(
            f"scatter(): Expected self.dtype to be equal to src.dtype, got {x.array.dtype} and {source.array.dtype}"
        )
    if index.array.ndim == 0 or source.array.ndim == 0:
        index, source = index.reshape(-1), source.reshape(-1)
    if source.array.ndim != index.array.ndim or any(
        n > m for n, m in zip(index.array.shape, source.array.shape, strict=True)
    ):
        raise RuntimeError(
            f"Expected index {list(index.array.shape)} to be no larger than src {list(source.array.shape)} in every "
            "dimension"
        )
    return index, source[tuple(slice(n) for n in index.array.shape)]


def checked_index(name: str, index: Tensor, shape: Shape, dim: int) -> Tensor:
    """Return ``index`` as int64.

    Raises:
        RuntimeError: if it does not name elements of a tensor of ``shape`` along ``dim``.
    """
    given = as_tensor_operand(name, index, "index").array
    if given.size == 0:
        return cast(index, np.dtype(np.int64))
    if given.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {given.dtype}")
    if max(given.ndim, 1) != max(len(shape), 1):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor, got {given.ndim} and {len(shape)}"
        )
    for d, (n, m) in enumerate(zip(given.shape, shape, strict=False)):
        if d != dim and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(given.shape)} to be no larger than "
                f"self {list(shape)} apart from dimension {dim}"
            )
    size = shape[dim] if shape else 1
    wrong = (given < 0) | (given >= size)
    if to_host(np.any(wrong)):
        bad = int(to_host(given)[to_host(wrong)][0])
        raise RuntimeError(f"{name}(): index {bad} is out of bounds for dimension {dim} with size {size}")
    return cast(index, np.dtype(np.int64))
