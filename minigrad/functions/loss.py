"""Losses: one scalar that says how wrong a prediction is."""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np

from minigrad.caller import warn
from minigrad.devices import to_host
from minigrad.engine.tensor_base import TensorBase
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.promotion import promote, raised
from minigrad.functions.reduce import mean, sum
from minigrad.functions.selection import where
from minigrad.ops.casting import apply_rounded_once, cast, rounded_once
from minigrad.ops.cross_entropy import CrossEntropy, CrossEntropyOfProbabilities, NegativeLogLikelihood
from minigrad.ops.loss import BinaryCrossEntropy, BinaryCrossEntropyWithLogits, NegativeEntropy
from minigrad.typing import Reduction, Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
]


#: A reduction; some losses have one more than the usual three.
R = TypeVar("R", bound=str)


def reduced(loss: Tensor, reduction: Reduction) -> Tensor:
    """Return the loss elements as they are (``none``), their ``mean``, or their ``sum``.

    Raises:
        ValueError: for another reduction.
    """
    _check_reduction(reduction)
    if reduction == "none":
        return loss
    return mean(loss) if reduction == "mean" else sum(loss)


def _check_reduction(reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction; expected 'none', 'mean' or 'sum'")


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: R) -> R | Reduction:
    """Return ``reduction``, or what torch's deprecated ``size_average`` and ``reduce`` mean, with a warning.

    Raises:
        TypeError: for a target in their place, of who calls the class of a loss.
    """
    if size_average is None and reduce is None:
        return reduction
    if isinstance(size_average, TensorBase) or isinstance(reduce, TensorBase):
        raise TypeError("make a loss before you call it: nn.MSELoss()(input, target), not nn.MSELoss(input, target)")
    meant: Reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warn(f"size_average and reduce are deprecated; write reduction='{meant}' instead")
    return meant


def _warn_of_broadcast(function: str, input: Tensor, target: Tensor) -> None:
    """Warn if the target has another shape, so that predictions are compared with the targets of others."""
    x, y = input.array, target.array
    if x.shape != y.shape:
        warn(
            f"Using a target size ({list(y.shape)}) that is different to the input size ({list(x.shape)}): {function} "
            "broadcasts them, which compares predictions with targets of other samples. Give both the same size, for "
            "example by target.reshape(input.shape)"
        )


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return (x − y)², reduced.

    Args:
        weight: a factor for each element. ``mean`` divides by the sum of the factors.

    Raises:
        RuntimeError: if the shapes cannot be broadcast.
        ValueError: if the weight has another shape than the input.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = as_tensor_operand("mse_loss", input), as_tensor_operand("mse_loss", target, "target")
    _warn_of_broadcast("mse_loss", x, y)
    loss = _squared_error(x, y)
    if weight is None:
        return reduced(loss, reduction)
    loss = _weighted(loss, weight, x)
    return loss.sum() / weight.sum() if reduction == "mean" else reduced(loss, reduction)


def _weighted(loss: Tensor, weight: Tensor, input: Tensor) -> Tensor:
    if weight.array.shape != input.array.shape:
        raise ValueError(
            f"Weights and input must have the same size, got {list(weight.array.shape)} and {list(input.array.shape)}."
        )
    return loss * weight


@rounded_once
def _squared_error(x: Tensor, y: Tensor) -> Tensor:
    difference = x - y
    return difference * difference


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the negative log likelihood, −w[t] · x[t] for the class t of each target.

    Args:
        input: log-probabilities (C), (N, C) or (N, C, d1, …).
        target: int64 classes, the same shape without C; elements equal to ``ignore_index`` count for nothing.
        weight: a factor for each class (C). ``mean`` divides by the sum of the targets' factors.

    Raises:
        IndexError: for a target outside 0 … C−1, naming it.
        RuntimeError, ValueError: if the shapes or dtypes do not fit.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    x, t = as_tensor_operand("nll_loss", input), as_tensor_operand("nll_loss", target, "target")
    _check_classes(x, t, weight)
    _check_range(t, _class_count(x), ignore_index)
    _check_reduction(reduction)
    return NegativeLogLikelihood.apply(x, t, weight, ignore=ignore_index, reduction=reduction)


