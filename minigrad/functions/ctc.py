"""The CTC loss, with torch's arguments. The mathematics is in ``minigrad/ops/ctc.py``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.devices import device_of, to_device, to_host
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.loss import reduced
from minigrad.ops.ctc import CTC, Targets
from minigrad.typing import Reduction, Tensor

__all__ = ["ctc_loss"]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Return −ln P(target | input), summed over all alignments.

    Args:
        log_probs: (T, N, C) or (T, C) logarithms of probabilities, as from ``log_softmax``.
        targets: (N, S) padded, or all targets one after the other, of integers other than ``blank``.
        input_lengths, target_lengths: (N) how many steps, and labels, of each count: tensors or tuples of integers.
        blank: the class that means no label.
        reduction: ``mean`` divides each loss by its target's length (at least 1), then averages.
        zero_infinity: count a target that does not fit into its input as 0, with gradient 0, rather than ∞.

    Raises:
        RuntimeError: if shapes or lengths do not fit, naming them.
    """
    x = as_tensor_operand("ctc_loss", log_probs)
    batch = x if x.array.ndim == 3 else x.unsqueeze(1)
    count, items, classes = batch.array.shape
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: got {blank} for {classes} classes")
    steps, lengths = _lengths(input_lengths, items, "input_lengths"), _lengths(target_lengths, items, "target_lengths")
    if steps.size and (steps.max() > count or steps.min() < 0):
        raise RuntimeError(f"Expected input_lengths to have value at most {count}, but got value {steps.max()}")
    labels = _padded(to_host(targets.array), lengths)
    spelled = np.full((items, 2 * labels.shape[1] + 1), blank, np.int64)
    spelled[:, 1::2] = labels
    allowed = np.zeros_like(spelled, bool)
    allowed[:, 2:] = (spelled[:, 2:] != blank) & (spelled[:, 2:] != spelled[:, :-2])
    x_device = device_of(batch.array)
    constants = Targets(*[to_device(value, x_device) for value in (spelled, allowed, steps, lengths)])
    loss = CTC.apply(batch, targets=constants, zero_infinity=zero_infinity)
    if reduction == "mean":
        loss = loss / wrap(np.maximum(lengths, 1)).to(batch.device).to(loss.dtype)
    if x.array.ndim == 2:
        loss = loss.squeeze(0)
    return reduced(loss, reduction)


def _lengths(value: Tensor | Sequence[int], items: int, name: str) -> np.ndarray:
    """Return the lengths as a vector of int64.

    Raises:
        RuntimeError: if there is not one for each item of the batch.
    """
    lengths = np.asarray(to_host(value.array) if isinstance(value, TensorBase) else value).astype(np.int64).reshape(-1)
    if lengths.size != items:
        raise RuntimeError(f"{name} must be of size batch_size: got {lengths.size} for a batch of {items}")
    return lengths


def _padded(targets: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the targets as rows (N, longest).

    Raises:
        RuntimeError: if there are fewer or more labels than the lengths say.
    """
    longest = int(lengths.max(initial=0))
    if targets.ndim == 2 and targets.shape[0] == lengths.size:
        if targets.shape[1] < longest:
            raise RuntimeError(f"Expected targets to have size at least {longest} at dimension 1, got {targets.shape}")
        return targets[:, :longest]
    flat = targets.reshape(-1)
    if flat.size != lengths.sum():
        raise RuntimeError(f"targets must have {lengths.sum()} labels (the sum of target_lengths), got {flat.size}")
    rows = np.zeros((lengths.size, longest), np.int64)
    for row, length, end in zip(rows, lengths, np.cumsum(lengths), strict=True):
        row[:length] = flat[end - length : end]
    return rows
