"""Reductions: sums, means, products, variances, norms, and extremes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.function import Function
from minigrad.engine.tensor_base import wrap
from minigrad.kernels import sums
from minigrad.kernels.precision import rounded, widened
from minigrad.ops.casting import rounded_once
from minigrad.ops.shape import expand_reduced
from minigrad.typing import Array, Tensor

Dims = tuple[int, ...]
ExtremeOf = Callable[..., Array]  # np.max or np.min


class Sum(Function):
    """y = Σ x over some dimensions        ∂L/∂x = ∂L/∂y, copied to every element that was summed"""

    def forward(self, x: Array, *, dims: Dims, keepdim: bool) -> Array:
        self.shape, self.dims, self.keepdim = x.shape, dims, keepdim
        return sums.total(x, dims, keepdim)

    def backward(self, grad: Tensor) -> Tensor:
        return expand_reduced(grad, self.shape, self.dims, self.keepdim)


class Mean(Function):
    """y = Σ x / n over some dimensions        ∂L/∂x = ∂L/∂y / n, copied to every element that was summed"""

    def forward(self, x: Array, *, dims: Dims, keepdim: bool) -> Array:
        self.shape, self.dims, self.keepdim = x.shape, dims, keepdim
        return sums.mean(x, dims, keepdim)

    def backward(self, grad: Tensor) -> Tensor:
        count = max(math.prod(self.shape[d] for d in self.dims), 1)  # no element, no gradient
        return expand_reduced(grad / count, self.shape, self.dims, self.keepdim)


class Prod(Function):
    """y = Π x over one dimension        ∂L/∂xᵢ = ∂L/∂y · Π of the other elements, which is y / xᵢ if none is 0"""

    def forward(self, x: Array, *, dim: int, keepdim: bool) -> Array:
        self.dim, self.keepdim = dim, keepdim
        y = sums.product(x, dim, keepdims=True)
        self.save_for_backward(x)
        return y if keepdim else np.squeeze(y, axis=dim)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        if not self.keepdim:
            grad = grad.unsqueeze(self.dim)
        if x.array.shape[self.dim] == 1:
            return grad
        if not to_host(np.any(x.array == 0)):
            return grad * (Prod.apply(x, dim=self.dim, keepdim=True) / x)
        last = x.transpose(self.dim, -1)
        n = last.shape[-1]
        own = np.arange(n, like=x.array)
        one_left_out = last.unsqueeze(-2).expand(*last.shape, n).masked_fill(wrap(own[:, None] == own), 1.0)
        others = Prod.apply(one_left_out, dim=one_left_out.ndim - 1, keepdim=False)
        return grad * others.transpose(self.dim, -1)


class Cumsum(Function):
    """yᵢ = x₀ + … + xᵢ along a dimension        ∂L/∂xᵢ = Σ of ∂L/∂y from i to the end"""

    def forward(self, x: Array, *, dim: int) -> Array:
        self.dim = dim
        return sums.running_total(x, dim)

    def backward(self, grad: Tensor) -> Tensor:
        return Cumsum.apply(grad.flip(self.dim), dim=self.dim).flip(self.dim)


class Cumprod(Function):
    """yᵢ = x₀ · … · xᵢ along a dimension        ∂L/∂xᵢ = Σ over k ≥ i of ∂L/∂yₖ · yₖ / xᵢ, if none is 0

    Where there is a 0, the product of the others stands for yₖ / xᵢ.
    """

    def forward(self, x: Array, *, dim: int) -> Array:
        self.dim = dim
        self.save_for_backward(x)
        return sums.running_product(x, dim)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        if not to_host(np.any(x.array == 0)):
            y = Cumprod.apply(x, dim=self.dim)
            return Cumsum.apply((grad * y).flip(self.dim), dim=self.dim).flip(self.dim) / x
        last, grad = x.transpose(self.dim, -1), grad.transpose(self.dim, -1)
        n = last.shape[-1]
        own = np.arange(n, like=x.array)
        one_left_out = last.unsqueeze(-2).expand(*last.shape, n).masked_fill(wrap(own[:, None] == own), 1.0)
        others = Cumprod.apply(one_left_out, dim=one_left_out.ndim - 1)  # … i k
        later = (grad.unsqueeze(-2) * others).masked_fill(wrap(own < own[:, None]), 0.0)
        return later.sum(-1).transpose(self.dim, -1)


class Extreme(Function):
    """y = max x (or min) over some dimensions        ∂L/∂x = ∂L/∂y, shared evenly among the elements that tie

    A NaN is the extreme, and several share the gradient.
    """

    def forward(self, x: Array, *, dims: Dims, keepdim: bool, extreme: ExtremeOf) -> Array:
        self.dims, self.keepdim = dims, keepdim
        y = extreme(x, axis=dims, keepdims=True)
        ties = (x == y) | np.isnan(x)  # if x has no NaN these are the equals; if it has one, y equals nothing
        self.save_for_backward(ties, np.sum(ties, axis=dims, keepdims=True, dtype=x.dtype))
        return y if keepdim else np.squeeze(y, axis=dims)

    def backward(self, grad: Tensor) -> Tensor:
        ties, count = self.saved_tensors
        share = expand_reduced(grad, count.shape, self.dims, self.keepdim) / count
        return share.expand(*ties.shape).where(ties, 0.0)


class ExtremeOverDims(Extreme):
    """The same for ``amax`` and ``amin``, where torch multiplies by each element's share (0, or NaN beside a NaN)."""

    def forward(self, x: Array, *, dims: Dims, keepdim: bool, extreme: ExtremeOf) -> Array:
        self.dims, self.keepdim = dims, keepdim
        y = extreme(x, axis=dims, keepdims=True)
        ties = (x == y).astype(x.dtype)
        # a NaN equals nothing: the gradient is NaN too
        self.save_for_backward(ties / np.sum(ties, axis=dims, keepdims=True))
        return y if keepdim else np.squeeze(y, axis=dims)

    def backward(self, grad: Tensor) -> Tensor:
        (share,) = self.saved_tensors
        return expand_reduced(grad, share.shape, self.dims, self.keepdim) * share


