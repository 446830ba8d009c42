"""Losses: one number that says how wrong a prediction is. All but cross entropy are composed of other operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import kernels
from minigrad.device import to_host
from minigrad.engine.function import Function
from minigrad.engine.tensor_base import wrap
from minigrad.kernels import sums
from minigrad.kernels.labels import known_labels, target_distribution
from minigrad.ops.activation import log_softmax, sigmoid, softmax
from minigrad.ops.gathering import TakeAlongDim
from minigrad.ops.moving import where
from minigrad.ops.promotion import apply_rounded_once, as_tensor_operand, cast, promote, raised, rounded_once
from minigrad.ops.reduce import mean, sum
from minigrad.typing import Array

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def reduced(loss: Any, reduction: str) -> Any:
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
    return reduced(_squared_error(x, y), reduction)


@rounded_once
def _squared_error(x: Any, y: Any) -> Any:
    difference = x - y
    return difference * difference


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


@rounded_once
def _weighted_reduced(loss: Any, factors: Any, reduction: str) -> Any:
    if reduction != "mean":
        return reduced(loss, reduction)
    total = sums.total(factors.array, tuple(range(factors.array.ndim)))
    nothing = total == 0  # then the mean is 0/0, and its gradient 0; no device is asked, which would mean to wait
    divisor = np.where(nothing, total.dtype.type(1), total)
    return sum(loss) / wrap(divisor) + wrap(np.where(nothing, total.dtype.type("nan"), total.dtype.type(0)))


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
    if weight is not None and weight.array.dtype != x.array.dtype:
        raise RuntimeError(f"expected scalar type {x.array.dtype} but found {weight.array.dtype} for the weight")
    if weight is not None and weight.array.shape != (_class_count(x),):
        raise RuntimeError(
            f"weight tensor should be defined either for all {_class_count(x)} classes or no classes but got weight "
            f"tensor of shape: {list(weight.array.shape)}"
        )


def _class_count(x: Any) -> int:
    return x.array.shape[1 if x.array.ndim > 1 else 0]


def _check_range(t: Any, classes: int, ignore_index: int) -> None:
    """Labels must be classes. To ask a device would mean to wait for it: there another label makes the loss NaN."""
    if isinstance(t.array, np.ndarray):
        wrong = (t.array != ignore_index) & ((t.array < 0) | (t.array >= classes))
        if wrong.any():
            raise IndexError(f"Target {int(t.array[wrong][0])} is out of bounds: classes are 0 to {classes - 1}")


def _nll_elements(x: Any, t: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """The loss and the factor of every target of (N, C, …); both are 0 where it is ignored."""
    _check_range(t, x.array.shape[1], ignore_index)
    labels, factors = known_labels(x.array, t.array, None if weight is None else weight.array, ignore_index)
    factors = wrap(factors.astype(x.array.dtype))
    picked = TakeAlongDim.apply(x, wrap(np.expand_dims(labels, 1)), dim=1).squeeze(1)  # N 1 … -> N …
    return where(wrap(t.array == ignore_index), 0.0, -picked * factors), factors


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
    x = raised(as_tensor_operand("cross_entropy", input))
    t = as_tensor_operand("cross_entropy", target, "target")
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if x.array.ndim and t.array.shape == x.array.shape and t.array.dtype.kind == "f":
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_cross_entropy(x, t, weight, reduction, label_smoothing)
    if x.array.dtype.kind != "f":
        raise NotImplementedError(f"cross_entropy is not implemented for {x.array.dtype} scores; use x.float()")
    _check_classes(x, t, weight)
    _check_range(t, _class_count(x), ignore_index)
    rows = x if x.array.ndim <= 2 else x.permute(0, *range(2, x.array.ndim), 1)  # N C … -> N … C
    rows = rows.reshape(t.array.size, _class_count(x))
    loss, factors, _ = SoftmaxCrossEntropy.apply(rows, t.reshape(-1), weight, label_smoothing, ignore_index)
    return _weighted_reduced(loss.reshape(*t.array.shape), factors.reshape(*t.array.shape), reduction)


class SoftmaxCrossEntropy(Function):
    """ℓ = −Σ_c q_c · log p_c of each row, with p = softmax x        ∂ℓ/∂x_c = p_c · Σq − q_c

    The logarithm undoes the softmax's exponential: log p_c = x_c − log Σ exp x. So ∂ log p_c / ∂x_k = [c = k] − p_k,
    and what is left of all of them is the difference between what was predicted and what was wanted. q is 1 at the
    label and 0 elsewhere, but for class factors and label smoothing.
    """

    def forward(self, x: Any, labels: Any, weight: Any, smoothing: float, ignore: int) -> Any:
        loss, factors, log_sums = kernels.of(x).softmax_cross_entropy(x, labels, weight, smoothing, ignore)
        self.smoothing, self.ignore = smoothing, ignore
        self.save_for_backward(x, labels, weight, factors, log_sums)
        self.mark_non_differentiable(factors, log_sums)
        return loss, factors, log_sums

    def backward(self, grad: Tensor, *unused: None) -> tuple[Tensor | None, ...]:
        x, labels, weight, *_ = self.saved_tensors
        weights = None if weight is None else weight.array
        q = wrap(target_distribution(x.array, labels.array, weights, self.smoothing, self.ignore))
        grad = where(labels != self.ignore, grad, 0.0)
        return (softmax(x, 1) * q.sum(1, keepdim=True) - q) * grad.unsqueeze(1), None, None, None, None

    def fused_backward(self, grad: Array, *unused: None) -> tuple[Array | None, ...]:
        x, labels, weight, factors, log_sums = self.saved_arrays
        gradient = kernels.of(x).softmax_cross_entropy_backward
        dx = gradient(grad, x, labels, weight, self.smoothing, self.ignore, factors, log_sums)
        return dx, None, None, None, None


@rounded_once
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
        return mean(loss)
    return reduced(loss, reduction)


def _along_classes(weight: Any, x: Any) -> Any:
    return weight if x.array.ndim == 1 else weight.reshape(1, -1, *(1,) * (x.array.ndim - 2))


def l1_loss(input: Any, target: Any, size_average: None = None, reduce: None = None, reduction: str = "mean") -> Any:
    """|x − y|, reduced."""
    refuse_legacy_reduction(size_average, reduce)
    return reduced((input - target).abs(), reduction)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """d²/2β where d = |x − y| < β, d − β/2 elsewhere, reduced (Girshick 2015).

    Raises:
        RuntimeError: if β is negative.
    """
    refuse_legacy_reduction(size_average, reduce)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    return reduced(_smooth_l1(input, target, beta), reduction)


@rounded_once
def _smooth_l1(x: Any, y: Any, beta: float) -> Any:
    difference = x - y
    size = difference.abs()
    far = size >= beta  # NaN is not
    near = where(far, 0.0, difference)  # the square of a difference that is not taken could be infinite
    return where(far, size - 0.5 * beta, 0.5 * near * near / beta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """d²/2 where d = |x − y| ≤ δ, δ·(d − δ/2) elsewhere, reduced (Huber 1964).

    Raises:
        RuntimeError: if δ is not above 0.
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    return reduced(_huber(input, target, delta), reduction)


