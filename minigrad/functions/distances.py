"""Distances between vectors, and the losses that compare them."""

from __future__ import annotations

import numpy as np

from minigrad.functions.arguments import numpy_names
from minigrad.functions.loss import reduced, reduction_of
from minigrad.functions.reduce import norm
from minigrad.functions.selection import where
from minigrad.typing import Reduction, Tensor

__all__ = [
    "cosine_embedding_loss",
    "cosine_similarity",
    "triplet_margin_loss",
]


@numpy_names
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return Σ x₁·x₂ / (‖x₁‖ · ‖x₂‖) along ``dim``, each norm at least ε."""
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = x1.expand(*shape), x2.expand(*shape)
    norms = [norm(x, 2, dim, keepdim=True) for x in (x1, x2)]
    norms = [size + (eps - size).clamp(min=0).detach() for size in norms]  # torch's gradient sees the norm itself
    return ((x1 / norms[0]) * (x2 / norms[1])).sum(dim)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return 1 − cos where the target is 1, max(0, cos − margin) where it is −1, reduced."""
    reduction = reduction_of(size_average, reduce, reduction)
    tiny = float(np.float32(1e-12))  # torch's, inside the root
    dim = 1 if input1.ndim > 1 else 0
    squares = [(x * x).sum(dim) + tiny for x in (input1, input2)]
    cos = (input1 * input2).sum(dim) / (squares[0] * squares[1]).sqrt()
    loss = where(target == 1, 1 - cos, 0.0) + where(target == -1, (cos - margin).clamp(min=0), 0.0)
    return reduced(loss, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return max(0, ‖a − p‖ − ‖a − n‖ + margin), reduced; ``swap`` takes ‖p − n‖ where it is smaller than ‖a − n‖.

    Raises:
        ValueError: if the margin is not above 0.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return norm(x - y + eps, p, -1)

    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((near - far + margin).clamp(min=0), reduction)
