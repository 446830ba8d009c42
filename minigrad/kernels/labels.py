"""Class labels of a cross entropy: which ones count, and the distribution q that they stand for."""

from __future__ import annotations

import numpy as np

from minigrad.kernels.masking import keep_where
from minigrad.typing import Array


def known_labels(x: Array, labels: Array, weight: Array | None, ignore: int) -> tuple[Array, Array]:
    """Return labels that can index the classes of x, and the factor of each row in the loss.

    A row's factor is the weight of its label (1 without weights), 0 where the label is ``ignore``, and NaN where the
    label is not a class; in the last two cases the returned label is 0. x is (N, C, …), the labels are (N, …).
    """
    counted, inside = labels != ignore, (labels >= 0) & (labels < x.shape[1])
    label = np.where(counted & inside, labels, 0).astype(np.int64)
    factor = counted.astype(x.dtype) if weight is None else keep_where(weight[label], counted)
    return label, np.where(counted & ~inside, np.nan, factor)


def target_distribution(x: Array, labels: Array, weight: Array | None, smoothing: float, ignore: int) -> Array:
    """Return q of ``Reference.softmax_cross_entropy``, (N, C)."""
    label, factor = known_labels(x, labels, weight, ignore)
    q = keep_where(((1 - smoothing) * factor)[:, None], np.arange(x.shape[1], like=x) == label[:, None])
    if smoothing:
        everywhere = smoothing / x.shape[1] * (np.ones_like(x) if weight is None else weight[None])
        q = q + keep_where(everywhere, (labels != ignore)[:, None])
    return q
