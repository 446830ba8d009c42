"""Batch normalisation (Ioffe & Szegedy 2015, arXiv 1502.03167)."""

from __future__ import annotations

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.kernels.precision import wide
from minigrad.ops.activation import PassWherePositive
from minigrad.ops.casting import cast
from minigrad.typing import Array, Tensor


class BatchNorm(Function):
    """y = x̂ · w + b with x̂ = (x − μ) / σ,  μ = mean x and σ² = mean (x − μ)² + ε over all but the channel

    x reaches y along three paths: directly, through μ, and through σ. With ĝ = ∂L/∂y · w and means over the
    same elements, their sum is

        ∂L/∂x = (ĝ − mean ĝ − x̂ · mean(ĝ · x̂)) / σ
                 direct  via μ        via σ

    so the gradient keeps no part that only shifts or scales x, which y does not see.
    ∂L/∂w = Σ ∂L/∂y · x̂,  ∂L/∂b = Σ ∂L/∂y.   μ and σ² are returned too, for the running statistics.
    """

    def forward(self, x: Array, weight: Array | None, bias: Array | None, *, eps: float) -> tuple[Array, Array, Array]:
        self.eps = eps
        y, mean, var = kernels.of(x).batch_norm(x, weight, bias, eps)
        self.save_for_backward(x, weight, mean, var)
        self.mark_non_differentiable(mean, var)
        return y, mean, var

    def backward(self, grad: Tensor, *unused: None) -> tuple[Tensor | None, ...]:
        x, weight, *_ = self.saved_tensors  # μ and σ depend on x, so they are computed from it again
        dims, dtype = (0, *range(2, x.ndim)), x.dtype
        grad, x = widened(grad), widened(x)
        centred = x - x.mean(dims, keepdim=True)
        sigma = ((centred * centred).mean(dims, keepdim=True) + self.eps).sqrt()
        x_hat = centred / sigma
        g_hat = grad if weight is None else grad * weight.reshape(1, -1, *(1,) * (x.ndim - 2))
        dx = (g_hat - g_hat.mean(dims, keepdim=True) - x_hat * (g_hat * x_hat).mean(dims, keepdim=True)) / sigma
        dw = (grad * x_hat).sum(dims) if self.needs_input_grad[1] else None
        db = grad.sum(dims) if self.needs_input_grad[2] else None
        return cast(dx, dtype), dw, db

    def fused_backward(self, grad: Array, *unused: None) -> tuple[Array | None, ...]:
        x, weight, mean, var = self.saved_arrays
        return kernels.of(x).batch_norm_backward(grad, x, weight, mean, var, self.eps)


class BatchNormRelu(BatchNorm):
    """z = max(y, 0) with y = BatchNorm(x)        ∂L/∂y = ∂L/∂z where z > 0 (or NaN), else 0;  the rest as BatchNorm

    The two are one operation because a kernel computes both in one pass over memory, forward and backward.
    z is not kept, since y can be computed from x again: less memory, while z may be joined with others and forgotten.
    """

    def forward(self, x: Array, weight: Array | None, bias: Array | None, *, eps: float) -> tuple[Array, Array, Array]:
        self.eps = eps
        z, mean, var = kernels.of(x).batch_norm(x, weight, bias, eps, True)
        self.save_for_backward(x, weight, bias, mean, var)
        self.mark_non_differentiable(mean, var)
        return z, mean, var

    def backward(self, grad: Tensor, *unused: None) -> tuple[Tensor | None, ...]:
        x, weight, bias, *_ = self.saved_tensors
        y, *_ = BatchNorm.apply(x, weight, bias, eps=self.eps)
        return super().backward(PassWherePositive.apply(grad, y))

    def fused_backward(self, grad: Array, *unused: None) -> tuple[Array | None, ...]:
        x, weight, bias, mean, var = self.saved_arrays
        return kernels.of(x).batch_norm_backward(grad, x, weight, mean, var, self.eps, bias, True)


class BatchNormEval(Function):
    """y = x̂ · w + b with x̂ = (x − μ) / σ by channel, where μ and σ² − ε are given: the running statistics

    They do not depend on x, so of BatchNorm's three paths one is left: ∂L/∂x = ∂L/∂y · w / σ.
    ∂L/∂w = Σ ∂L/∂y · x̂,  ∂L/∂b = Σ ∂L/∂y, as there.
    """

    relu = False

    def forward(
        self, x: Array, weight: Array | None, bias: Array | None, mean: Array, var: Array, *, eps: float
    ) -> Array:
        self.eps = eps
        y = kernels.of(x).normalize_channels(x, weight, bias, mean, var, eps, self.relu)
        self.save_for_backward(x, weight, mean, var, y if self.relu else None)
        return y

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, var, _ = self.saved_tensors
        dims, by_channel, dtype = (0, *range(2, grad.ndim)), (1, -1, *(1,) * (grad.ndim - 2)), x.dtype
        grad, sigma = widened(grad), (widened(var) + self.eps).sqrt()
        factor = 1 / sigma if weight is None else weight / sigma
        dx = cast(grad * factor.reshape(*by_channel), dtype) if self.needs_input_grad[0] else None
        dw = db = None
        if self.needs_input_grad[1]:
            dw = (grad * (x - mean.reshape(*by_channel))).sum(dims) / sigma
        if self.needs_input_grad[2]:
            db = grad.sum(dims)
        return dx, dw, db, None, None


class BatchNormEvalRelu(BatchNormEval):
    """z = max(y, 0) with y = BatchNormEval(x)        ∂L/∂y = ∂L/∂z where z > 0 (or NaN), else 0"""

    relu = True

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        *_, z = self.saved_tensors
        return super().backward(PassWherePositive.apply(grad, z))


def widened(x: Tensor) -> Tensor:
    """Return a float16 tensor as float32, another as it is."""
    return cast(x, wide(x.dtype))