def _check_classes(x: Tensor, t: Tensor, weight: Tensor | None) -> None:
    if x.array.ndim == 0:
        raise ValueError("Expected input with at least 1 dimension, got a 0-d tensor")
    expected = x.array.shape[:1] + x.array.shape[2:] if x.array.ndim > 1 else ()
    if t.array.shape[:1] != expected[:1]:
        batch = x.array.shape[0] if x.array.ndim > 1 else "none"
        theirs = t.array.shape[0] if t.array.ndim else "none, it is a single number"
        raise ValueError(
            f"Expected input batch_size ({batch}) to match target batch_size ({theirs}); an input of shape "
            f"{list(x.array.shape)} takes targets of shape {list(expected)}, got {list(t.array.shape)}"
        )
    if t.array.shape != expected:
        removable = tuple(n for n in t.array.shape if n != 1) == tuple(n for n in expected if n != 1)
        hint = f"; remove the dimensions of size 1 with target.reshape({list(expected)})" if removable else ""
        raise RuntimeError(f"Expected target size {list(expected)}, got {list(t.array.shape)}{hint}")
    if t.array.dtype.kind not in "iu":
        raise RuntimeError(
            f"expected scalar type Long (int64) but found {t.array.dtype} for the target; use target.long()"
        )
    if weight is not None and weight.array.dtype != x.array.dtype:
        raise RuntimeError(f"expected scalar type {x.array.dtype} but found {weight.array.dtype} for the weight")
    if weight is not None and weight.array.shape != (_class_count(x),):
        raise RuntimeError(
            f"weight tensor should be defined either for all {_class_count(x)} classes or no classes but got weight "
            f"tensor of shape: {list(weight.array.shape)}"
        )


def _class_count(x: Tensor) -> int:
    return x.array.shape[1 if x.array.ndim > 1 else 0]


def _check_range(t: Tensor, classes: int, ignore_index: int) -> None:
    """Refuse labels that are no classes. On a device one makes the loss NaN instead: a check would have to wait."""
    if isinstance(t.array, np.ndarray):
        wrong = (t.array != ignore_index) & ((t.array < 0) | (t.array >= classes))
        if wrong.any():
            raise IndexError(f"Target {int(t.array[wrong][0])} is out of bounds: classes are 0 to {classes - 1}")


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return −Σ_c q_c · log softmax(x)_c, where q is the target distribution.

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
    reduction = reduction_of(size_average, reduce, reduction)
    x = raised(as_tensor_operand("cross_entropy", input))
    t = as_tensor_operand("cross_entropy", target, "target")
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    _check_reduction(reduction)
    if x.array.ndim and t.array.shape == x.array.shape and t.array.dtype.kind == "f":
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_cross_entropy(x, t, weight, reduction, label_smoothing)
    if x.array.dtype.kind != "f":
        raise NotImplementedError(f"cross_entropy is not implemented for {x.array.dtype} scores; use x.float()")
    _check_classes(x, t, weight)
    _check_range(t, _class_count(x), ignore_index)
    return CrossEntropy.apply(x, t, weight, smoothing=label_smoothing, ignore=ignore_index, reduction=reduction)


