"""Losses of one element: binary cross entropy, and x · ln x."""

from __future__ import annotations

import numpy as np

from minigrad.engine.function import Function
from minigrad.typing import Array, Tensor


class BinaryCrossEntropy(Function):
    """ℓ = −(t · ln p + (1 − t) · ln(1 − p)), each logarithm at least −100        ∂ℓ/∂p = (p − t) / (p · (1 − p))

    The denominator is at least 10⁻¹², so that the slope is finite where p is 0 or 1 (where sigmoid has saturated).
    """

    def forward(self, p: Array, t: Array) -> Array:
        self.save_for_backward(p, t)
        return (t - 1) * np.maximum(np.log1p(-p), -100) - t * np.maximum(np.log(p), -100)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        p, t = self.saved_tensors
        grad_p = grad * BinaryCrossEntropySlope.apply(p, t) if self.needs_input_grad[0] else None
        grad_t = grad * ((-p).log1p() - p.log()) if self.needs_input_grad[1] else None
        return grad_p, grad_t


class BinaryCrossEntropySlope(Function):
    """s = (p − t) / (p · (1 − p))        ∂s/∂p = (p² − 2·p·t + t) / (p · (1 − p))²,  ∂s/∂t = −1 / (p · (1 − p))"""

    least = float(np.float32(1e-12))  #: of p · (1 − p); torch has it in single precision

    def forward(self, p: Array, t: Array) -> Array:
        self.save_for_backward(p, t)
        return (p - t) / np.maximum(p * (1 - p), self.least)

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        p, t = self.saved_tensors
        product = (p + self.least) * (1 - p + self.least)
        return grad * (p * p - 2 * p * t + t) / (product * product), -grad / (p * (1 - p)).clamp(min=self.least)


class BinaryCrossEntropyWithLogits(Function):
    """ℓ = (1 − t) · x + (1 + (w − 1) · t) · ln(1 + e⁻ˣ)        ∂ℓ/∂x = (1 − t + w·t) · sigmoid x − w·t

    Without w, which is then 1: ∂ℓ/∂x = sigmoid x − t.
    """

    broadcasts = True

    def forward(self, x: Array, t: Array, w: Array | None) -> Array:
        self.save_for_backward(x, t, w)
        return (1 - t) * x - (1 if w is None else 1 + (w - 1) * t) * _log_sigmoid(x)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, t, w = self.saved_tensors
        grad_x = grad_t = grad_w = None
        if self.needs_input_grad[0]:
            grad_x = grad * (x.sigmoid() - t if w is None else (1 - t + w * t) * x.sigmoid() - w * t)
        if self.needs_input_grad[1]:
            grad_t = -grad * (x if w is None else w * LogSigmoid.apply(x) - LogSigmoid.apply(-x))
        if self.needs_input_grad[2]:
            grad_w = -grad * (t * LogSigmoid.apply(x))
        return grad_x, grad_t, grad_w


class LogSigmoid(Function):
    """y = ln sigmoid x = −ln(1 + e⁻ˣ)        ∂L/∂x = ∂L/∂y · sigmoid(−x)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return _log_sigmoid(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad * (-x).sigmoid()


def _log_sigmoid(x: Array) -> Array:
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))  # e to a power of at most 0, so nothing overflows


class NegativeEntropy(Function):
    """y = x · ln x, and 0 for x = 0        ∂L/∂x = ∂L/∂y · (ln x + x / x), which is NaN for x = 0, as in torch"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(x == 0, x, x * np.log(x))

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad * (x.log() + x / x)
