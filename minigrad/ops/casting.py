"""Tensors in another dtype, and formulas of several steps whose float16 result is rounded once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from minigrad.engine.function import Function
from minigrad.engine.tensor_base import TensorBase
from minigrad.kernels.precision import FLOAT16, FLOAT32, rounded
from minigrad.typing import Array, DType, Tensor

P = ParamSpec("P")
Operand = TypeVar("Operand")


class Cast(Function):
    """y = x in another dtype        ∂L/∂x = ∂L/∂y in x's dtype"""

    def forward(self, x: Array, *, dtype: DType) -> Array:
        self.dtype = x.dtype
        return rounded(x, dtype)

    def backward(self, grad: Tensor) -> Tensor:
        return cast(grad, self.dtype)


def cast(x: Tensor, dtype: DType) -> Tensor:
    """Return ``x`` with elements of ``dtype``; ``x`` itself if it has them already."""
    return x if x.array.dtype == dtype else Cast.apply(x, dtype=dtype)


def rounded_once(formula: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Make a formula of several steps compute with float16 tensors in float32, and round its result once.

    Each step alone would lose digits, or overflow: eˣ of a float16 does above 11. Beside tensors of other floating
    dtypes, promotion does the same.
    """

    @wraps(formula)
    def compute(*operands: P.args, **options: P.kwargs) -> Tensor:
        given = [x.array.dtype for x in (*operands, *options.values()) if isinstance(x, TensorBase)]
        if FLOAT16 not in given or any(dtype.kind == "f" and dtype != FLOAT16 for dtype in given):
            return formula(*operands, **options)
        wide_operands: Any = map(_wide, operands)  # a ParamSpec cannot say that each keeps its type
        wide_options: Any = {name: _wide(x) for name, x in options.items()}
        return cast(formula(*wide_operands, **wide_options), FLOAT16)

    return compute


@rounded_once
def apply_rounded_once(function: type[Function], *operands: Tensor | None, **options: float) -> Tensor:
    """Apply a :class:`Function`, whose formula has several steps, as :func:`rounded_once`; so is its gradient."""
    return function.apply(*operands, **options)


def _wide(x: Operand) -> Operand | Tensor:
    if isinstance(x, TensorBase) and x.array.dtype == FLOAT16:
        return cast(x, FLOAT32)  # type: ignore[arg-type]  # every TensorBase is a Tensor, whose module lies above
    return x
