"""The functions behind the layers, under torch's names (``torch.nn.functional``). They hold no state."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.device import to_device, to_host
from minigrad.function import wrap
from minigrad.ops import (
    adaptive_avg_pool2d,
    avg_pool2d,
    batch_norm,
    conv2d,
    cross_entropy,
    linear,
    log_softmax,
    max_pool2d,
    mse_loss,
    nll_loss,
    pad,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from minigrad.ops.loss import refuse_legacy_reduction
from minigrad.random import default_generator

__all__ = [
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "batch_norm",
    "conv2d",
    "cross_entropy",
    "dropout",
    "linear",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "refuse_legacy_reduction",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """In training, each element is set to 0 with probability p and the others are scaled by 1 / (1 − p).

    The scale keeps the expected value, so that evaluation needs no change (Srivastava et al. 2014).

    Raises:
        ValueError: if p is not in [0, 1].
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0:
        return input
    keep = np.asarray(default_generator.numpy.random(input.shape, dtype=np.float32)) >= p
    scale = 0.0 if p == 1.0 else 1.0 / (1.0 - p)
    mask = wrap(to_device(np.asarray(keep.astype(input.dtype) * input.dtype.type(scale)), input.device))
    return input.mul_(mask) if inplace else input * mask


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """Classes (…) as rows (…, num_classes) of zeros with a one; int64.

    Raises:
        RuntimeError: if a class is negative or not below ``num_classes``.
    """
    labels = to_host(tensor.array)
    classes = int(labels.max()) + 1 if num_classes == -1 else num_classes
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise RuntimeError(f"Class values must be non-negative and smaller than num_classes ({classes}).")
    rows = np.expand_dims(tensor.array, -1) == np.arange(classes, like=tensor.array)
    return wrap(rows.astype(np.int64))
