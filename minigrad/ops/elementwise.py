"""Arithmetic element by element, with broadcasting.

Each class is one operation with its derivative; the functions below the classes are the public names.
Where two inputs are broadcast against each other the engine sums the gradients back to their shapes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.function import Function, TensorBase, wrap
from minigrad.ops.promotion import as_tensor_operand, cast, number, promote, raw, to_floating


class Add(Function):
    """z = x + y        ∂L/∂x = ∂L/∂z,  ∂L/∂y = ∂L/∂z"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        return x + y

    def backward(self, grad: Any) -> Any:
        return grad, grad


class Sub(Function):
    """z = x − y        ∂L/∂x = ∂L/∂z,  ∂L/∂y = −∂L/∂z"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        return x - y

    def backward(self, grad: Any) -> Any:
        return grad, -grad if self.needs_input_grad[1] else None


class Mul(Function):
    """z = x · y        ∂L/∂x = ∂L/∂z · y,  ∂L/∂y = ∂L/∂z · x"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        need_x, need_y = self.needs_input_grad
        self.save_for_backward(x if need_y else None, y if need_x else None)
        return x * y

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        return None if y is None else grad * y, None if x is None else grad * x


class Div(Function):
    """z = x / y        ∂L/∂x = ∂L/∂z / y,  ∂L/∂y = −∂L/∂z · x / y²"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        self.save_for_backward(x if self.needs_input_grad[1] else None, y)
        with np.errstate(divide="ignore", invalid="ignore"):  # 1/0 = ∞ and 0/0 = NaN, as in torch
            return x / y

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        grad_x = grad / y
        return grad_x, None if x is None else -grad_x * (x / y)


class Neg(Function):
    """y = −x        ∂L/∂x = −∂L/∂y"""

    def forward(self, x: Any) -> Any:
        return -x

    def backward(self, grad: Any) -> Any:
        return -grad


class Pow(Function):
    """z = x^y        ∂L/∂x = ∂L/∂z · y·x^(y−1),  ∂L/∂y = ∂L/∂z · x^y·ln x

    Where y = 0 the first is 0 for any x; where x = 0 and y ≥ 0 the second is 0 (its limit).
    """

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = x**y
        self.save_for_backward(x, y, z if self.needs_input_grad[1] else None)
        return z

    def backward(self, grad: Any) -> Any:
        x, y, z = self.saved_tensors
        grad_x: Any = None
        grad_y: Any = None
        if self.needs_input_grad[0] and isinstance(y, TensorBase):
            grad_x = grad * where(eq(y, 0), 0.0, mul(y, pow(x, sub(y, 1))))
        elif self.needs_input_grad[0]:
            grad_x = grad * 0.0 if y == 0 else grad * (y * x ** (y - 1))
        if self.needs_input_grad[1]:
            if not isinstance(x, TensorBase):
                x = wrap(np.full_like(y.array, x))
            at_zero = logical_and(x == 0, y >= 0)
            grad_y = grad * where(at_zero, 0.0, z * log(where(at_zero, 1.0, x)))
        return grad_x, grad_y


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
        with np.errstate(divide="ignore", invalid="ignore"):  # ln 0 = −∞ and ln −1 = NaN, as in torch
            return np.log(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return grad / x


class Sqrt(Function):
    """y = √x        ∂L/∂x = ∂L/∂y / 2y"""

    def forward(self, x: Any) -> Any:
        with np.errstate(invalid="ignore"):
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
        with np.errstate(divide="ignore", invalid="ignore"):
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
        return grad * 0.0, None


class Abs(Function):
    """y = |x|        ∂L/∂x = ∂L/∂y · sign x,  0 at the kink"""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        return np.abs(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return grad * wrap(np.sign(x.array))


class Maximum(Function):
    """z = max(x, y)        ∂L/∂x = ∂L/∂z where x > y, half of it where x = y; likewise for y"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        self.save_for_backward(x, y)
        return np.maximum(x, y)

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        share = _share_of_larger(x, y, grad)
        return grad * share, grad * (1 - share)


