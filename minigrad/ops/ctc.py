"""Connectionist temporal classification: a loss for sequences whose alignment is unknown (Graves et al. 2006).

A path names one class for each time step. It spells a target if dropping repeats and then blanks (∅) leaves the target.
The loss is −ln of the sum of the probabilities of all paths that spell it. To compute that sum, put a blank before,
between and after the target's labels, l′ = (∅, l₁, ∅, l₂, …, ∅), of length S = 2L + 1, and go through l′ step by step:

        α[t, s] = ln Σ of the paths of steps 0 … t that end at l′ₛ
                = ln(e^α[t−1, s] + e^α[t−1, s−1] + e^α[t−1, s−2]) + x[t, l′ₛ]

where x are log-probabilities. The last term is there only if l′ₛ is a label that differs from l′ₛ₋₂. β is the same from
the end, including step t. Then

        L = −ln(e^α[T−1, S−1] + e^α[T−1, S−2])
        ∂L/∂x[t, k] = −e^L · Σ over s with l′ₛ = k of e^(α[t, s] + β[t, s] − x[t, k])
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minigrad.devices import add_at
from minigrad.engine.function import Function
from minigrad.typing import Array, Tensor

_NEVER = -np.inf  # the logarithm of a probability of 0


class Targets(NamedTuple):
    """The targets of a batch of N sequences, as arrays of constants."""

    spelled: Array  #: l′, (N, S)
    allowed: Array  #: (N, S): true where a path may come from s − 2
    steps: Array  #: (N): the number of time steps of each sequence
    lengths: Array  #: (N): the number of labels of each target


class CTC(Function):
    """L and ∂L/∂x as above        (plus e^x, as in torch, which the gradient of log softmax takes out again)

    A target that cannot be spelled in so few steps has L = ∞, or, with ``zero_infinity``, L = 0 and a gradient of 0.
    """

    def forward(self, x: Array, *, targets: Targets, zero_infinity: bool) -> Array:
        self.save_for_backward(x)
        self.targets, self.zero_infinity = targets, zero_infinity
        self.alpha = _alphas(x, targets)
        self.loss = -_log_probability(self.alpha, targets)
        return np.where(np.isinf(self.loss), x.dtype.type(0), self.loss) if zero_infinity else self.loss  # T N C -> N

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        found = {"alpha": self.alpha, "loss": self.loss, "targets": self.targets}
        return CTCGradient.apply(grad, x, zero_infinity=self.zero_infinity, **found)


class CTCGradient(Function):
    """dx = g · ∂L/∂x        As in torch it cannot be differentiated again."""

    def forward(self, g: Array, x: Array, *, zero_infinity: bool, alpha: Array, loss: Array, targets: Targets) -> Array:
        g, steps = g.reshape(1, -1, 1), targets.steps.reshape(1, -1, 1)  # N -> 1 N 1
        unused = np.arange(x.shape[0], like=steps).reshape(-1, 1, 1) >= steps
        if zero_infinity:
            unused = unused | np.isinf(loss).reshape(1, -1, 1)
        return np.where(unused, 0.0, _gradient(x, alpha, loss, targets) * g).astype(x.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        raise RuntimeError("the derivative of ctc_loss's gradient is not implemented")


def _alphas(x: Array, targets: Targets) -> Array:
    """Return α (T, N, S)."""
    spelled, allowed, _, _ = targets
    every_step = np.expand_dims(spelled, 0) + np.zeros_like(spelled, shape=(x.shape[0], 1, 1))  # N S -> T N S
    emitted = np.take_along_axis(x, every_step, -1)  # T N C -> T N S
    alpha = np.full_like(x, _NEVER, shape=emitted.shape)  # T N S
    alpha[0, :, :2] = emitted[0, :, :2]
    for t in range(1, x.shape[0]):
        before = alpha[t - 1]
        alpha[t] = emitted[t] + _log_sum(before, _shifted(before, 1), np.where(allowed, _shifted(before, 2), _NEVER))
    return alpha


def _shifted(row: Array, by: int) -> Array:
    """Return each row moved ``by`` positions towards the end, with −∞ in front."""
    moved = np.full_like(row, _NEVER)
    moved[:, by:] = row[:, : row.shape[1] - by]
    return moved


def _log_sum(*terms: Array) -> Array:
    """Return ln Σ e^term, also where every term is −∞."""
    largest = terms[0]
    for term in terms[1:]:
        largest = np.maximum(largest, term)
    shift = np.where(np.isfinite(largest), largest, 0.0).astype(largest.dtype)
    total = np.exp(terms[0] - shift)
    for term in terms[1:]:
        total = total + np.exp(term - shift)
    return np.log(total) + shift


def _log_probability(alpha: Array, targets: Targets) -> Array:
    """Return the logarithm of each target's probability: the two ends of l′ at the last step of each sequence."""
    steps, lengths = targets.steps, targets.lengths
    items = np.arange(alpha.shape[1], like=steps)
    last = np.where(steps > 0, steps - 1, 0)
    final = alpha[last, items, 2 * lengths]
    label = np.where(lengths > 0, alpha[last, items, np.where(lengths > 0, 2 * lengths - 1, 0)], _NEVER)
    spelled = _log_sum(final, label)
    nothing = np.where(lengths > 0, _NEVER, 0.0).astype(alpha.dtype)  # without steps only the empty target is spelled
    return np.where(steps > 0, spelled, nothing)


def _gradient(x: Array, alpha: Array, loss: Array, targets: Targets) -> Array:
    """Return ∂L/∂x + e^x (T, N, C), with β computed from the last step to the first."""
    spelled, allowed, steps, lengths = targets
    count, items, size = alpha.shape
    own = np.arange(items, like=steps)
    following = np.zeros_like(allowed)
    following[:, : size - 2] = allowed[:, 2:]
    gradient = np.zeros_like(x)
    beta = np.full_like(alpha, _NEVER, shape=(items, size))
    positions = np.arange(size, like=steps)[None, :]
    is_end = (positions == 2 * lengths[:, None]) | (positions == 2 * lengths[:, None] - 1)
    for t in range(count - 1, -1, -1):
        emitted = x[t][own[:, None], spelled]  # N S
        onward = _log_sum(beta, _shifted_back(beta, 1), np.where(following, _shifted_back(beta, 2), _NEVER)) + emitted
        is_last = (steps - 1 == t)[:, None]
        beta = np.where(is_last, np.where(is_end, emitted, _NEVER), onward)
        beta = np.where((t < steps)[:, None], beta, _NEVER).astype(x.dtype)
        through = alpha[t] + beta - emitted + loss[:, None]
        share = np.exp(through)  # NaN where the loss is ∞ (−∞ + ∞), as the gradient is
        here = np.zeros_like(x, shape=x.shape[1:])
        add_at(here, (own[:, None] + np.zeros_like(spelled), spelled), share.astype(x.dtype))
        gradient[t] = np.where((t < steps)[:, None], np.exp(x[t]) - here, 0.0)
    return gradient


def _shifted_back(row: Array, by: int) -> Array:
    """Return each row moved ``by`` positions towards the front, with −∞ behind."""
    moved = np.full_like(row, _NEVER)
    moved[:, : row.shape[1] - by] = row[:, by:]
    return moved