@rounded_once
def _huber(x: Any, y: Any, delta: float) -> Any:
    difference = x - y
    size = difference.abs()
    far = size > delta  # NaN is not
    near = where(far, 0.0, difference)  # the square of a difference that is not taken could be infinite
    return where(far, delta * (size - 0.5 * delta), 0.5 * near * near)


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """−(t · ln p + (1 − t) · ln(1 − p)) of probabilities p, weighted and reduced; logarithms are kept above −100.

    Raises:
        ValueError: if the shapes differ.
        RuntimeError: if a probability or a target is not in [0, 1], as a NaN is not.
    """
    refuse_legacy_reduction(size_average, reduce)
    _same_shape(input, target)
    for name, values in (("input", input.array), ("target", target.array)):
        if not to_host(np.all((values >= 0) & (values <= 1))):  # nor is a NaN
            raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    loss = apply_rounded_once(BinaryCrossEntropy, *promote(input, target))
    return reduced(loss if weight is None else loss * weight, reduction)


class BinaryCrossEntropy(Function):
    """ℓ = −(t · ln p + (1 − t) · ln(1 − p)), each logarithm at least −100        ∂ℓ/∂p = (p − t) / (p · (1 − p))

    The denominator is at least 10⁻¹², so that the slope is finite where p is 0 or 1 (where sigmoid has saturated).
    """

    def forward(self, p: Any, t: Any) -> Any:
        self.save_for_backward(p, t)
        return (t - 1) * np.maximum(np.log1p(-p), -100) - t * np.maximum(np.log(p), -100)

    def backward(self, grad: Any) -> Any:
        p, t = self.saved_tensors
        need_p, need_t = self.needs_input_grad
        grad_p = grad * BinaryCrossEntropySlope.apply(p, t) if need_p else None
        grad_t = grad * ((-p).log1p() - p.log()) if need_t else None
        return grad_p, grad_t


