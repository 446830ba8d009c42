"""Sums, means or maxima of embeddings over bags of numbers, such as the words of a sentence."""

from __future__ import annotations

import math

import numpy as np

from minigrad.devices import to_device, to_host
from minigrad.engine.tensor_base import wrap
from minigrad.functions.lookup import embedding
from minigrad.functions.reduce import max as largest
from minigrad.functions.selection import where
from minigrad.typing import Tensor

__all__ = ["embedding_bag"]


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Return the sum, mean or maximum of weight[i] over the numbers i of each bag; zeros for an empty bag.

    Args:
        input: the bags as rows (B, L), or one after the other (N), with
        offsets: where each begins (B).
        max_norm, norm_type, scale_grad_by_freq: as those of ``embedding``.
        mode: "sum", "mean" or "max".
        per_sample_weights: a factor for each number, in mode "sum".
        include_last_offset: ``offsets`` has the end of the last bag too.
        padding_idx: a row that is in no bag.

    Raises:
        ValueError: for an unknown mode, or if offsets and input do not fit.
        RuntimeError: if an offset is outside the input, or the weight is not floating.
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode has to be one of sum, mean or max, got {mode}")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(f"embedding_bag: per_sample_weights is only supported for mode='sum' (got {mode=})")
    if per_sample_weights is not None and per_sample_weights.shape != input.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    if weight.array.dtype.kind != "f":
        raise RuntimeError(f"embedding_bag: expected a floating weight, but got {weight.array.dtype}")
    at, inside = _bags(input, offsets, include_last_offset)
    numbers = to_host(input.array).reshape(-1)
    if padding_idx is not None and numbers.size:
        inside = inside & (numbers[at] != padding_idx % weight.array.shape[0])
    rows = embedding(input.reshape(-1), weight, None, max_norm, norm_type, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    if at.size == 0:
        return rows.sum() * 0 + wrap(np.zeros_like(weight.array, shape=(len(at), weight.array.shape[1])))
    mask = wrap(to_device(inside[..., None], weight.device))
    picked = rows[at]  # B, longest bag, D
    if mode == "max":
        best = largest(where(mask, picked, -math.inf), 1)[0]
        return where(wrap(to_device(np.asarray(np.any(inside, axis=1, keepdims=True)), weight.device)), best, 0.0)
    total = where(mask, picked, 0.0).sum(1)
    if mode == "sum":
        return total
    count = np.maximum(inside.sum(1), 1)[:, None].astype(weight.dtype)
    return total / wrap(to_device(count, weight.device))


def _bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions in the input of each bag's numbers, (B, longest bag), and where there are any."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, its rows are the bags, so offsets has to be None")
        at = np.arange(input.numel()).reshape(input.shape)
        return at, np.ones(at.shape, bool)
    if input.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if offsets is None or offsets.ndim != 1:
        raise ValueError(f"offsets has to be a 1D Tensor but got {offsets}")
    starts, size = to_host(offsets.array).astype(np.int64), input.numel()
    if starts.size and starts[0] != 0:
        raise RuntimeError(f"offsets[0] has to be 0: the first bag starts at position 0, but got {starts[0]}")
    if starts.size and starts[-1] > size:
        raise RuntimeError(f"offsets[-1] can not be greater than input's length {size} but got {starts[-1]}")
    ends = starts[1:] if include_last_offset else np.append(starts[1:], size)
    lengths = ends - starts[: len(ends)]
    if np.any(lengths < 0):
        raise RuntimeError(f"offsets must not decrease, got {starts.tolist()}")
    step = np.arange(lengths.max(initial=0))
    inside = np.asarray(step < lengths[:, None])
    return np.where(inside, starts[: len(ends), None] + step, 0), inside