@rounded_once
def _soft_cross_entropy(x: Tensor, q: Tensor, weight: Tensor | None, reduction: Reduction, smoothing: float) -> Tensor:
    if smoothing > 0:
        q = q * (1 - smoothing) + smoothing / _class_count(x)
    return CrossEntropyOfProbabilities.apply(x, cast(q, x.array.dtype), weight, reduction=reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return |x − y|, reduced."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = as_tensor_operand("l1_loss", input), as_tensor_operand("l1_loss", target, "target")
    _warn_of_broadcast("l1_loss", x, y)
    return reduced((x - y).abs(), reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return d²/2β where d = |x − y| < β, d − β/2 elsewhere, reduced (Girshick 2015).

    Raises:
        RuntimeError: if β is negative.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    x, y = as_tensor_operand("smooth_l1_loss", input), as_tensor_operand("smooth_l1_loss", target, "target")
    _warn_of_broadcast("smooth_l1_loss", x, y)
    return reduced(_smooth_l1(x, y, beta), reduction)


@rounded_once
def _smooth_l1(x: Tensor, y: Tensor, beta: float) -> Tensor:
    difference = x - y
    size = difference.abs()
    far = size >= beta  # NaN is not
    near = where(far, 0.0, difference)  # the square of a difference that is not taken could be infinite
    return where(far, size - 0.5 * beta, 0.5 * near * near / beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return d²/2 where d = |x − y| ≤ δ, δ·(d − δ/2) elsewhere, reduced (Huber 1964).

    Args:
        weight: a factor for each element. ``mean`` divides by the number of elements, unlike that of :func:`mse_loss`.

    Raises:
        ValueError: if the weight has another shape than the input.
        RuntimeError: if δ is not above 0.
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    x, y = as_tensor_operand("huber_loss", input), as_tensor_operand("huber_loss", target, "target")
    _warn_of_broadcast("huber_loss", x, y)
    loss = _huber(x, y, delta)
    return reduced(loss if weight is None else _weighted(loss, weight, x), reduction)


@rounded_once
def _huber(x: Tensor, y: Tensor, delta: float) -> Tensor:
    difference = x - y
    size = difference.abs()
    far = size > delta  # NaN is not
    near = where(far, 0.0, difference)  # the square of a difference that is not taken could be infinite
    return where(far, delta * (size - 0.5 * delta), 0.5 * near * near)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return −(t · ln p + (1 − t) · ln(1 − p)) of probabilities p, weighted and reduced; a logarithm is at least −100.

    Raises:
        ValueError: if the shapes differ.
        RuntimeError: if a probability or a target is not in [0, 1], as a NaN is not.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    _same_shape(input, target)
    for name, values in (("input", input.array), ("target", target.array)):
        if not to_host(np.all((values >= 0) & (values <= 1))):  # nor is a NaN
            raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    loss = apply_rounded_once(BinaryCrossEntropy, *promote(input, target))
    return reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return the binary cross entropy of sigmoid(x), computed from x: (1 − t)·x + w·ln(1 + e^(−x)).

    w = 1 + (pos_weight − 1)·t, so a ``pos_weight`` above 1 makes positives count for more.

    Raises:
        ValueError: if the shapes differ.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    _same_shape(input, target)
    x, t = promote(input, target)
    loss = apply_rounded_once(
        BinaryCrossEntropyWithLogits, x, t, None if pos_weight is None else cast(pos_weight, x.array.dtype)
    )
    return reduced(loss if weight is None else loss * weight, reduction)


def _same_shape(input: Tensor, target: Tensor) -> None:
    if input.array.shape != target.array.shape:
        raise ValueError(
            f"Target size ({list(target.array.shape)}) must be the same as input size ({list(input.array.shape)})"
        )


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction | Literal["batchmean"] = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return q · (ln q − x) of log-probabilities x and probabilities q (or their logarithms), reduced.

    ``batchmean`` divides the sum by the number of rows, which is the divergence itself.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = NegativeEntropy.apply(target) - target * input
    if reduction == "mean":
        warn("kl_div: reduction='mean' divides by the number of elements; 'batchmean' gives the divergence itself")
    if reduction == "batchmean":
        return sum(loss) / (input.array.shape[0] if input.array.ndim else 1)
    return reduced(loss, reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return x where the target is 1, max(0, margin − x) where it is −1, reduced."""
    reduction = reduction_of(size_average, reduce, reduction)
    loss = where(target != 1, (margin - input).clamp(min=0), 0.0) + where(target != -1, input, 0.0)
    return reduced(loss, reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return max(0, −t · (x₁ − x₂) + margin), reduced: where t = 1, x₁ should be the larger."""
    reduction = reduction_of(size_average, reduce, reduction)
    return reduced((-target * (input1 - input2) + margin).clamp(min=0), reduction)