class Minimum(Function):
    """z = min(x, y)        ∂L/∂x = ∂L/∂z where x < y, half of it where x = y; likewise for y"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        self.save_for_backward(x, y)
        return np.minimum(x, y)

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        share = _share_of_larger(y, x, grad)
        return grad * share, grad * (1 - share)


def _share_of_larger(x: Any, y: Any, like: Any) -> Any:
    """1 where x > y, ½ where they tie, 0 elsewhere, as constants."""
    return wrap(((x.array > y.array) + 0.5 * (x.array == y.array)).astype(like.array.dtype))


class Clamp(Function):
    """y = x limited to [low, high]        ∂L/∂x = ∂L/∂y where low ≤ x ≤ high, else 0"""

    def forward(self, x: Any, low: float | None, high: float | None) -> Any:
        self.low, self.high = low, high
        self.save_for_backward(x)
        return np.clip(x, low, high)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        inside = np.ones_like(x.array, dtype=bool)
        if self.low is not None:
            inside = inside & (x.array >= self.low)
        if self.high is not None:
            inside = inside & (x.array <= self.high)
        return grad * wrap(inside.astype(x.array.dtype)), None, None


class Where(Function):
    """z = x where the condition holds, else y        each gets ∂L/∂z where it was taken, else 0"""

    broadcasts = True

    def forward(self, condition: Any, x: Any, y: Any) -> Any:
        self.save_for_backward(condition)
        return np.where(condition, x, y)

    def backward(self, grad: Any) -> Any:
        (condition,) = self.saved_tensors
        return None, where(condition, grad, 0.0), where(condition, 0.0, grad)


class Clone(Function):
    """y = a copy of x        ∂L/∂x = ∂L/∂y"""

    def forward(self, x: Any) -> Any:
        return np.copy(x, order="K")

    def backward(self, grad: Any) -> Any:
        return grad


class Contiguous(Function):
    """y = a copy of x in row-major order        ∂L/∂x = ∂L/∂y"""

    def forward(self, x: Any) -> Any:
        return np.copy(x, order="C")

    def backward(self, grad: Any) -> Any:
        return grad


# --- Public functions (torch's names, argument orders and defaults) ---


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input + alpha · other, broadcast."""
    return Add.apply(*promote(input, other if alpha == 1 else mul(other, alpha)))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input − alpha · other, broadcast."""
    return Sub.apply(*promote(input, other if alpha == 1 else mul(other, alpha)))


def mul(input: Any, other: Any) -> Any:
    """input · other, broadcast."""
    if not isinstance(input, TensorBase) and not isinstance(other, TensorBase):
        return input * other
    return Mul.apply(*promote(input, other))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other, broadcast; integers are divided as floats.

    ``rounding_mode`` ``"floor"`` or ``"trunc"`` rounds the quotient down or towards 0, and integers then stay
    integers.

    Raises:
        RuntimeError: for another rounding mode.
    """
    if rounding_mode not in (None, "floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
        )
    x, y = promote(input, other)
    if rounding_mode is not None:
        quotient = (floor if rounding_mode == "floor" else trunc)(div(x, y))
        kinds = [v.array.dtype for v in (x, y) if isinstance(v, TensorBase)]
        return quotient if kinds[0].kind == "f" else cast(quotient, kinds[0])
    return Div.apply(
        to_floating(x) if isinstance(x, TensorBase) else x, to_floating(y) if isinstance(y, TensorBase) else y
    )


def neg(input: Any) -> Any:
    """−input.

    Raises:
        RuntimeError: for a bool tensor.
    """
    if as_tensor_operand("neg", input).array.dtype.kind == "b":
        raise RuntimeError("Negation, the `-` operator, on a bool tensor is not supported; use ~ for logical not")
    return Neg.apply(input)


def pow(input: Any, exponent: Any) -> Any:
    """input to the power of exponent, broadcast."""
    x, y = promote(input, exponent)
    if isinstance(y, int | float) and y == 2:
        return Mul.apply(x, x)
    if isinstance(x, TensorBase) and x.array.dtype.kind in "iu" and isinstance(y, int) and y < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return Pow.apply(x, y)


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
    """−1, 0 or 1 by the sign of every element; its gradient is 0."""
    if as_tensor_operand("sign", input).array.dtype.kind == "b":
        return clone(input)
    return Step.apply(input, np.sign)


