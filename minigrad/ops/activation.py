"""Activation functions: each is one formula and its derivative, most simply written in terms of the output."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.engine.inplace import InPlace
from minigrad.engine.memory import refuse_overlapping_write
from minigrad.kernels import sums
from minigrad.kernels.precision import rounded, widened
from minigrad.ops.casting import rounded_once
from minigrad.ops.selection import Where
from minigrad.typing import Array, Tensor

Both = TypeVar("Both", "Array", "Tensor")  # of arrays in ``fused_backward``, of tensors in ``backward``


class Relu(Function):
    """y = max(x, 0)        ∂L/∂x = ∂L/∂y where y > 0 (or NaN), else 0 (also at the kink)"""

    def forward(self, x: Array) -> Array:
        y = kernels.of(x).relu(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        (y,) = self.saved_tensors
        return PassWherePositive.apply(grad, y)

    def fused_backward(self, grad: Array) -> tuple[Array]:
        (y,) = self.saved_arrays
        return (kernels.of(grad).pass_where_positive(grad, y),)


class ReluInPlace(InPlace, Relu):
    """x ← max(x, 0), in x's own memory"""

    def forward(self, x: Array) -> Array:
        refuse_overlapping_write(x)
        y = kernels.of(x).relu(x, out=x)
        self.save_for_backward(y)
        return y


class PassWherePositive(Function):
    """z = g where y > 0 (or NaN), else 0        ∂L/∂g = ∂L/∂z there, else 0;  y only chooses"""

    def forward(self, g: Array, y: Array) -> Array:
        self.save_for_backward(y)
        return kernels.of(g).pass_where_positive(g, y)

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        (y,) = self.saved_tensors
        return PassWherePositive.apply(grad, y), None


class Relu6(Function):
    """y = min(max(x, 0), 6)        ∂L/∂x = ∂L/∂y where 0 < x < 6 (or NaN), else 0 (also at both kinks)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return kernels.of(x).clamp(x, 0, 6)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return Where.apply((x <= 0) | (x >= 6), 0.0, grad)

    def fused_backward(self, grad: Array) -> tuple[Array]:
        (x,) = self.saved_arrays
        return (kernels.of(grad).pass_where_between(grad, x, 0, 6),)


class Relu6InPlace(InPlace):
    """x ← min(max(x, 0), 6), in x's own memory        ∂L/∂x = ∂L/∂y where 0 < x < 6 (or NaN), which is kept, else 0"""

    def forward(self, x: Array) -> Array:
        refuse_overlapping_write(x)
        if not self.needs_input_grad[0]:
            return kernels.of(x).clamp(x, 0, 6, out=x)
        self.save_for_backward(kernels.of(x).clamp_in_place(x, 0, 6))
        return x

    def backward(self, grad: Tensor) -> Tensor:
        (between,) = self.saved_tensors
        return Where.apply(between, grad, 0.0)

    def fused_backward(self, grad: Array) -> tuple[Array]:
        (between,) = self.saved_arrays
        return (kernels.of(grad).pass_where(grad, between),)


class Sigmoid(Function):
    """y = 1 / (1 + e⁻ˣ)        ∂L/∂x = ∂L/∂y · y·(1 − y)"""

    def forward(self, x: Array) -> Array:
        y = rounded(_sigmoid(widened(x)), x.dtype)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        (y,) = self.saved_tensors
        return self.formula(grad, y)

    @staticmethod
    @rounded_once
    def formula(grad: Tensor, y: Tensor) -> Tensor:
        """Return the gradient of x."""
        return grad * (y * (1 - y))


def _sigmoid(x: Array) -> Array:
    z = np.exp(-np.abs(x))  # at most 1, so nothing overflows for any x
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


