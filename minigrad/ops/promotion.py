"""What happens to operands before an op sees them: numbers, mixed dtypes, and argument checks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from minigrad import dtypes
from minigrad.autocast import half_type
from minigrad.device import compute_beside, in_use
from minigrad.engine.function import Function
from minigrad.engine.tensor_base import TensorBase
from minigrad.kernels.precision import FLOAT16, FLOAT32, rounded
from minigrad.typing import Array, DType

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")


class Cast(Function):
    """y = x in another dtype        ∂L/∂x = ∂L/∂y in x's dtype"""

    def forward(self, x: Array, *, dtype: DType) -> Array:
        self.dtype = x.dtype
        return rounded(x, dtype)

    def backward(self, grad: Tensor) -> Tensor:
        return cast(grad, self.dtype)


def cast(x: Any, dtype: dtypes.DType) -> Any:
    """``x`` with elements of ``dtype``; ``x`` itself if it has them already."""
    return x if x.array.dtype == dtype else Cast.apply(x, dtype=dtype)


def lowered(*operands: Any) -> Any:
    """Inside ``autocast`` float32 tensors as float16, for operations that mostly multiply; else as they are."""
    half = half_type.get()
    if half is None:
        return operands
    return tuple(cast(x, half) if isinstance(x, TensorBase) and x.array.dtype == np.float32 else x for x in operands)


def raised(x: Any) -> Any:
    """Inside ``autocast`` a float16 tensor as float32, for operations that need range or many digits."""
    if half_type.get() is not None and x.array.dtype == np.float16:
        return cast(x, np.dtype(np.float32))
    return x


def rounded_once(formula: Callable[P, R]) -> Callable[P, R]:
    """Make a formula of several steps compute with float16 tensors in float32, and round its result once.

    Each step alone would lose digits, or overflow: eˣ of a float16 does above 11. Beside tensors of other floating
    dtypes, promotion does the same.
    """

    @wraps(formula)
    def compute(*operands: P.args, **options: P.kwargs) -> R:
        given = [x.array.dtype for x in (*operands, *options.values()) if isinstance(x, TensorBase)]
        if FLOAT16 not in given or any(dtype.kind == "f" and dtype != FLOAT16 for dtype in given):
            return formula(*operands, **options)
        wide = {name: _wide(x) for name, x in options.items()}
        return cast(formula(*map(_wide, operands), **wide), FLOAT16)

    return compute


@rounded_once
def apply_rounded_once(function: type[Function], *operands: Tensor | None, **options: float) -> Tensor:
    """Apply a :class:`Function`, whose formula has several steps, as :func:`rounded_once`; so is its gradient."""
    return function.apply(*operands, **options)


def _wide(x: Any) -> Any:
    return cast(x, FLOAT32) if isinstance(x, TensorBase) and x.array.dtype == FLOAT16 else x


def number(value: Any) -> Any:
    """A Python number for ``value``, so that it never raises a tensor's precision (NEP 50).

    Raises:
        TypeError: if it is neither a number nor a Tensor.
    """
    if isinstance(value, float | int):  # bool is an int; np.float64 is a float
        return float(value) if isinstance(value, np.floating) else value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, complex):
        raise NotImplementedError("complex numbers are not supported")
    hint = "; make a tensor of it with minigrad.from_numpy(array)" if isinstance(value, np.ndarray) else ""
    raise TypeError(f"expected a Tensor or a number, got {type(value).__name__}{hint}")


def raw(x: Any) -> Any:
    """The array of a tensor; a number as it is."""
    return x.array if isinstance(x, TensorBase) else number(x)


def priority(x: TensorBase) -> tuple[dtypes.DType, int]:
    """``x`` as an operand of :func:`minigrad.dtypes.result_type`."""
    return (x.array.dtype, 2 if x.array.ndim else 1)


