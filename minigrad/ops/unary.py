"""Functions of one element: exponentials, roots, sines, absolute values, rounding."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from minigrad.engine.function import Function
from minigrad.engine.tensor_base import wrap
from minigrad.ops.promotion import as_tensor_operand, to_floating


class Exp(Function):
    """y = eˣ        ∂L/∂x = ∂L/∂y · y"""

    def forward(self, x: Any) -> Any:
        y = np.exp(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return grad * y


class Log(Function):
    """y = ln x        ∂L/∂x = ∂L/∂y / x"""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        return np.log(x)  # ln 0 = −∞ and ln −1 = NaN, as in torch

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return grad / x


class Sqrt(Function):
    """y = √x        ∂L/∂x = ∂L/∂y / 2y"""

    def forward(self, x: Any) -> Any:
        y = np.sqrt(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return grad / (2 * y)


class Log1p(Function):
    """y = ln(1 + x), exact for small x        ∂L/∂x = ∂L/∂y / (1 + x)"""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        return np.log1p(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return grad / (1 + x)


class Expm1(Function):
    """y = eˣ − 1, exact for small x        ∂L/∂x = ∂L/∂y · (y + 1)"""

    def forward(self, x: Any) -> Any:
        y = np.expm1(x)
        self.save_for_backward(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved_tensors
        return grad * (y + 1)


class Sin(Function):
    """y = sin x        ∂L/∂x = ∂L/∂y · cos x"""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        return np.sin(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return grad * cos(x)


class Cos(Function):
    """y = cos x        ∂L/∂x = −∂L/∂y · sin x"""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        return np.cos(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return -grad * sin(x)


class Step(Function):
    """y = a function of x that is constant between its jumps (floor, round, sign, …)        ∂L/∂x = 0"""

    def forward(self, x: Any, function: Any) -> Any:
        return function(x)

    def backward(self, grad: Any) -> Any:
        return wrap(np.zeros_like(grad.array)), None


class Abs(Function):
    """y = |x|        ∂L/∂x = ∂L/∂y · sign x,  0 at the kink (and at NaN)"""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        return np.abs(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return grad * wrap(_sign(x.array))


# --- Public functions (torch's names, argument orders and defaults) ---


def exp(input: Any) -> Any:
    """eˣ of every element."""
    return Exp.apply(to_floating(as_tensor_operand("exp", input)))


def log(input: Any) -> Any:
    """Natural logarithm of every element; −∞ at 0, NaN below."""
    return Log.apply(to_floating(as_tensor_operand("log", input)))


def sqrt(input: Any) -> Any:
    """Square root of every element; NaN below 0."""
    return Sqrt.apply(to_floating(as_tensor_operand("sqrt", input)))


def rsqrt(input: Any) -> Any:
    """1/√x of every element."""
    return 1 / sqrt(input)


def reciprocal(input: Any) -> Any:
    """1/x of every element."""
    return 1 / to_floating(as_tensor_operand("reciprocal", input))


def square(input: Any) -> Any:
    """x² of every element."""
    return as_tensor_operand("square", input) ** 2


def abs(input: Any) -> Any:
    """|x| of every element.

    Raises:
        NotImplementedError: for a bool tensor.
    """
    if as_tensor_operand("abs", input).array.dtype.kind == "b":
        raise NotImplementedError("abs is not implemented for bool tensors")
    return Abs.apply(input)


def log1p(input: Any) -> Any:
    """ln(1 + x) of every element, exact near 0."""
    return Log1p.apply(to_floating(as_tensor_operand("log1p", input)))


def expm1(input: Any) -> Any:
    """eˣ − 1 of every element, exact near 0."""
    return Expm1.apply(to_floating(as_tensor_operand("expm1", input)))


def sin(input: Any) -> Any:
    """Sine of every element, in radians."""
    return Sin.apply(to_floating(as_tensor_operand("sin", input)))


def cos(input: Any) -> Any:
    """Cosine of every element, in radians."""
    return Cos.apply(to_floating(as_tensor_operand("cos", input)))


def sign(input: Any) -> Any:
    """−1, 0 or 1 by the sign of every element, 0 for NaN; its gradient is 0."""
    if as_tensor_operand("sign", input).array.dtype.kind == "b":
        return input.clone()
    return Step.apply(input, _sign)


def _sign(x: Any) -> Any:
    return np.where(x == x, np.sign(x), x.dtype.type(0))


def _round_each(name: str, function: Any, input: Any) -> Any:
    x = as_tensor_operand(name, input)
    if x.array.dtype.kind == "b":
        raise NotImplementedError(f"{name} is not implemented for bool tensors")
    return x.clone() if x.array.dtype.kind in "iu" else Step.apply(x, function)


def _rounding(name: str, function: Any, says: str) -> Any:
    def round_each(input: Any) -> Any:
        return _round_each(name, function, input)

    round_each.__name__ = round_each.__qualname__ = name
    round_each.__doc__ = f"Every element {says}; its gradient is 0."
    return round_each


floor = _rounding("floor", np.floor, "rounded down")
ceil = _rounding("ceil", np.ceil, "rounded up")
trunc = _rounding("trunc", np.trunc, "rounded towards 0")


def round(input: Any, *, decimals: int = 0) -> Any:
    """Every element rounded to ``decimals`` places (negative: before the point), halves to even; its gradient is 0."""
    scale = 10.0 ** builtins.abs(decimals)
    if decimals > 0:
        return _round_each("round", lambda x: np.rint(x * scale) / scale, input)
    return _round_each("round", np.rint if decimals == 0 else lambda x: np.rint(x / scale) * scale, input)


def isnan(input: Any) -> Any:
    """Where an element is NaN."""
    return wrap(np.isnan(input.array))


def isinf(input: Any) -> Any:
    """Where an element is infinite."""
    return wrap(np.isinf(input.array))


def isfinite(input: Any) -> Any:
    """Where an element is neither infinite nor NaN."""
    return wrap(np.isfinite(input.array))