def _rounding(name: str, function: Any, says: str) -> Any:
    def round_each(input: Any) -> Any:
        x = as_tensor_operand(name, input)
        if x.array.dtype.kind == "b":
            raise NotImplementedError(f"{name} is not implemented for bool tensors")
        return clone(x) if x.array.dtype.kind in "iu" else Step.apply(x, function)

    round_each.__name__ = round_each.__qualname__ = name
    round_each.__doc__ = f"Every element {says}; its gradient is 0."
    return round_each


floor = _rounding("floor", np.floor, "rounded down")
ceil = _rounding("ceil", np.ceil, "rounded up")
trunc = _rounding("trunc", np.trunc, "rounded towards 0")
round = _rounding("round", np.rint, "rounded to the nearest integer, halves to the even one")


def maximum(input: Any, other: Any) -> Any:
    """The larger of two tensors, element by element."""
    return Maximum.apply(*promote(as_tensor_operand("maximum", input), as_tensor_operand("maximum", other, "other")))


def minimum(input: Any, other: Any) -> Any:
    """The smaller of two tensors, element by element."""
    return Minimum.apply(*promote(as_tensor_operand("minimum", input), as_tensor_operand("minimum", other, "other")))


def clamp(input: Any, min: float | None = None, max: float | None = None) -> Any:
    """Every element limited to [min, max], which are numbers.

    Raises:
        RuntimeError: if neither is given.
    """
    if min is None and max is None:
        raise RuntimeError("clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        raise NotImplementedError("clamp: tensor bounds are not supported; use maximum and minimum")
    return Clamp.apply(as_tensor_operand("clamp", input), min, max)


def where(condition: Any, input: Any, other: Any) -> Any:
    """input where condition holds, other elsewhere; all three broadcast.

    Raises:
        RuntimeError: if the condition is not bool.
    """
    if condition.array.dtype.kind != "b":
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got {condition.array.dtype}")
    if not isinstance(input, TensorBase) and not isinstance(other, TensorBase):
        raise TypeError("where(): at least one of 'input' and 'other' must be a Tensor")
    x, y = promote(input, other)
    return Where.apply(condition, x, y)


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """``value`` where the mask holds, ``input`` elsewhere; the mask broadcasts.

    Raises:
        RuntimeError: if the mask is not bool.
    """
    if mask.array.dtype.kind != "b":
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.array.dtype}")
    if isinstance(value, TensorBase):
        return where(mask, cast(value, input.array.dtype), input)
    filler = number(value)
    return cast(where(mask, filler, input), input.array.dtype)


def clone(input: Any) -> Any:
    """A copy in memory of its own; gradients pass through."""
    return Clone.apply(input)


def contiguous(input: Any) -> Any:
    """A copy whose elements lie in row-major order; gradients pass through."""
    return Contiguous.apply(input)


def _comparison(name: str, ufunc: Any) -> Any:
    def compare(input: Any, other: Any) -> Any:
        x, y = promote(input, other)
        return wrap(ufunc(raw(x), raw(y)))

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = f"Element by element: {ufunc.__name__.replace('_', ' ')}. A bool tensor without gradient."
    return compare


eq = _comparison("eq", np.equal)
ne = _comparison("ne", np.not_equal)
lt = _comparison("lt", np.less)
le = _comparison("le", np.less_equal)
gt = _comparison("gt", np.greater)
ge = _comparison("ge", np.greater_equal)
logical_and = _comparison("logical_and", np.logical_and)
logical_or = _comparison("logical_or", np.logical_or)


def logical_not(input: Any) -> Any:
    """Element by element: not."""
    return wrap(np.logical_not(input.array))


def isnan(input: Any) -> Any:
    """Where an element is NaN."""
    return wrap(np.isnan(input.array))


def isfinite(input: Any) -> Any:
    """Where an element is neither infinite nor NaN."""
    return wrap(np.isfinite(input.array))


def to_dtype(input: Any, dtype: Any) -> Any:
    """``input`` with elements of ``dtype``."""
    return cast(input, dtype)
