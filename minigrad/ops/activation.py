"""Activation functions: each is one formula and its derivative, most simply written in terms of the output."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.engine.grad_mode import is_grad_enabled
from minigrad.engine.inplace import refuse_overlapping_write
from minigrad.kernels import sums
from minigrad.kernels.precision import rounded, widened
from minigrad.ops.moving import logical_or, where
from minigrad.ops.promotion import (
    apply_rounded_once,
    as_tensor_operand,
    cast,
    normalize_dim,
    numpy_names,
    raised,
    rounded_once,
    to_floating,
)
from minigrad.typing import Array

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


class Relu(Function):
    """y = max(x, 0)        ∂L/∂x = ∂L/∂y where y > 0 (or NaN), else 0 (also at the kink)"""

    def forward(self, x: Any) -> Any:
        y = kernels.of(x).relu(x, out=x if self.in_place else None)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return PassWherePositive.apply(grad, y)


class ReluInPlace(Relu):
    """x ← max(x, 0), in x's own memory"""

    in_place = True

    def forward(self, x: Any) -> Any:
        refuse_overlapping_write(x)
        return super().forward(x)


class PassWherePositive(Function):
    """z = g where y > 0 (or NaN), else 0        ∂L/∂g = ∂L/∂z there, else 0;  y only chooses"""

    def forward(self, g: Any, y: Any) -> Any:
        self.save_for_backward(y)
        return kernels.of(g).pass_where_positive(g, y)

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return PassWherePositive.apply(grad, y), None


class Sigmoid(Function):
    """y = 1 / (1 + e⁻ˣ)        ∂L/∂x = ∂L/∂y · y·(1 − y)"""

    def forward(self, x: Any) -> Any:
        y = rounded(_sigmoid(widened(x)), x.dtype)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return self.formula(grad, y)

    @staticmethod
    @rounded_once
    def formula(grad: Any, y: Any) -> Any:
        """The gradient of x."""
        return grad * (y * (1 - y))


def _sigmoid(x: Any) -> Any:
    z = np.exp(-np.abs(x))  # at most 1, so nothing overflows for any x
    return np.where(x >= 0, 1 / (1 + z), z / (1 + z))


