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


class ScaleChannels(Function):
    """y = (x − c) · a + b by channel        ∂L/∂x = ∂L/∂y · a,  ∂L/∂a = Σ ∂L/∂y · (x − c),  ∂L/∂b = Σ ∂L/∂y

    The centre c is a constant.
    """

    def forward(self, x: Array, centre: Array, a: Array, b: Array) -> Array:
        self.save_for_backward(x, centre, a)
        return kernels.of(x).scale_channels(x, a, b - centre * a)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, centre, a, *_ = self.saved_tensors
        dims, by_channel, dtype = (0, *range(2, grad.ndim)), (1, -1, *(1,) * (grad.ndim - 2)), x.dtype
        grad = cast(grad, a.dtype)
        dx = cast(grad * a.reshape(*by_channel), dtype) if self.needs_input_grad[0] else None
        da = (grad * (x - centre.reshape(*by_channel))).sum(dims) if self.needs_input_grad[2] else None
        db = grad.sum(dims) if self.needs_input_grad[3] else None
        return dx, None, da, db


class ScaleChannelsRelu(ScaleChannels):
    """z = max(y, 0) with y = ScaleChannels(x)        ∂L/∂y = ∂L/∂z where z > 0 (or NaN), else 0"""

    def forward(self, x: Array, centre: Array, a: Array, b: Array) -> Array:
        z = kernels.of(x).scale_channels(x, a, b - centre * a, True)
        self.save_for_backward(x, centre, a, z)
        return z

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        *_, z = self.saved_tensors
        return super().backward(PassWherePositive.apply(grad, z))


def widened(x: Tensor) -> Tensor:
    """Return a float16 tensor as float32, another as it is."""
    return cast(x, wide(x.dtype))
