"""Join tensors into one, and cut a tensor into pieces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from minigrad import dtypes
from minigrad.devices import to_host
from minigrad.engine.tensor_base import TensorBase
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, numpy_names
from minigrad.functions.shape import unsqueeze
from minigrad.ops.casting import cast
from minigrad.ops.shape import Cat
from minigrad.typing import Tensor

__all__ = ["cat", "chunk", "narrow", "select", "split", "stack", "unbind"]


@numpy_names
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return the tensors one after the other along ``dim``; their other sizes must agree.

    Raises:
        ValueError: for an empty list.
        RuntimeError: if sizes differ in another dimension.
    """
    if isinstance(tensors, TensorBase):
        raise TypeError("cat(): argument 'tensors' must be tuple of Tensors, not Tensor")
    xs = [as_tensor_operand("cat", x, "tensors") for x in tensors]
    if not xs:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    dtype = dtypes.result_type(*[(x.array.dtype, 2) for x in xs])
    xs = [x for x in xs if x.array.shape != (0,)] or xs[:1]  # torch lets an empty 1-d tensor join anything
    first = xs[0].array
    if first.ndim == 0:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    dim = normalize_dim(dim, first.ndim)
    for i, x in enumerate(xs):
        if x.array.ndim != first.ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {first.ndim} and {x.array.ndim} (tensor number {i})"
            )
        for d, (expected, got) in enumerate(zip(first.shape, x.array.shape, strict=True)):
            if d != dim and expected != got:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {expected} but got size "
                    f"{got} in dimension {d} for tensor number {i} in the list."
                )
    return Cat.apply(*[cast(x, dtype) for x in xs], dim=dim)


@numpy_names
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return tensors of one shape side by side along a new dimension ``dim``.

    Raises:
        RuntimeError: if the shapes differ, or the list is empty.
    """
    if isinstance(tensors, TensorBase):
        raise TypeError("stack(): argument 'tensors' must be tuple of Tensors, not Tensor")
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tensors[0].array.shape
    for i, x in enumerate(tensors):
        if x.array.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x.array.shape)} at entry {i}"
            )
    return cat([unsqueeze(x, dim) for x in tensors], normalize_dim(dim, len(shape) + 1))


@numpy_names
def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """Return a view of the ``length`` elements from ``start`` on along ``dim``.

    Raises:
        RuntimeError, IndexError: if they are not all inside.
    """
    x = as_tensor_operand("narrow", input)
    if x.array.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    first = start if isinstance(start, int) else _integer(start)
    dim = normalize_dim(dim, x.array.ndim)
    n = x.array.shape[dim]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= first <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {first})")
    first = first + n if first < 0 else first
    if first + length > n:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({n}).")
    return x[(*(slice(None),) * dim, slice(first, first + length))]


def _integer(start: object) -> int:
    array = start.array if isinstance(start, TensorBase) else np.asarray(start)
    if array.ndim or array.dtype.kind not in "iu":
        raise RuntimeError(f"start must be an 0-dim integral Tensor, got {array.dtype} of shape {list(array.shape)}")
    return int(to_host(array))


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of pieces along ``dim``: all of one size but the last, which may be smaller, or of the sizes listed.

    Raises:
        RuntimeError: if a size is negative, or the sizes do not add up to that of the tensor.
    """
    x = as_tensor_operand("split", tensor, "tensor")
    dim = normalize_dim(dim, x.array.ndim)
    n = x.array.shape[dim] if x.array.ndim else 0
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        sizes = [min(size, n - at) for at in range(0, n, size)] if n else [0]
    else:
        sizes = [int(size) for size in split_size_or_sections]
        if sum(sizes) != n or min(sizes, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), "
                f"but got split_sizes={sizes}"
            )
    ends = accumulate(sizes)
    return tuple(narrow(x, dim, end - size, size) for end, size in zip(ends, sizes, strict=True))


@numpy_names
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of at most ``chunks`` pieces of nearly equal size along ``dim``.

    Raises:
        RuntimeError: if ``chunks`` is below 1.
    """
    if chunks < 1:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    x = as_tensor_operand("chunk", input)
    n = x.array.shape[normalize_dim(dim, x.array.ndim)]
    return split(x, max(-(-n // chunks), 1), dim)


@numpy_names
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return a view of each element along ``dim``, without that dimension."""
    x = as_tensor_operand("unbind", input)
    dim = normalize_dim(dim, x.array.ndim)
    return tuple(x[(*(slice(None),) * dim, i)] for i in range(x.array.shape[dim]))


@numpy_names
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Return a view of the element at ``index`` along ``dim``, without that dimension.

    Raises:
        IndexError: if the input is 0-d, or the index is out of range.
    """
    x = as_tensor_operand("select", input)
    if x.array.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = normalize_dim(dim, x.array.ndim)
    size = x.array.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(x.array.shape)} at dimension {dim}"
        )
    return x[(*(slice(None),) * dim, int(index))]