def wrapped(value: Any, dtype: dtypes.DType) -> Any:
    """A Python number as an operand beside integers of ``dtype``: what does not fit comes round at the other end.

    So torch takes numbers in arithmetic and in comparisons: beside uint8, 300 is 44 and −1 is 255.

    Raises:
        OverflowError: if it does not even fit into 64 bits.
    """
    if type(value) is not int or dtype.kind not in "iu":
        return value
    limits = np.iinfo(dtype)
    if limits.min <= value <= limits.max:
        return value
    if not -(2**63) <= value < 2**64:
        raise OverflowError(f"int too big to convert: {value} has more than 64 bits")
    return (value - int(limits.min)) % 2**limits.bits + int(limits.min)


def unchanged(value: Any, dtype: dtypes.DType) -> Any:
    """A Python number as it is, for what is not computed in ``dtype`` (true division, limits still to be compared)."""
    return value


def promote(x: Any, y: Any, fit: Any = wrapped) -> tuple[Any, Any]:
    """Both operands in the dtype of their result. A number stays a number, made to ``fit`` beside integers."""
    if isinstance(x, TensorBase) and isinstance(y, TensorBase):
        if x.array.dtype == y.array.dtype:
            return x, y
        dtype = dtypes.result_type(priority(x), priority(y))
        return cast(x, dtype), cast(y, dtype)
    if isinstance(x, TensorBase):
        if type(y) is float and x.array.dtype.kind == "f":
            return x, y
        y = number(y)
        x = cast(x, dtypes.result_type(priority(x), (dtypes.dtype_of_scalar(y), 0)))
        return x, y if x.array.dtype.kind == "f" else fit(y, x.array.dtype)
    if not isinstance(y, TensorBase):
        raise TypeError(f"expected at least one Tensor, got {type(x).__name__} and {type(y).__name__}")
    y, x = promote(y, x, fit)
    return x, y


def to_floating(x: Any) -> Any:
    """``x`` if it is floating, else cast to the default dtype (exp, sqrt, a division, … of integers)."""
    return x if x.array.dtype.kind == "f" else cast(x, dtypes.get_default_dtype())


def numpy_names(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function take NumPy's ``axis`` and ``keepdims`` for ``dim`` and ``keepdim``, as torch's do.

    Raises:
        TypeError: if both names of one argument are given.
    """

    @wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        for theirs, ours in (("axis", "dim"), ("keepdims", "keepdim")):
            if theirs in options:
                if ours in options:
                    raise TypeError(f"{function.__name__}() got both {ours} and {theirs}, which mean the same")
                options[ours] = options.pop(theirs)
        return function(*arguments, **options)

    return call


def as_tensor_operand(function: str, x: Any, argument: str = "input") -> Any:
    """``x``, which must be a Tensor.

    Raises:
        TypeError: naming the function, the argument and what it got.
    """
    if not isinstance(x, TensorBase):
        raise TypeError(f"{function}(): argument '{argument}' must be Tensor, not {type(x).__name__}")
    if in_use.several:
        compute_beside(x.array)
    return x


def normalize_dim(dim: Any, ndim: int) -> int:
    """``dim`` counted from the front; a 0-d tensor accepts 0 and −1.

    Raises:
        IndexError: if it is out of range.
    """
    if not isinstance(dim, int | np.integer):
        raise TypeError(f"a dimension must be an int, got {type(dim).__name__}")
    size = max(ndim, 1)
    if not -size <= dim < size:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {dim})")
    return int(dim) % size


def normalize_dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """A tuple of distinct dimensions counted from the front; ``None`` and ``()`` mean all of them.

    Raises:
        RuntimeError: if one appears twice.
    """
    if dim is None or (isinstance(dim, tuple | list) and len(dim) == 0):
        return tuple(range(ndim))
    dims = [normalize_dim(d, ndim) for d in (dim if isinstance(dim, tuple | list) else (dim,))]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return tuple(dims) if ndim else ()