class BinaryCrossEntropySlope(Function):
    """s = (p − t) / (p · (1 − p))        ∂s/∂p = (p² − 2·p·t + t) / (p · (1 − p))²,  ∂s/∂t = −1 / (p · (1 − p))"""

    least = float(np.float32(1e-12))  #: of p · (1 − p); torch has it in single precision

    def forward(self, p: Any, t: Any) -> Any:
        self.save_for_backward(p, t)
        return (p - t) / np.maximum(p * (1 - p), self.least)

    def backward(self, grad: Any) -> Any:
        p, t = self.saved_tensors
        product = (p + self.least) * (1 - p + self.least)
        return grad * (p * p - 2 * p * t + t) / (product * product), -grad / (p * (1 - p)).clamp(min=self.least)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Binary cross entropy of sigmoid(x), computed from x: (1 − t)·x + w·ln(1 + e^(−x)).

    w = 1 + (pos_weight − 1)·t, so a ``pos_weight`` above 1 makes positives count for more.

    Raises:
        ValueError: if the shapes differ.
    """
    refuse_legacy_reduction(size_average, reduce)
    _same_shape(input, target)
    x, t = promote(input, target)
    loss = apply_rounded_once(
        BinaryCrossEntropyWithLogits, x, t, None if pos_weight is None else cast(pos_weight, x.array.dtype)
    )
    return reduced(loss if weight is None else loss * weight, reduction)


class BinaryCrossEntropyWithLogits(Function):
    """ℓ = (1 − t) · x + (1 + (w − 1) · t) · ln(1 + e⁻ˣ)        ∂ℓ/∂x = (1 − t + w·t) · sigmoid x − w·t

    Without w, which is then 1: ∂ℓ/∂x = sigmoid x − t.
    """

    broadcasts = True

    def forward(self, x: Any, t: Any, w: Any) -> Any:
        self.save_for_backward(x, t, w)
        return (1 - t) * x - (1 if w is None else 1 + (w - 1) * t) * _log_sigmoid(x)

    def backward(self, grad: Any) -> Any:
        x, t, w = self.saved_tensors
        need_x, need_t, need_w = self.needs_input_grad
        grad_x = grad_t = grad_w = None
        if need_x:
            grad_x = grad * (sigmoid(x) - t if w is None else (1 - t + w * t) * sigmoid(x) - w * t)
        if need_t:
            grad_t = -grad * (x if w is None else (w - 1) * LogSigmoid.apply(x) + x)
        if need_w:
            grad_w = -grad * (t * LogSigmoid.apply(x))
        return grad_x, grad_t, grad_w


class LogSigmoid(Function):
    """y = ln sigmoid x = −ln(1 + e⁻ˣ)        ∂L/∂x = ∂L/∂y · sigmoid(−x)"""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        return _log_sigmoid(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return grad * sigmoid(-x)


def _log_sigmoid(x: Any) -> Any:
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))  # e to a power of at most 0, so nothing overflows


def _same_shape(input: Any, target: Any) -> None:
    if input.array.shape != target.array.shape:
        raise ValueError(
            f"Target size ({list(target.array.shape)}) must be the same as input size ({list(input.array.shape)})"
        )


class NegativeEntropy(Function):
    """y = x · ln x, and 0 for x = 0        ∂L/∂x = ∂L/∂y · (ln x + x / x), which is NaN for x = 0, as in torch"""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(x == 0, x, x * np.log(x))

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return grad * (x.log() + x / x)


def kl_div(
    input: Any,
    target: Any,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """q · (ln q − x) of log-probabilities x and probabilities q (or their logarithms), reduced.

    ``batchmean`` divides the sum by the number of rows, which is the divergence itself.
    """
    refuse_legacy_reduction(size_average, reduce)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = NegativeEntropy.apply(target) - target * input
    if reduction == "batchmean":
        return sum(loss) / (input.array.shape[0] if input.array.ndim else 1)
    return reduced(loss, reduction)


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """x where the target is 1, max(0, margin − x) where it is −1, reduced."""
    refuse_legacy_reduction(size_average, reduce)
    loss = where(target != 1, (margin - input).clamp(min=0), 0.0) + where(target != -1, input, 0.0)
    return reduced(loss, reduction)


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """max(0, −t · (x₁ − x₂) + margin), reduced: t = 1 says that x₁ should be the larger."""
    refuse_legacy_reduction(size_average, reduce)
    return reduced((-target * (input1 - input2) + margin).clamp(min=0), reduction)
