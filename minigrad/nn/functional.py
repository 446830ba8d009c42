"""The functions behind the layers, under torch's names (``torch.nn.functional``). They hold no state."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import kernels
from minigrad.device import to_host
from minigrad.engine.tensor_base import wrap
from minigrad.functions import (
    activation,
    adaptive_pool,
    affine,
    conv,
    ctc,
    lookup,
    loss,
    normalization,
    padding,
    patches,
    pool,
    rectifiers,
    resample,
)
from minigrad.functions.activation import *
from minigrad.functions.adaptive_pool import *
from minigrad.functions.affine import *
from minigrad.functions.conv import *
from minigrad.functions.ctc import *
from minigrad.functions.linalg import bilinear as bilinear
from minigrad.functions.lookup import *
from minigrad.functions.loss import *
from minigrad.functions.loss import reduced, refuse_legacy_reduction
from minigrad.functions.normalization import *
from minigrad.functions.padding import *
from minigrad.functions.patches import *
from minigrad.functions.pool import *
from minigrad.functions.rectifiers import *
from minigrad.functions.reduce import norm
from minigrad.functions.resample import *
from minigrad.functions.selection import where
from minigrad.ops.promotion import as_tensor_operand
from minigrad.random import default_generator

__all__ = (
    activation.__all__
    + adaptive_pool.__all__
    + conv.__all__
    + ctc.__all__
    + affine.__all__
    + lookup.__all__
    + loss.__all__
    + normalization.__all__
    + padding.__all__
    + patches.__all__
    + pool.__all__
    + rectifiers.__all__
    + resample.__all__
    + [
        "bilinear",
        "cosine_embedding_loss",
        "cosine_similarity",
        "dropout",
        "dropout2d",
        "one_hot",
        "triplet_margin_loss",
    ]
)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """In training, each element is set to 0 with probability p and the others are scaled by 1 / (1 − p).

    The scale keeps the expected value, so that evaluation needs no change (Srivastava et al. 2014).

    Raises:
        ValueError: if p is not in [0, 1].
        RuntimeError: for integers, which the scale would leave.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0:
        return input
    if p < 1.0 and input.dtype.kind != "f":
        raise RuntimeError(f"dropout scales what it keeps, and the result can't be cast to {input.dtype}")
    if isinstance(input.array, np.ndarray):
        numbers = np.asarray(default_generator.numpy.random(input.shape, dtype=np.float32))
    else:
        seed, start = default_generator.on_device(input.numel())
        numbers = kernels.of(input.array).uniform(input.array, input.numel(), seed, start).reshape(input.shape)
    scale = 0.0 if p == 1.0 else 1.0 / (1.0 - p)
    mask = wrap((numbers >= p).astype(input.dtype) * input.dtype.type(scale))
    return input.mul_(mask) if inplace else input * mask


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of (N, C, H, W) or (C, H, W): neighbouring pixels say much the same.

    Raises:
        ValueError: if p is not in [0, 1].
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0:
        return input
    channels = input.shape[:1] if input.ndim == 3 else input.shape[:2]
    ones = wrap(np.ones_like(input.array, shape=(*channels, *(1,) * (input.ndim - len(channels)))))
    mask = dropout(ones, p)
    return input.mul_(mask) if inplace else input * mask


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """Σ x₁·x₂ / (‖x₁‖ · ‖x₂‖) along ``dim``, each norm at least ε."""
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = x1.expand(*shape), x2.expand(*shape)
    norms = [norm(x, 2, dim, keepdim=True) for x in (x1, x2)]
    norms = [size + (eps - size).clamp(min=0).detach() for size in norms]  # torch's gradient sees the norm itself
    return ((x1 / norms[0]) * (x2 / norms[1])).sum(dim)


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """1 − cos where the target is 1, max(0, cos − margin) where it is −1, reduced."""
    refuse_legacy_reduction(size_average, reduce)
    tiny = float(np.float32(1e-12))  # torch's, inside the root
    dim = 1 if input1.ndim > 1 else 0
    squares = [(x * x).sum(dim) + tiny for x in (input1, input2)]
    cos = (input1 * input2).sum(dim) / (squares[0] * squares[1]).sqrt()
    loss = where(target == 1, 1 - cos, 0.0) + where(target == -1, (cos - margin).clamp(min=0), 0.0)
    return reduced(loss, reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """max(0, ‖a − p‖ − ‖a − n‖ + margin), reduced; ``swap`` takes ‖p − n‖ where it is smaller than ‖a − n‖.

    Raises:
        ValueError: if the margin is not above 0.
    """
    refuse_legacy_reduction(size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(x: Any, y: Any) -> Any:
        return norm(x - y + eps, p, -1)

    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((near - far + margin).clamp(min=0), reduction)


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """Classes (…) as rows (…, num_classes) of zeros with a one; int64.

    Raises:
        RuntimeError: if a class is negative or not below ``num_classes``, the dtype is not int64, or ``num_classes`` is
            to be inferred from no classes.
    """
    as_tensor_operand("one_hot", tensor, "tensor")
    if tensor.dtype != np.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}")
    labels = to_host(tensor.array)
    if labels.size == 0 and num_classes == -1:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    classes = int(labels.max()) + 1 if num_classes == -1 else num_classes
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise RuntimeError(f"Class values must be non-negative and smaller than num_classes ({classes}).")
    rows = np.expand_dims(tensor.array, -1) == np.arange(classes, like=tensor.array)
    return wrap(rows.astype(np.int64))
