"""Arithmetic element by element, with broadcasting.

Each class is one operation with its derivative; the functions below the classes are the public names.
Where two inputs are broadcast against each other the engine sums the gradients back to their shapes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.device import to_host
from minigrad.dtypes import element_of
from minigrad.engine.function import Function
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.kernels.precision import FLOAT16, FLOAT32, rounded, widened
from minigrad.ops.moving import eq, logical_and, where
from minigrad.ops.promotion import as_tensor_operand, cast, promote, to_floating, unchanged
from minigrad.ops.unary import log


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
        return _half_with_number(np.multiply, x, y) if _is_half_with_number(x, y) else x * y

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        return None if y is None else grad * y, None if x is None else grad * x


class Div(Function):
    """z = x / y        ∂L/∂x = ∂L/∂z / y,  ∂L/∂y = −∂L/∂z · x / y²"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        self.save_for_backward(x if self.needs_input_grad[1] else None, y)
        # 1/0 = ∞ and 0/0 = NaN, as in torch
        return _half_with_number(np.divide, x, y) if _is_half_with_number(x, y) else x / y

    def backward(self, grad: Any) -> Any:
        x, y = self.saved_tensors
        return grad / y, None if x is None else -grad * (x / y / y)


class FloorDiv(Function):
    """z = ⌊x / y⌋, found from the remainder, as in Python: x / y rounds, so 1 / 0.1 is 10        ∂L/∂x = ∂L/∂y = 0"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        return np.floor_divide(x, y)

    def backward(self, grad: Any) -> Any:
        return zeros_like(grad), zeros_like(grad)


class TruncDiv(Function):
    """z = x / y rounded towards 0        ∂L/∂x = ∂L/∂y = 0"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        if (x if hasattr(x, "dtype") else y).dtype.kind == "f":
            return np.trunc(x / y)
        rest = np.remainder(x, y)  # has y's sign, so a quotient below 0 was rounded away from 0
        return np.floor_divide(x, y) + ((rest != 0) & ((x < 0) != (y < 0)))

    def backward(self, grad: Any) -> Any:
        return zeros_like(grad), zeros_like(grad)


class Remainder(Function):
    """z = x − y · ⌊x / y⌋, with the sign of y        ∂L/∂x = ∂L/∂z,  ∂L/∂y = −∂L/∂z · ⌊x / y⌋"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        # NaN, as in torch
        if self.needs_input_grad[1]:
            self.save_for_backward(np.floor_divide(x, y))
        return np.remainder(x, y)

    def backward(self, grad: Any) -> Any:
        return grad, -grad * self.saved_tensors[0] if self.needs_input_grad[1] else None


class Fmod(Function):
    """z = x − y · trunc(x / y), with the sign of x        ∂L/∂x = ∂L/∂z,  ∂L/∂y = −∂L/∂z · trunc(x / y)"""

    broadcasts = True

    def forward(self, x: Any, y: Any) -> Any:
        # NaN, as in torch
        if self.needs_input_grad[1]:
            self.save_for_backward(np.trunc(x / y))
        return np.fmod(x, y)

    def backward(self, grad: Any) -> Any:
        return grad, -grad * self.saved_tensors[0] if self.needs_input_grad[1] else None


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
        if getattr(y, "dtype", np.dtype(float)).kind == "i":
            z = _integer_power(x, y)
        else:
            z = _power(x, y)
        self.save_for_backward(x, y, z if self.needs_input_grad[1] else None)
        return z

    def backward(self, grad: Any) -> Any:
        x, y, z = self.saved_tensors
        grad_x: Any = None
        grad_y: Any = None
        if self.needs_input_grad[0] and isinstance(y, TensorBase):
            grad_x = where(eq(y, 0), 0.0, grad * mul(y, pow(x, sub(y, 1))))
        elif self.needs_input_grad[0]:
            grad_x = zeros_like(grad) if y == 0 else grad * (y * x ** (y - 1))
        if self.needs_input_grad[1]:
            if not isinstance(x, TensorBase):
                x = wrap(np.full_like(y.array, x))
            at_zero = logical_and(x == 0, y >= 0)
            grad_y = grad * where(at_zero, 0.0, z * log(where(at_zero, 1.0, x)))
        return grad_x, grad_y


def zeros_like(x: Any) -> Any:
    """Zeros, as constants: a derivative that is 0 whatever it is multiplied by (0 · ∞ would be NaN)."""
    return wrap(np.zeros_like(x.array))


def _power(x: Any, y: Any) -> Any:
    """x^y. As in torch, a number ±½ beside float32 or float64 means the square root: −0^½ is −0, and −∞^½ is NaN.

    Otherwise they are 0 and ∞. NumPy takes the square root wherever one exponent serves all elements, so repeat it.
    """
    if isinstance(y, float) and x.dtype != FLOAT16:
        return 1 / np.sqrt(x) if y == -0.5 else x**y  # −0^−½ is −∞
    if isinstance(x, np.ndarray) and np.size(y) == 1 and abs(y) == 0.5:
        y = np.full(x.shape if isinstance(y, float) else np.broadcast_shapes(x.shape, y.shape), y, x.dtype)
    return x**y


def _integer_power(x: Any, y: Any) -> Any:
    """x^y of integers, where x^−y is 1/x^y rounded towards 0: ±1 for ±1, else 0."""
    power = x ** np.where(y < 0, y & 1, y)  # of a negative exponent it matters only whether it is odd
    return np.where((y < 0) & (np.abs(x) != 1), power.dtype.type(0), power)


def _is_half_with_number(x: Any, y: Any) -> bool:
    """Whether one is a float16 array and the other a number."""
    if isinstance(y, int | float):
        return bool(x.dtype == FLOAT16)
    return isinstance(x, int | float) and bool(y.dtype == FLOAT16)


def _half_with_number(function: Any, x: Any, y: Any) -> Any:
    """A product or quotient of a float16 array and a number, which need not be a float16: 1e5 is none."""
    x, y = (FLOAT32.type(v) if isinstance(v, int | float) else widened(v) for v in (x, y))
    return rounded(function(x, y), FLOAT16)


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
    """input + alpha · other, broadcast.

    Raises:
        RuntimeError: if alpha is a fraction beside integers.
    """
    return Add.apply(*promote(input, other if alpha == 1 and alpha is not True else _scaled(input, other, alpha)))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input − alpha · other, broadcast.

    Raises:
        RuntimeError: if alpha is a fraction beside integers, or an operand is of bools.
    """
    x, y = promote(input, other if alpha == 1 and alpha is not True else _scaled(input, other, alpha))
    if _is_bool(input) or _is_bool(other):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )
    return Sub.apply(x, y)


