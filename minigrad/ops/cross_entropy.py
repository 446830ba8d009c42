"""Cross entropy: how far predicted class probabilities are from the wanted ones, and where the gradient begins.

A network ends in scores x, one for each class. Softmax makes probabilities p of them, p_c = e^x_c / Σₖ e^x_k, and the
loss of one target is

    ℓ = −Σ_c q_c · log p_c

where q is the target distribution: 1 at the label and 0 elsewhere. The logarithm undoes the softmax's exponential,
log p_c = x_c − log Σₖ e^x_k, so ∂log p_c / ∂x_k = [c = k] − p_k, and the sum over c is

    ∂ℓ/∂x_k = p_k · Σq − q_k

the difference between what was predicted and what was wanted. The mean (or the sum) over the targets belongs to the
operation, so a loss is one node of the graph.
"""

from __future__ import annotations

import numpy as np

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.engine.tensor_base import wrap
from minigrad.kernels import sums
from minigrad.kernels.labels import known_labels
from minigrad.kernels.precision import rounded, widened
from minigrad.ops.casting import cast
from minigrad.typing import Array, Reduction, Tensor


class OverTargets(Function):
    """The end of a loss over targets: L = Σ ℓ, or Σ ℓ / Σ factors (the mean), or every ℓ

    In the mean each target counts by its factor, which is the weight of its class, and 0 for a target to be ignored.
    If no target counts, the mean is NaN, and so are the gradients, but those of targets to be ignored, which are 0.
    """

    def reduce(self, loss: Array, factors: Array, reduction: Reduction) -> Array:
        """Return the loss of all targets; remember the number that ``share`` divides by."""
        self.reduction, self.divisor = reduction, None
        if reduction == "none":
            return loss
        total = _total(loss)
        if reduction == "mean":
            count = _total(factors)
            self.divisor = np.where(count == 0, count.dtype.type("nan"), count)
            total = total / self.divisor
        return rounded(total, loss.dtype)

    def share(self, grad: Tensor, counted: Array) -> Tensor:
        """Return the gradient of every ℓ from that of the result of ``reduce``; 0 for a target that is not counted."""
        if self.divisor is not None:
            grad = cast(cast(grad, self.divisor.dtype) / wrap(self.divisor), grad.dtype)
        return grad.expand(*counted.shape).where(wrap(counted), 0.0)


class CrossEntropy(OverTargets):
    """L = mean of ℓ over the targets, ℓ = −Σ_c q_c · log p_c, p = softmax x        ∂ℓ/∂x_k = p_k · Σq − q_k

    x is (N, C, …) and the labels (N, …), or x is (C) and there is one label. With label smoothing ε and class weights
    w, q_c = w_c · ((1 − ε) · [c = label] + ε/C), or 0 if the label is to be ignored.
    """

    def forward(
        self, x: Array, labels: Array, weight: Array | None, *, smoothing: float, ignore: int, reduction: Reduction
    ) -> Array:
        self.smoothing, self.ignore = smoothing, ignore
        rows = _rows(x)  # N C … -> N·… C
        loss, factors, log_sums = kernels.of(x).softmax_cross_entropy(
            rows, labels.reshape(-1), weight, smoothing, ignore
        )
        self.save_for_backward(x, labels, weight, factors, log_sums)
        return self.reduce(loss.reshape(labels.shape), factors, reduction)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, labels, weight, *_ = self.saved_tensors
        dim = _class_dim(x.array)
        q = wrap(self.distribution(x.array, labels.array, None if weight is None else weight.array))
        dx = x.softmax(dim) * q.sum(dim, keepdim=True) - q
        return dx * self.share(grad, labels.array != self.ignore).unsqueeze(dim), None, None

    def distribution(self, x: Array, labels: Array, weight: Array | None) -> Array:
        """Return q, the target distribution, of the shape of x."""
        dim, count = _class_dim(x), x.shape[_class_dim(x)]
        w = np.ones_like(x, shape=count) if weight is None else weight
        by_class = (-1, *(1,) * (x.ndim - dim - 1))  # C -> C 1 …, to broadcast against x
        label = np.expand_dims(labels, dim)
        at_label = np.arange(count, like=x).reshape(by_class) == label
        q = w.reshape(by_class) * ((1 - self.smoothing) * at_label + self.smoothing / count)
        return np.where(label == self.ignore, x.dtype.type(0), q).astype(x.dtype)

    def fused_backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, labels, weight, factors, log_sums = self.saved_arrays
        if self.divisor is not None:
            grad = rounded(grad / self.divisor, grad.dtype)
        share = np.broadcast_to(grad, labels.shape).reshape(-1)
        gradient = kernels.of(x).softmax_cross_entropy_backward
        rows = gradient(share, _rows(x), labels.reshape(-1), weight, self.smoothing, self.ignore, factors, log_sums)
        return _from_rows(rows, x.shape), None, None


