"""Losses: one number that says how wrong a prediction is. All are composed of other operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.device import to_host
from minigrad.function import wrap
from minigrad.ops.activation import log_softmax
from minigrad.ops.promotion import as_tensor_operand
from minigrad.ops.reduce import mean, sum


def _reduced(loss: Any, reduction: str) -> Any:
    """The loss elements as they are (``none``), their ``mean``, or their ``sum``."""
    if reduction == "none":
        return loss
    if reduction not in ("mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction; expected 'none', 'mean' or 'sum'")
    return mean(loss) if reduction == "mean" else sum(loss)


def refuse_legacy_reduction(size_average: Any, reduce: Any) -> None:
    """torch keeps two deprecated arguments in its argument order; so do we, to say what replaced them."""
    if size_average is not None or reduce is not None:
        raise NotImplementedError("size_average and reduce are deprecated and not supported; use reduction")


def mse_loss(
    input: Any,
    target: Any,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """(x − y)², reduced.

    Raises:
        RuntimeError: if the shapes cannot be broadcast.
    """
    refuse_legacy_reduction(size_average, reduce)
    x, y = as_tensor_operand("mse_loss", input), as_tensor_operand("mse_loss", target, "target")
    if weight is not None:
        raise NotImplementedError("mse_loss: weight is not supported; multiply the loss of reduction='none' by it")
    difference = x - y
    return _reduced(difference * difference, reduction)


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """Negative log likelihood: −w[t] · x[t] for the class t of each target.

    Args:
        input: log-probabilities (C), (N, C) or (N, C, d1, …).
        target: int64 classes, the same shape without C; elements equal to ``ignore_index`` count for nothing.
        weight: a factor for each class (C). ``mean`` divides by the sum of the targets' factors.

    Raises:
        IndexError: for a target outside 0 … C−1, naming it.
        RuntimeError, ValueError: if the shapes or dtypes do not fit.
    """
    refuse_legacy_reduction(size_average, reduce)
    x, t = as_tensor_operand("nll_loss", input), as_tensor_operand("nll_loss", target, "target")
    _check_classes(x, t, weight)
    if x.array.ndim == 1:
        x, t = x.unsqueeze(0), t.reshape(1)
        loss, factors = _nll_elements(x, t, weight, ignore_index)
        loss, factors = loss.squeeze(0), factors.squeeze(0)
    else:
        loss, factors = _nll_elements(x, t, weight, ignore_index)
    return _weighted_reduced(loss, factors, reduction)


def _weighted_reduced(loss: Any, factors: Any, reduction: str) -> Any:
    return sum(loss) / sum(factors) if reduction == "mean" else _reduced(loss, reduction)


def _check_classes(x: Any, t: Any, weight: Any) -> None:
    if x.array.ndim == 0:
        raise ValueError("Expected input with at least 1 dimension, got a 0-d tensor")
    expected = x.array.shape[:1] + x.array.shape[2:] if x.array.ndim > 1 else ()
    if t.array.shape[:1] != expected[:1]:
        raise ValueError(
            f"Expected input batch_size ({x.array.shape[0]}) to match target batch_size "
            f"({t.array.shape[0] if t.array.ndim else 1})."
        )
    if t.array.shape != expected:
        raise RuntimeError(f"Expected target size {list(expected)}, got {list(t.array.shape)}")
    if t.array.dtype.kind not in "iu":
        raise RuntimeError(f"expected scalar type Long but found {t.array.dtype} for the target")
    if weight is not None and weight.array.shape != (_class_count(x),):
        raise RuntimeError(
            f"weight tensor should be defined either for all {_class_count(x)} classes or no classes but got weight "
            f"tensor of shape: {list(weight.array.shape)}"
        )


def _class_count(x: Any) -> int:
    return x.array.shape[1 if x.array.ndim > 1 else 0]


def _nll_elements(x: Any, t: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """The loss and the factor of every target of (N, C, …); both are 0 where it is ignored."""
    counted = t.array != ignore_index
    classes = x.array.shape[1]
    out_of_range = counted & ((t.array < 0) | (t.array >= classes))
    if to_host(np.any(out_of_range)):
        bad = int(to_host(t.array)[to_host(out_of_range)][0])
        raise IndexError(f"Target {bad} is out of bounds: classes are 0 to {classes - 1}")
    safe = np.where(counted, t.array, 0).astype(np.int64)
    factors = counted.astype(x.array.dtype) if weight is None else counted * weight.array[safe]
    picked = x.gather(1, wrap(np.expand_dims(safe, 1))).squeeze(1)  # N 1 … -> N …
    return -picked * wrap(factors.astype(x.array.dtype)), wrap(factors.astype(x.array.dtype))


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """−Σ_c q_c · log softmax(x)_c, where q is the target distribution.

    Args:
        input: unnormalised scores (C), (N, C) or (N, C, d1, …).
        target: int64 classes as in :func:`nll_loss`, or probabilities q of the input's shape.
        weight: a factor for each class (C).
        ignore_index: a class that counts for nothing (class targets only).
        label_smoothing: ε in [0, 1]: q becomes (1 − ε) · q + ε / C (Szegedy et al. 2015, section 7).

    Raises:
        IndexError: for a target outside 0 … C−1.
        RuntimeError, ValueError: if shapes, dtypes or ε do not fit.
    """
    refuse_legacy_reduction(size_average, reduce)
    x, t = as_tensor_operand("cross_entropy", input), as_tensor_operand("cross_entropy", target, "target")
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if x.array.ndim and t.array.shape == x.array.shape and t.array.dtype.kind == "f":
        return _soft_cross_entropy(x, t, weight, reduction, label_smoothing)
    log_p = log_softmax(x, 1 if x.array.ndim > 1 else 0)
    if label_smoothing == 0.0:
        return nll_loss(log_p, t, weight, ignore_index=ignore_index, reduction=reduction)
    _check_classes(x, t, weight)
    if x.array.ndim == 1:
        log_p, t = log_p.unsqueeze(0), t.reshape(1)
    nll, factors = _nll_elements(log_p, t, weight, ignore_index)
    classes = log_p.array.shape[1]
    weighted = log_p if weight is None else log_p * _along_classes(weight, log_p)
    counted = wrap((t.array != ignore_index).astype(log_p.array.dtype))
    smooth = -sum(weighted, 1) * counted
    loss = (1 - label_smoothing) * nll + (label_smoothing / classes) * smooth
    if x.array.ndim == 1:
        loss, factors = loss.squeeze(0), factors.squeeze(0)
    return _weighted_reduced(loss, factors, reduction)


def _soft_cross_entropy(x: Any, q: Any, weight: Any, reduction: str, smoothing: float) -> Any:
    dim = 1 if x.array.ndim > 1 else 0
    classes = x.array.shape[dim]
    if smoothing > 0:
        q = q * (1 - smoothing) + smoothing / classes
    terms = q.to(x.dtype) * log_softmax(x, dim)
    if weight is not None:
        terms = terms * _along_classes(weight, x)
    loss = -sum(terms, dim)
    if reduction == "mean":  # over targets, whatever the class factors: torch does so too
        return sum(loss) / max(loss.array.size, 1)
    return _reduced(loss, reduction)


def _along_classes(weight: Any, x: Any) -> Any:
    return weight if x.array.ndim == 1 else weight.reshape(1, -1, *(1,) * (x.array.ndim - 2))