def _is_bool(x: Any) -> bool:
    return isinstance(x, bool) or (isinstance(x, TensorBase) and x.array.dtype.kind == "b")


def _scaled(input: Any, other: Any, alpha: Any) -> Any:
    """alpha · other, where alpha is a number of a kind that the operands have."""
    if isinstance(alpha, bool) and not (_is_bool(input) and _is_bool(other)):
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    dtypes = [v.array.dtype for v in (other, input) if isinstance(v, TensorBase)]
    if any(dtype.kind == "f" for dtype in dtypes) or isinstance(input, float) or isinstance(other, float):
        for dtype in dtypes:
            if dtype.kind == "f":
                element_of(alpha, dtype)  # which refuses what the dtype cannot hold
        return mul(other, alpha)
    if isinstance(alpha, float):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return mul(other, element_of(alpha, dtypes[0]))


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
    if rounding_mode is not None:
        return (FloorDiv if rounding_mode == "floor" else TruncDiv).apply(*_divisible(input, other))
    x, y = promote(input, other, unchanged)
    return Div.apply(
        to_floating(x) if isinstance(x, TensorBase) else x, to_floating(y) if isinstance(y, TensorBase) else y
    )


def remainder(input: Any, other: Any) -> Any:
    """What is left of input divided by other, broadcast; with the sign of other, as Python's ``%``.

    Raises:
        RuntimeError: for integers divided by 0.
    """
    return Remainder.apply(*_divisible(input, other))


def fmod(input: Any, other: Any) -> Any:
    """What is left of input divided by other, broadcast; with the sign of input, as C's ``fmod``.

    Raises:
        RuntimeError: for integers divided by 0.
    """
    return Fmod.apply(*_divisible(as_tensor_operand("fmod", input), other))


def floor_divide(input: Any, other: Any) -> Any:
    """⌊input / other⌋, broadcast.

    Raises:
        RuntimeError: for integers divided by 0.
    """
    return div(input, other, rounding_mode="floor")


def _divisible(input: Any, other: Any) -> tuple[Any, Any]:
    """Both of one dtype; integers not by 0."""
    x, y = promote(input, other)
    divisor = y.array if isinstance(y, TensorBase) else np.asarray(y)
    dtypes = [v.array.dtype.kind for v in (x, y) if isinstance(v, TensorBase)]
    if "b" in dtypes:
        raise NotImplementedError("a rounded division of bool tensors is not supported; convert them with .to()")
    if "f" not in dtypes and to_host(np.any(divisor == 0)):
        raise RuntimeError("ZeroDivisionError")
    return x, y


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
    if not isinstance(input, TensorBase):
        as_tensor_operand("pow", exponent, "exponent")
    x, y = promote(input, exponent)
    if isinstance(y, int | float) and y == 2 and x.array.dtype.kind != "b":
        return Mul.apply(x, x)
    if isinstance(x, TensorBase) and x.array.dtype.kind in "iu" and isinstance(exponent, int) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    z = Pow.apply(x, y)
    return cast(z, np.dtype(bool)) if _is_bool(input) and _is_bool(exponent) else z  # NumPy makes it int8


def clone(input: Any) -> Any:
    """A copy in memory of its own; gradients pass through."""
    return Clone.apply(input)


def contiguous(input: Any) -> Any:
    """A copy whose elements lie in row-major order; gradients pass through."""
    return Contiguous.apply(input)


def to_dtype(input: Any, dtype: Any) -> Any:
    """``input`` with elements of ``dtype``."""
    return cast(input, dtype)