class Tanh(Function):
    """y = tanh x        ∂L/∂x = ∂L/∂y · (1 − y²)"""

    def forward(self, x: Array) -> Array:
        y = np.tanh(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        (y,) = self.saved_tensors
        return self.formula(grad, y)

    @staticmethod
    @rounded_once
    def formula(grad: Tensor, y: Tensor) -> Tensor:
        """Return the gradient of x."""
        return grad * (1 - y * y)


class Softmax(Function):
    """yᵢ = e^xᵢ / Σₖ e^xₖ        ∂L/∂xᵢ = yᵢ · (∂L/∂yᵢ − Σₖ ∂L/∂yₖ·yₖ)"""

    def forward(self, x: Array, *, dim: int) -> Array:
        self.dim = dim
        wide = widened(x)
        e = np.exp(wide - np.max(wide, axis=dim, keepdims=True))  # shifted: the same quotient, no overflow
        y = rounded(e / sums.total(e, (dim,), keepdims=True), x.dtype)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        (y,) = self.saved_tensors
        return self.formula(grad, y, self.dim)

    @staticmethod
    @rounded_once
    def formula(grad: Tensor, y: Tensor, dim: int) -> Tensor:
        """Return the gradient of x."""
        return y * (grad - (grad * y).sum(dim, keepdim=True))


class LogSoftmax(Function):
    """yᵢ = xᵢ − ln Σₖ e^xₖ        ∂L/∂xᵢ = ∂L/∂yᵢ − e^yᵢ · Σₖ ∂L/∂yₖ"""

    def forward(self, x: Array, *, dim: int) -> Array:
        self.dim = dim
        wide = widened(x)
        shifted = wide - np.max(wide, axis=dim, keepdims=True)
        y = rounded(shifted - np.log(sums.total(np.exp(shifted), (dim,), keepdims=True)), x.dtype)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        (y,) = self.saved_tensors
        return self.formula(grad, y, self.dim)

    @staticmethod
    @rounded_once
    def formula(grad: Tensor, y: Tensor, dim: int) -> Tensor:
        """Return the gradient of x."""
        return grad - y.exp() * grad.sum(dim, keepdim=True)


class Elu(Function):
    """y = x above 0, α · (eˣ − 1) below        ∂L/∂x = ∂L/∂y above 0, ∂L/∂y · α·eˣ below and at 0"""

    def forward(self, x: Array, *, alpha: float) -> Array:
        self.alpha = alpha
        self.save_for_backward(x)
        return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))  # eˣ of a large x would overflow

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        slope = self.alpha * x.masked_fill(x >= 0, 0.0).exp()
        return grad.where(x > 0, grad * slope)


class Silu(Function):
    """y = x · s, s = sigmoid x        ∂L/∂x = ∂L/∂y · s · (1 + x · (1 − s))"""

    def forward(self, x: Array) -> Array:
        s = _sigmoid(x)
        self.save_for_backward(x, s)
        return x * s

    def backward(self, grad: Tensor) -> Tensor:
        x, _ = self.saved_tensors
        return grad * self.slope(x, x.sigmoid())

    def fused_backward(self, grad: Array) -> tuple[Array]:
        return (grad * self.slope(*self.saved_arrays),)

    @staticmethod
    def slope(x: Both, s: Both) -> Both:
        """Return ∂y/∂x, of arrays or of tensors."""
        return s * (1 + x * (1 - s))


