"""Products and distances of vectors and matrices, composed of others."""

from __future__ import annotations

import math
from typing import Any

import minigrad
from minigrad import Tensor
from minigrad.as_torch.composed.arrangement import broadcast_tensors


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta · x + alpha · A · v."""
    return beta * input + alpha * (mat @ vec)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta · x + alpha · u · vᵀ."""
    return beta * input + alpha * minigrad.outer(vec1, vec2)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta · x + alpha · A · B for each pair of matrices."""
    product = alpha * minigrad.bmm(batch1, batch2)
    return product if beta == 0 else beta * input + product


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta · x + alpha · the sum of A · B over the pairs of matrices."""
    return beta * input + alpha * minigrad.bmm(batch1, batch2).sum(0)


def chain_matmul(*matrices: Tensor) -> Tensor:
    """Return the product of matrices."""
    product = matrices[0]
    for matrix in matrices[1:]:
        product = product @ matrix
    return product


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Return the vector products along a dimension of size 3, by default the first."""
    x, y = broadcast_tensors(input, other)
    axis = next(d for d, n in enumerate(x.shape) if n == 3) if dim is None else dim
    return x.roll(-1, axis) * y.roll(-2, axis) - x.roll(-2, axis) * y.roll(-1, axis)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Return the p-norm of the difference."""
    return (input - other).norm(p)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """Return the p-norms of the differences of each row of one matrix and each of the other."""
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Return the products of the vectors in the last dimensions."""
    return minigrad.tensordot(input, other, dims=([-1], [-1])) if input.ndim and other.ndim else input * other


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Return Kronecker's product: a copy of ``other`` for each element, times that."""
    n = max(input.ndim, other.ndim)
    x, y = (t.reshape(*(1,) * (n - t.ndim), *t.shape) for t in (input, other))
    shape = [a * b for a, b in zip(x.shape, y.shape, strict=True)]
    apart = x.reshape(*(k for size in x.shape for k in (size, 1)))
    wide = apart * y.reshape(*(k for size in y.shape for k in (1, size)))
    return wide.reshape(*shape)


def matrix_power(input: Tensor, n: int) -> Tensor:
    """Return the n-th power of square matrices."""
    base = input if n >= 0 else minigrad.inverse(input)
    result = minigrad.eye(input.shape[-1], dtype=input.dtype).expand(*input.shape).clone()
    for _ in range(abs(n)):
        result = result @ base
    return result


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """Return the integral of a function given by its values, along a dimension."""
    moved = y.movedim(dim, -1)
    steps: Any = dx if x is None else (x if x.ndim == 1 else x.movedim(dim, -1)).diff()
    areas: Tensor = (moved[..., 1:] + moved[..., :-1]) / 2 * steps
    return areas.sum(-1)


ger, vdot = minigrad.outer, minigrad.dot
trapz = trapezoid


def matrix_exp(input: Tensor) -> Tensor:
    """Return 1 + A + A²/2! + A³/3! + … of square matrices A: the series for A / 2ⁿ, squared n times."""
    size = float(input.detach().abs().sum(-1).max()) if input.numel() else 0.0
    squarings = max(0, math.frexp(size)[1] + 1) if math.isfinite(size) else 0  # |A| / 2ⁿ is at most ½
    small, one = input / 2**squarings, minigrad.eye(input.shape[-1], dtype=input.array.dtype)
    result = one.expand(*input.shape)
    for k in range(18, 0, -1):  # ½¹⁹ / 19! is below the precision of float64
        result = one + small @ result / k
    for _ in range(squarings):
        result = result @ result
    return result