class Tanh(Function):
    """y = tanh x        ∂L/∂x = ∂L/∂y · (1 − y²)"""

    def forward(self, x: Any) -> Any:
        y = np.tanh(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return self.formula(grad, y)

    @staticmethod
    @rounded_once
    def formula(grad: Any, y: Any) -> Any:
        """The gradient of x."""
        return grad * (1 - y * y)


class Softmax(Function):
    """yᵢ = e^xᵢ / Σₖ e^xₖ        ∂L/∂xᵢ = yᵢ · (∂L/∂yᵢ − Σₖ ∂L/∂yₖ·yₖ)"""

    def forward(self, x: Any, dim: int) -> Any:
        self.dim = dim
        wide = widened(x)
        e = np.exp(wide - np.max(wide, axis=dim, keepdims=True))  # shifted: the same quotient, no overflow
        y = rounded(e / sums.total(e, (dim,), keepdims=True), x.dtype)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return self.formula(grad, y, self.dim), None

    @staticmethod
    @rounded_once
    def formula(grad: Any, y: Any, dim: int) -> Any:
        """The gradient of x."""
        return y * (grad - (grad * y).sum(dim, keepdim=True))


class LogSoftmax(Function):
    """yᵢ = xᵢ − ln Σₖ e^xₖ        ∂L/∂xᵢ = ∂L/∂yᵢ − e^yᵢ · Σₖ ∂L/∂yₖ"""

    def forward(self, x: Any, dim: int) -> Any:
        self.dim = dim
        wide = widened(x)
        shifted = wide - np.max(wide, axis=dim, keepdims=True)
        y = rounded(shifted - np.log(sums.total(np.exp(shifted), (dim,), keepdims=True)), x.dtype)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return self.formula(grad, y, self.dim), None

    @staticmethod
    @rounded_once
    def formula(grad: Any, y: Any, dim: int) -> Any:
        """The gradient of x."""
        return grad - y.exp() * grad.sum(dim, keepdim=True)


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0) of every element.

    Raises:
        RuntimeError: for a bool tensor.
    """
    if as_tensor_operand("relu", input).array.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return (ReluInPlace if inplace else Relu).apply(input)


def sigmoid(input: Any) -> Any:
    """1 / (1 + e⁻ˣ) of every element."""
    return Sigmoid.apply(to_floating(as_tensor_operand("sigmoid", input)))


def tanh(input: Any) -> Any:
    """Hyperbolic tangent of every element."""
    return Tanh.apply(to_floating(as_tensor_operand("tanh", input)))


@numpy_names
def softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """e^x over dimension ``dim``, scaled so that it sums to 1.

    Raises:
        IndexError: if ``dim`` is out of range.
        NotImplementedError: for an integer tensor without ``dtype``.
    """
    return _over_dim("softmax", Softmax, input, dim, dtype)


@numpy_names
def log_softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """ln softmax(x), computed without leaving the logarithm.

    Raises:
        IndexError: if ``dim`` is out of range.
        NotImplementedError: for an integer tensor without ``dtype``.
    """
    return _over_dim("log_softmax", LogSoftmax, input, dim, dtype)


def _over_dim(name: str, function: type[Function], input: Any, dim: int | None, dtype: Any) -> Any:
    x = raised(as_tensor_operand(name, input))
    if dtype is not None:
        x = cast(x, np.dtype(dtype))
    if x.array.dtype.kind != "f":
        raise NotImplementedError(f"{name} is not implemented for {x.array.dtype}; pass dtype=minigrad.float32")
    if dim is None:
        dim = 0 if x.array.ndim in (0, 1, 3) else 1
        warnings.warn(f"{name}: implicit dimension choice is deprecated; pass dim={dim}", stacklevel=3)
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.ndim == 0:
        return function.apply(x.reshape(1), 0).reshape(())
    return x.clone() if x.array.size == 0 else function.apply(x, dim)


# --- Composed of the above ---


def _floating(name: str, input: Any) -> Any:
    if as_tensor_operand(name, input).array.dtype.kind != "f":
        raise NotImplementedError(f"{name} is not implemented for {input.array.dtype}; use x.float()")
    return input


def relu6(input: Any, inplace: bool = False) -> Any:
    """min(max(x, 0), 6); the gradient at both kinks is 0."""
    outside = logical_or(input <= 0, input >= 6)  # NaN is not: its gradient passes, as in relu
    return _in_place_if(inplace, input, where(outside, input.detach().clamp(0, 6), input))


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x above 0, negative_slope · x below."""
    x = _floating("leaky_relu", input)
    return _in_place_if(inplace, input, where(x > 0, x, x * negative_slope))


class Elu(Function):
    """y = x above 0, α · (eˣ − 1) below        ∂L/∂x = ∂L/∂y above 0, ∂L/∂y · α·eˣ below and at 0"""

    def forward(self, x: Any, alpha: float) -> Any:
        self.alpha = alpha
        self.save_for_backward(x)
        return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))  # eˣ of a large x would overflow

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        slope = self.alpha * where(x >= 0, 0.0, x).exp()
        return where(x > 0, grad, grad * slope), None


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x above 0, α · (eˣ − 1) below (Clevert et al. 2015)."""
    return _apply(Elu, _floating("elu", input), inplace, alpha)


class Silu(Function):
    """y = x · s, s = sigmoid x        ∂L/∂x = ∂L/∂y · s · (1 + x · (1 − s))"""

    def forward(self, x: Any) -> Any:
        s = _sigmoid(x)
        self.save_for_backward(x, s)
        return x * s

    def backward(self, grad: Tensor) -> Tensor:
        x, _ = self.saved_tensors
        return grad * self.slope(x, sigmoid(x))

    def fused_backward(self, grad: Array) -> tuple[Array]:
        return (grad * self.slope(*self.saved_arrays),)

    @staticmethod
    def slope(x: Any, s: Any) -> Any:
        """Return ∂y/∂x, of arrays or of tensors."""
        return s * (1 + x * (1 - s))


def silu(input: Any, inplace: bool = False) -> Any:
    """x · sigmoid(x) (Elfwing et al. 2017)."""
    return _apply(Silu, _floating("silu", input), inplace)


class Hardswish(Function):
    """y = x · min(max(x + 3, 0), 6) / 6        ∂L/∂x = ∂L/∂y · (x / 3 + ½) between −3 and 3, 0 below, ∂L/∂y above"""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        return x * np.clip(x + 3, 0, 6) / 6

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return where(x <= -3, 0.0, where(x >= 3, grad, grad * (x / 3 + 0.5)))


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)."""
    return _apply(Hardswish, _floating("hardswish", input), inplace)


