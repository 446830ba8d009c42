"""``torch.sparse``: matrices given by their elements, which are dense here.

They take more memory, and compute the same.
"""

from __future__ import annotations

from typing import Any

import minigrad
from minigrad import Tensor
from minigrad.as_torch.sparse_places import keep
from minigrad.as_torch.tensors import dtype_named


def sparse_coo_tensor(
    indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> Tensor:
    """Return a dense tensor of a size with ``values`` at ``indices``, a column for each. Values at one place add up."""
    values = minigrad.as_tensor(values, dtype=None if dtype is None else dtype_named(dtype), device=device)
    places = minigrad.as_tensor(indices, device=device).long()
    if size is None:
        size = [int(n) + 1 for n in places.max(dim=1).values.tolist()]
    empty = minigrad.zeros(*size, dtype=values.array.dtype, device=device)
    matrix = empty.index_put(tuple(places), values, accumulate=True)
    keep(matrix, places, values)
    return matrix.requires_grad_(requires_grad or values.requires_grad)


def mm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices."""
    return minigrad.mm(mat1, mat2)


spmm = mm


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta · mat + alpha · mat1 · mat2."""
    return minigrad.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input: Tensor, dim: Any = None, dtype: Any = None) -> Tensor:
    """Return the sum over dimensions, by default all."""
    return input.sum(dim, dtype=dtype)


class FloatTensor:
    """The older name of :func:`sparse_coo_tensor`, for float32."""

    def __new__(cls, indices: Any, values: Any, size: Any = None) -> Any:
        return sparse_coo_tensor(indices, values, size)


DoubleTensor = LongTensor = FloatTensor