class CrossEntropyOfProbabilities(OverTargets):
    """L = mean of ℓ, ℓ = −Σ_c w_c · q_c · log p_c, p = softmax x        ∂ℓ/∂x_k = p_k · Σ(w·q) − w_k · q_k

    The target distribution q, of the shape of x (N, C, …) or (C), is given. ∂ℓ/∂q = −w · log p, ∂ℓ/∂w = −Σ q · log p.
    """

    def forward(self, x: Array, q: Array, weight: Array | None, *, reduction: Reduction) -> Array:
        dim = _class_dim(x)
        shifted = x - (np.max(x, axis=dim, keepdims=True) if x.size else 0)
        log_p = shifted - np.log(sums.total(np.exp(shifted), (dim,), keepdims=True))
        self.save_for_backward(x, q, weight)
        loss = -sums.total(log_p * (q if weight is None else q * _along_classes(weight, x)), (dim,))
        return self.reduce(loss, np.ones_like(loss), reduction)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, q, weight = self.saved_tensors
        dim = _class_dim(x.array)
        grad = self.share(grad, np.ones_like(x.array, shape=_without(x.shape, dim), dtype=bool)).unsqueeze(dim)
        w = 1.0 if weight is None else weight.reshape(*_along_classes(weight.array, x.array).shape)
        wq = q * w
        dx = (x.softmax(dim) * wq.sum(dim, keepdim=True) - wq) * grad
        log_p = x.log_softmax(dim)
        dq = -grad * log_p * w if self.needs_input_grad[1] else None
        others = tuple(d for d in range(x.ndim) if d != dim)
        dw = -(grad * log_p * q).sum(others) if self.needs_input_grad[2] else None
        return dx, dq, dw


class NegativeLogLikelihood(OverTargets):
    """L = mean of ℓ over the targets, ℓ = −w_t · x_t for the class t of the target        ∂ℓ/∂x_c = −w_t · [c = t]

    x is (N, C, …), log-probabilities, and the labels (N, …), or x is (C) and there is one label.
    """

    def forward(self, x: Array, labels: Array, weight: Array | None, *, ignore: int, reduction: Reduction) -> Array:
        dim = _class_dim(x)
        label, factors = known_labels(x if dim else x[None], labels, weight, ignore)
        factors = factors.astype(x.dtype)
        self.shape, counted = x.shape, labels != ignore
        picked = np.squeeze(np.take_along_axis(x, np.expand_dims(label, dim), dim), dim)
        self.save_for_backward(label, factors, counted)
        return self.reduce(np.where(counted, -picked * factors, x.dtype.type(0)), factors, reduction)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        label, factors, counted = self.saved_tensors
        dim = 1 if len(self.shape) > 1 else 0
        by_class = (-1, *(1,) * (len(self.shape) - dim - 1))
        classes = np.arange(self.shape[dim], like=label.array).reshape(by_class)
        at_label = wrap(classes == np.expand_dims(label.array, dim))
        slope = (self.share(grad, counted.array) * -factors).unsqueeze(dim)
        return slope.expand(*self.shape).where(at_label, 0.0), None, None


def _total(x: Array) -> Array:
    return sums.total(widened(x), tuple(range(x.ndim)))


def _class_dim(x: Array) -> int:
    """Return the dimension of the classes: 1 in (N, C, …), 0 in (C)."""
    return 1 if x.ndim > 1 else 0


def _without(shape: tuple[int, ...], dim: int) -> tuple[int, ...]:
    return shape[:dim] + shape[dim + 1 :]


def _along_classes(weight: Array, x: Array) -> Array:
    return weight.reshape(-1, *(1,) * (x.ndim - _class_dim(x) - 1))  # C -> C 1 …, to broadcast against x


def _rows(x: Array) -> Array:
    """Return the scores with one target a row."""
    if x.ndim == 2:
        return x
    return np.moveaxis(x, _class_dim(x), -1).reshape(-1, x.shape[_class_dim(x)])  # N C … -> N … C -> N·… C


def _from_rows(rows: Array, shape: tuple[int, ...]) -> Array:
    """Undo ``_rows``."""
    if len(shape) == 2:
        return rows
    dim = 1 if len(shape) > 1 else 0
    return np.moveaxis(rows.reshape(*_without(shape, dim), shape[dim]), -1, dim)  # N … C -> N C …