class Softplus(Function):
    """y = ln(1 + e^(β·x)) / β, or x where β·x is above the threshold        ∂L/∂x = ∂L/∂y · sigmoid(β·x), or ∂L/∂y"""

    def forward(self, x: Any, beta: float, threshold: float) -> Any:
        self.beta, self.threshold = beta, threshold
        self.save_for_backward(x)
        z = x * beta
        return np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        z = x * self.beta
        return where(z > self.threshold, grad, grad * sigmoid(z)), None, None


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """ln(1 + e^(β·x)) / β; x itself where β·x is above the threshold."""
    return _apply(Softplus, _floating("softplus", input), False, beta, threshold)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x · Φ(x), with Φ the normal distribution function (Hendrycks & Gimpel 2016), or its tanh approximation.

    Raises:
        RuntimeError: for another ``approximate`` than ``"none"`` and ``"tanh"``.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _apply(Gelu if approximate == "none" else GeluByTanh, _floating("gelu", input), False)


class Gelu(Function):
    """y = x · Φ(x)        ∂L/∂x = ∂L/∂y · (Φ(x) + x · φ(x)), with φ = Φ′ the normal density"""

    def forward(self, x: Any) -> Any:
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

    def forward(self, x: Any) -> Any:
        t = np.tanh(self.scale * (x + self.cubic * x * x * x))
        self.save_for_backward(x, t)
        return 0.5 * x * (1 + t)

    def backward(self, grad: Tensor) -> Tensor:
        x, _ = self.saved_tensors
        return grad * self.slope(x, tanh(self.scale * (x + self.cubic * x * x * x)))

    def fused_backward(self, grad: Array) -> tuple[Array]:
        return (grad * self.slope(*self.saved_arrays),)

    @classmethod
    def slope(cls, x: Any, t: Any) -> Any:
        """Return ∂y/∂x, of arrays or of tensors."""
        inner = (1 - t * t) * (cls.scale * (1 + 3 * cls.cubic * x * x))  # ∂t/∂x
        return 0.5 * (1 + t) + 0.5 * x * inner


class Erf(Function):
    """y = (2/√π) ∫₀ˣ e^(−t²) dt        ∂L/∂x = ∂L/∂y · (2/√π) · e^(−x²)"""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        return _erf(x)

    def backward(self, grad: Any) -> Any:
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


def _erf(x: Any) -> Any:
    """The error function: by one quotient of polynomials up to |x| = 1, by another of erfc beyond."""
    size = np.minimum(np.abs(x), 6.0)  # erf(6) is 1 to the last digit of float64
    inner = np.clip(x, -1.0, 1.0)
    near = inner * _quotient(_ERF, inner * inner)
    far = 1 - np.exp(-size * size) * _quotient(_ERFC, size)
    return np.where(size <= 1, near, np.sign(x) * far).astype(x.dtype)


def _quotient(coefficients: Any, x: Any) -> Any:
    above, below = (np.zeros_like(x), np.zeros_like(x))
    for c in coefficients[0]:
        above = above * x + c
    for c in coefficients[1]:
        below = below * x + c
    return above / below


def _kept(input: Any) -> Any:
    """A copy for formulas whose derivative needs the input, since what is written over it is not that any more."""
    return input.clone() if is_grad_enabled() and input.requires_grad else input


def _apply(function: type[Function], input: Any, inplace: bool, *options: Any) -> Any:
    if not inplace:
        return apply_rounded_once(function, input, *options)
    return input.copy_(apply_rounded_once(function, _kept(input), *options))


def _in_place_if(inplace: bool, input: Any, result: Any) -> Any:
    if not inplace:
        return result
    if input.dtype.kind != result.dtype.kind:
        raise NotImplementedError(f"the result, {result.dtype}, can't be written in place into {input.dtype}")
    return input.copy_(result)
