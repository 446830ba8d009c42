"""Connectionist temporal classification: a loss for sequences whose alignment is unknown (Graves et al. 2006).

A path names one class for each time step. It spells a target if dropping repeats and then blanks leaves the
target. The loss is −ln of the sum of the probabilities of all paths that spell it, found by going through the
target with a blank before, between and after its labels, l′ = (∅, l₁, ∅, l₂, …, ∅), of length S = 2L + 1:

        α[t, s] = ln Σ of the paths of steps 0 … t that end at l′ₛ
                = ln(e^α[t−1, s] + e^α[t−1, s−1] + e^α[t−1, s−2]) + x[t, l′ₛ]

where the last term needs l′ₛ to be a label that differs from l′ₛ₋₂. β is the same from the end, counting step t
as well. Then

        L = −ln(e^α[T−1, S−1] + e^α[T−1, S−2])
        ∂L/∂x[t, k] = −e^L · Σ over s with l′ₛ = k of e^(α[t, s] + β[t, s] − x[t, k])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.device import to_host
from minigrad.engine.function import Function, TensorBase, wrap
from minigrad.functions.loss import reduced
from minigrad.ops.promotion import as_tensor_operand
from minigrad.ops.selection import where

_NEVER = -np.inf  # the logarithm of a probability of 0


class CTC(Function):
    """L and ∂L/∂x as above        (torch's gradient, which adds e^x: the same once it has gone through log softmax)

    A target that cannot be spelled in so few steps has L = ∞.
    """

    def forward(self, x: Any, spelled: Any, allowed: Any, steps: Any, lengths: Any, blank: int) -> Any:
        self.save_for_backward(x)
        self.constants = (spelled, allowed, steps, lengths)
        self.alpha = _alphas(x, spelled, allowed)
        self.loss = -_at_the_end(self.alpha, steps, lengths)
        return self.loss

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return CTCGradient.apply(grad, x, self.alpha, self.loss, self.constants), *[None] * 5


class CTCGradient(Function):
    """∂L/∂x · g        which, as in torch, cannot be differentiated again"""

    def forward(self, g: Any, x: Any, alpha: Any, loss: Any, constants: Any) -> Any:
        g, steps = g.reshape(1, -1, 1), constants[2].reshape(1, -1, 1)
        unused = np.isinf(loss).reshape(1, -1, 1) & (g == 0)  # ∞ · 0: an infinite loss that zero_infinity took out
        unused = unused | (np.arange(x.shape[0], like=steps).reshape(-1, 1, 1) >= steps)
        return np.where(unused, 0.0, _gradient(x, alpha, loss, *constants) * g).astype(x.dtype)

    def backward(self, grad: Any) -> Any:
        raise RuntimeError("the derivative of ctc_loss's gradient is not implemented")


def _alphas(x: Any, spelled: Any, allowed: Any) -> Any:
    """α (T, N, S). ``spelled`` (N, S) is l′; ``allowed`` (N, S) says where a path may come from s − 2."""
    emitted = np.take_along_axis(x, np.expand_dims(spelled, 0) + np.zeros_like(spelled, shape=(x.shape[0], 1, 1)), -1)
    alpha = np.full_like(x, _NEVER, shape=emitted.shape)  # T N S
    alpha[0, :, :2] = emitted[0, :, :2]
    for t in range(1, x.shape[0]):
        before = alpha[t - 1]
        alpha[t] = emitted[t] + _log_sum(before, _shifted(before, 1), np.where(allowed, _shifted(before, 2), _NEVER))
    return alpha


def _shifted(row: Any, by: int) -> Any:
    moved = np.full_like(row, _NEVER)
    moved[:, by:] = row[:, : row.shape[1] - by]
    return moved


def _log_sum(*terms: Any) -> Any:
    """ln Σ e^term, also where every term is −∞."""
    largest = terms[0]
    for term in terms[1:]:
        largest = np.maximum(largest, term)
    shift = np.where(np.isfinite(largest), largest, 0.0).astype(largest.dtype)
    total = np.exp(terms[0] - shift)
    for term in terms[1:]:
        total = total + np.exp(term - shift)
    return np.log(total) + shift


def _at_the_end(alpha: Any, steps: Any, lengths: Any) -> Any:
    """ln of the probability of the target: the two ends of l′ at the last step of each sequence."""
    items = np.arange(alpha.shape[1], like=steps)
    last = np.where(steps > 0, steps - 1, 0)
    final = alpha[last, items, 2 * lengths]
    label = np.where(lengths > 0, alpha[last, items, np.where(lengths > 0, 2 * lengths - 1, 0)], _NEVER)
    spelled = _log_sum(final, label)
    nothing = np.where(lengths > 0, _NEVER, 0.0).astype(alpha.dtype)  # no steps spell the empty target only
    return np.where(steps > 0, spelled, nothing)


def _gradient(x: Any, alpha: Any, loss: Any, spelled: Any, allowed: Any, steps: Any, lengths: Any) -> Any:
    count, items, size = alpha.shape
    own = np.arange(items, like=steps)
    following = np.zeros_like(allowed)
    following[:, : size - 2] = allowed[:, 2:]
    gradient = np.zeros_like(x)
    beta = np.full_like(alpha, _NEVER, shape=(items, size))
    places = np.arange(size, like=steps)[None, :]
    is_end = (places == 2 * lengths[:, None]) | (places == 2 * lengths[:, None] - 1)
    for t in range(count - 1, -1, -1):
        emitted = x[t][own[:, None], spelled]  # N S
        onward = _log_sum(beta, _back(beta, 1), np.where(following, _back(beta, 2), _NEVER)) + emitted
        beta = np.where((t == steps - 1)[:, None], np.where(is_end, emitted, _NEVER), onward)
        beta = np.where((t < steps)[:, None], beta, _NEVER).astype(x.dtype)
        through = alpha[t] + beta - emitted + loss[:, None]
        share = np.exp(through)  # where the loss is ∞ this is −∞ + ∞, not a number, as the gradient is
        here = np.zeros_like(x, shape=x.shape[1:])
        np.add.at(here, (own[:, None] + np.zeros_like(spelled), spelled), share.astype(x.dtype))
        gradient[t] = np.where((t < steps)[:, None], np.exp(x[t]) - here, 0.0)
    return gradient


def _back(row: Any, by: int) -> Any:
    moved = np.full_like(row, _NEVER)
    moved[:, : row.shape[1] - by] = row[:, by:]
    return moved


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """−ln P(target | input), over all alignments.

    Args:
        log_probs: (T, N, C) or (T, C) logarithms of probabilities, as from ``log_softmax``.
        targets: (N, S) padded, or all targets one after the other, of integers other than ``blank``.
        input_lengths, target_lengths: (N) how much of each counts: tensors or tuples of integers.
        blank: the class that stands for no label.
        reduction: ``mean`` divides each loss by its target's length (at least 1), then averages.
        zero_infinity: a target that does not fit into its input counts 0, with gradient 0, rather than ∞.

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
    constants = [wrap(value).to(batch.device) for value in (spelled, allowed, steps, lengths)]
    loss = CTC.apply(batch, *constants, blank)
    if zero_infinity:
        loss = where(wrap(np.isinf(loss.array)), 0.0, loss)
    if reduction == "mean":
        loss = loss / wrap(np.maximum(lengths, 1)).to(batch.device).to(loss.dtype)
    if x.array.ndim == 2:
        loss = loss.squeeze(0)
    return reduced(loss, reduction)


def _lengths(value: Any, items: int, name: str) -> np.ndarray:
    lengths = np.asarray(to_host(value.array) if isinstance(value, TensorBase) else value).astype(np.int64).reshape(-1)
    if lengths.size != items:
        raise RuntimeError(f"{name} must be of size batch_size: got {lengths.size} for a batch of {items}")
    return lengths


def _padded(targets: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The targets as rows (N, longest)."""
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