class Variance(Function):
    """y = Σ (x − μ)² / m over some dimensions, with μ = mean x        ∂L/∂x = ∂L/∂y · 2 (x − μ) / m

    What reaches x through μ adds up to 0.
    """

    def forward(self, x: Array, *, dims: Dims, keepdim: bool, freedom: float) -> Array:
        self.dims, self.keepdim, self.freedom = dims, keepdim, freedom
        self.save_for_backward(x)
        deviation = x - sums.mean(x, dims, keepdims=True)
        return np.divide(sums.total(deviation * deviation, dims, keepdim), freedom)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        scale = expand_reduced(grad * 2 / self.freedom, x.shape, self.dims, self.keepdim)
        return scale * (x - x.mean(self.dims, keepdim=True))


class Norm(Function):
    """y = (Σ |x|ᵖ)^(1/p) over some dimensions        ∂L/∂x = ∂L/∂y · sign x · (|x| / y)^(p−1)

    The gradient is 0 for a zero vector, and for p < 1 at each zero, although the slope there is infinite.
    """

    def forward(self, x: Array, *, order: float, dims: Dims, keepdim: bool) -> Array:
        self.order, self.dims, self.keepdim = order, dims, keepdim
        size = np.abs(widened(x))
        powers = size if order == 1 else size * size if order == 2 else size**order
        y = sums.total(powers, dims, keepdim)
        y = y if order == 1 else np.sqrt(y) if order == 2 else y ** (1 / order)
        y = rounded(y, x.dtype)
        self.save_for_backward(x, y)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        x, y = self.saved_tensors
        if not self.keepdim:
            kept = tuple(1 if d in self.dims else n for d, n in enumerate(x.shape))
            grad, y = grad.reshape(kept), y.reshape(kept)
        return self.formula(grad, x, y, self.order)

    @staticmethod
    @rounded_once
    def formula(grad: Tensor, x: Tensor, y: Tensor, order: float) -> Tensor:
        """Return the gradient of x, by powers that are not negative where that can be."""
        if order < 1:
            zero = x == 0
            slope = x.sign() * x.masked_fill(zero, 1.0).abs() ** (order - 1)
            return slope.masked_fill(zero, 0.0) * (grad * y ** (1 - order))
        zero = y == 0
        length = y.masked_fill(zero, 1.0)
        scale = (grad / (length if order == 2 else length ** (order - 1))).masked_fill(zero, 0.0)
        if order < 2:
            return (x.sign() if order == 1 else x.sign() * x.abs() ** (order - 1)) * scale
        return (x if order == 2 else x * x.abs() ** (order - 2)) * scale
