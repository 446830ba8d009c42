"""Gather and scatter along one dimension, with an index for every element.

Along dimension 1 of a matrix, for example:

    gather     y[a, b] = x[a, indices[a, b]]
    scatter    y[a, indices[a, b]] += g[a, b], from y = 0

An element of x that was gathered several times gets the sum of its gradients, so each is the other's derivative.
"""

from __future__ import annotations

import numpy as np

from minigrad.devices import add_at, zeros
from minigrad.engine.function import Function
from minigrad.kernels.precision import rounded, widened
from minigrad.typing import Array, Shape, Tensor


class Gather(Function):
    """y[…, i, …] = x[…, indices[…, i, …], …]        ∂L/∂x = zeros, with ∂L/∂y added at the indices"""

    def forward(self, x: Array, indices: Array, *, dim: int) -> Array:
        self.shape, self.dim = x.shape, dim
        self.save_for_backward(indices)
        return x[full_index(indices, dim)]

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        (indices,) = self.saved_tensors
        return ScatterAdd.apply(grad, indices, shape=self.shape, dim=self.dim), None


class ScatterAdd(Function):
    """y = zeros, with g added at the indices along a dimension        ∂L/∂g = ∂L/∂y gathered from the indices"""

    def forward(self, g: Array, indices: Array, *, shape: Shape, dim: int) -> Array:
        self.dim = dim
        self.save_for_backward(indices)
        wide = widened(g)
        y = zeros(wide, shape)
        add_at(y, full_index(indices, dim), wide)
        return rounded(y, g.dtype)

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        (indices,) = self.saved_tensors
        return Gather.apply(grad, indices, dim=self.dim), None


class ScatterExtreme(Function):
    """z = max (or min) of x and of the y whose index names its place        ∂L/∂z, shared by the elements that tie

    Where ``left_out`` holds, x does not count. An x that equals z there has a share all the same, which is lost, as in
    torch.
    """

    def forward(
        self, x: Array, y: Array, indices: Array, left_out: Array | None, *, dim: int, extreme: np.ufunc
    ) -> Array:
        self.dim = dim
        index = full_index(indices, dim)
        z = np.copy(x)
        if left_out is not None:  # start with one of the elements that count
            z[index] = np.where(left_out[index], y, z[index])
        extreme.at(z, index, y)
        ties, ties_y = x == z, y == z[index]
        count = ties.astype(x.dtype)
        add_at(count, index, ties_y.astype(x.dtype))
        self.save_for_backward(indices, ties if left_out is None else ties & ~left_out, ties_y, count)
        return z

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        indices, ties, ties_y, count = self.saved_tensors
        share = grad / count
        return share.where(ties, 0.0), Gather.apply(share, indices, dim=self.dim).where(ties_y, 0.0), None, None


def full_index(indices: Array, dim: int) -> tuple[Array, ...]:
    """Return an index for every dimension: ``indices`` along ``dim``, each element's own position along the others."""
    own = []
    for d, n in enumerate(indices.shape):
        along_d = tuple(n if e == d else 1 for e in range(indices.ndim))
        own.append(np.arange(n, like=indices).reshape(along_d))
    return tuple(indices if d == dim else own[d] for d in range(indices.ndim))