class Hardswish(Function):
    """y = x · min(max(x + 3, 0), 6) / 6        ∂L/∂x = ∂L/∂y · (x / 3 + ½) between −3 and 3, 0 below, ∂L/∂y above"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return x * np.clip(x + 3, 0, 6) / 6

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad.where(x >= 3, grad * (x / 3 + 0.5)).masked_fill(x <= -3, 0.0)


class Softplus(Function):
    """y = ln(1 + e^(β·x)) / β, or x where β·x is above the threshold        ∂L/∂x = ∂L/∂y · sigmoid(β·x), or ∂L/∂y"""

    def forward(self, x: Array, *, beta: float, threshold: float) -> Array:
        self.beta, self.threshold = beta, threshold
        self.save_for_backward(x)
        z = x * beta
        return np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        z = x * self.beta
        return grad.where(z > self.threshold, grad * z.sigmoid())


class Gelu(Function):
    """y = x · Φ(x)        ∂L/∂x = ∂L/∂y · (Φ(x) + x · φ(x)), with φ = Φ′ the normal density"""

    def forward(self, x: Array) -> Array:
        phi = 0.5 * (1 + _erf(x / math.sqrt(2)))
        self.save_for_backward(x, phi)
        return x * phi

    def backward(self, grad: Tensor) -> Tensor:
        x, _ = self.saved_tensors
        phi = 0.5 * (1 + Erf.apply(x / math.sqrt(2)))
        density = (x * x * -0.5).exp() / math.sqrt(2 * math.pi)
        return grad * (phi + x * density)

    def fused_backward(self, grad: Array) -> tuple[Array]:
        x, phi = self.saved_arrays
        density = np.exp(x * x * -0.5) / math.sqrt(2 * math.pi)
        return (grad * (phi + x * density),)


class GeluByTanh(Function):
    """y = x/2 · (1 + t), t = tanh(√(2/π) · (x + 0.044715·x³))        ∂L/∂x = ∂L/∂y · ((1 + t)/2 + x/2 · ∂t/∂x)"""

    scale, cubic = math.sqrt(2 / math.pi), 0.044715

    def forward(self, x: Array) -> Array:
        t = np.tanh(self.scale * (x + self.cubic * x * x * x))
        self.save_for_backward(x, t)
        return 0.5 * x * (1 + t)

    def backward(self, grad: Tensor) -> Tensor:
        x, _ = self.saved_tensors
        return grad * self.slope(x, (self.scale * (x + self.cubic * x * x * x)).tanh())

    def fused_backward(self, grad: Array) -> tuple[Array]:
        return (grad * self.slope(*self.saved_arrays),)

    @classmethod
    def slope(cls, x: Both, t: Both) -> Both:
        """Return ∂y/∂x, of arrays or of tensors."""
        inner = (1 - t * t) * (cls.scale * (1 + 3 * cls.cubic * x * x))  # ∂t/∂x
        return 0.5 * (1 + t) + 0.5 * x * inner


class Erf(Function):
    """y = (2/√π) ∫₀ˣ e^(−t²) dt        ∂L/∂x = ∂L/∂y · (2/√π) · e^(−x²)"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return _erf(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return grad * (2 / math.sqrt(math.pi)) * (-(x * x)).exp()


# Cephes' rational approximations of erf and erfc (Moshier 1989), highest power first.
_ERF = (
    (9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3, 7.00332514112805075473e3,
     5.55923013010394962768e4),
    (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3, 2.26290000613890934246e4,
     4.92673942608635921086e4),
)  # fmt: skip
_ERFC = (
    (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0, 4.86371970985681366614e1,
     1.96520832956077098242e2, 5.26445194995477358631e2, 9.34528527171957607540e2, 1.02755188689515710272e3,
     5.57535335369399327526e2),
    (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2, 9.75708501743205489753e2,
     1.82390916687909736289e3, 2.24633760818710981792e3, 1.65666309194161350182e3, 5.57535340817727675546e2),
)  # fmt: skip


def _erf(x: Array) -> Array:
    """Return the error function: by one quotient of polynomials up to |x| = 1, by another of erfc beyond."""
    size = np.minimum(np.abs(x), 6.0)  # erf(6) is 1 to the last digit of float64
    inner = np.clip(x, -1.0, 1.0)
    near = inner * _quotient(_ERF, inner * inner)
    far = 1 - np.exp(-size * size) * _quotient(_ERFC, size)
    return np.where(size <= 1, near, np.sign(x) * far).astype(x.dtype)


def _quotient(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    above, below = (np.zeros_like(x), np.zeros_like(x))
    for c in coefficients[0]:
        above = above * x + c
    for c in coefficients[1]:
        below = below * x + c
    return above / below
