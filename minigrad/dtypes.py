"""Element types, and the rules for the type of a result.

minigrad's dtypes *are* NumPy's: ``minigrad.float32 is np.dtype("float32")``. Promotion differs from NumPy and follows
torch (torch documentation, "Tensor Attributes: type promotion"): ``int64``
with ``float32`` is ``float32``, and a Python number never raises a tensor's precision.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.typing import Array, Number
from minigrad.typing import DType as DType

__all__ = [
    "bool",
    "can_cast",
    "double",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "half",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "promote_types",
    "set_default_dtype",
    "short",
    "uint8",
]


float16: DType = np.dtype("float16")
float32: DType = np.dtype("float32")
float64: DType = np.dtype("float64")
uint8: DType = np.dtype("uint8")
int8: DType = np.dtype("int8")
int16: DType = np.dtype("int16")
int32: DType = np.dtype("int32")
int64: DType = np.dtype("int64")
bool: DType = np.dtype("bool")  # torch's names; the builtins are builtins.bool, … in this module
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64

_SUPPORTED = (float16, float32, float64, uint8, int8, int16, int32, int64, bool)
_default_dtype = float32


#: torch's older names for the types of tensors.
NAMES_OF_TENSORS = {
    float16: "HalfTensor",
    float32: "FloatTensor",
    float64: "DoubleTensor",
    uint8: "ByteTensor",
    int8: "CharTensor",
    int16: "ShortTensor",
    int32: "IntTensor",
    int64: "LongTensor",
    bool: "BoolTensor",
}


def of_tensors(name: DTypeLike) -> DType:
    """Return the dtype that a dtype, or one of torch's older names (``"torch.FloatTensor"``), means."""
    if isinstance(name, str):
        last = name.rpartition(".")[2]
        for dtype, old in NAMES_OF_TENSORS.items():
            if last in (old, dtype.name):
                return dtype
    return as_dtype(name)


def as_dtype(dtype: DTypeLike) -> DType:
    """Return the supported dtype that ``dtype`` names (a NumPy dtype, its name, or a Python type).

    Raises:
        NotImplementedError: for a type without arithmetic in minigrad (complex, quantised, strings).
    """
    found = np.dtype(dtype)
    if found not in _SUPPORTED:
        names = ", ".join(d.name for d in _SUPPORTED)
        raise NotImplementedError(f"dtype {found} is not supported; minigrad has {names}")
    return found


def get_default_dtype() -> DType:
    """Return the dtype of Python floats, ``zeros``, ``randn``, …; initially ``float32``."""
    return _default_dtype


def set_default_dtype(dtype: DTypeLike) -> None:
    """Set the default floating dtype.

    Raises:
        TypeError: if ``dtype`` is not floating.
    """
    global _default_dtype
    dtype = as_dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"only floating-point types are supported as the default type, got {dtype}")
    _default_dtype = dtype


def is_floating(dtype: DType) -> builtins.bool:
    """Return whether ``dtype`` is floating, so that its tensors can have gradients."""
    return dtype.kind == "f"


def can_cast(from_: DType, to: DType) -> builtins.bool:
    """Return whether a result of one dtype may be written into a tensor of another: never to a lower kind.

    >>> can_cast(float64, float32), can_cast(float32, int64)
    (True, False)
    """
    return _CATEGORY[from_.kind] <= _CATEGORY[to.kind] and not (to.kind == "u" and from_.kind == "f")


def promote_types(first: DType, second: DType) -> DType:
    """Return the smallest dtype both convert to, in torch's order bool < integers < floats.

    A float beside an integer keeps its own width: ``promote_types(int64, float32)`` is ``float32``.

    >>> promote_types(int64, float32).name, promote_types(uint8, int8).name
    ('float32', 'int16')
    """
    if first == second:
        return first
    if first.kind == "f" and second.kind != "f":
        return first
    if second.kind == "f" and first.kind != "f":
        return second
    return np.promote_types(first, second)


def dtype_of_scalar(value: object) -> DType:
    """Return the dtype of a Python number: ``bool``, ``int64`` or the default floating dtype."""
    if value is True or value is False:
        return bool
    return int64 if isinstance(value, builtins.int) else _default_dtype


def element_of(value: Number, dtype: DType) -> Any:  # a NumPy scalar, which counts as an int or a float
    """Return a Python number as an element of ``dtype``. For integers the fraction is cut off.

    Raises:
        RuntimeError: if it lies outside the range of the dtype. A negative int wraps around in an unsigned dtype, as
            in torch.

    >>> element_of(-1, uint8).item(), element_of(0.1, float16).item()
    (255, 0.0999755859375)
    """
    if dtype.kind == "b":
        return dtype.type(builtins.bool(value))
    lowest, highest = _RANGES[dtype]
    if dtype.kind == "f":
        if not lowest <= value <= highest and math.isfinite(value):
            raise RuntimeError(f"value cannot be converted to type {dtype} without overflow: {value}")
        return dtype.type(value)
    if dtype.kind == "u" and isinstance(value, builtins.int):
        lowest = -highest
    if not lowest <= value <= highest:  # nor is a NaN
        raise RuntimeError(f"value cannot be converted to type {dtype} without overflow: {value}")
    return dtype.type(builtins.int(value) % (highest + 1) if value < 0 and dtype.kind == "u" else builtins.int(value))


def element_or_infinity(value: Number, dtype: DType) -> Any:  # as element_of
    """Return a Python number as an element of ``dtype``, as :func:`element_of`, but a float16 may become infinite.

    >>> element_or_infinity(1e5, float16).item()
    inf
    """
    if dtype != float16:
        return element_of(value, dtype)
    return dtype.type(value)


def in_range(values: Array, dtype: DType) -> builtins.bool:
    """Return whether an integer dtype can hold all numbers of an array, without their fractions."""
    lowest, highest = _RANGES[dtype]
    if dtype.kind == "u" and values.dtype.kind != "f":
        lowest = -highest
    return builtins.bool(np.all((values >= lowest) & (values <= highest)))


_RANGES: dict[DType, tuple[Number, Number]] = {
    **{d: (builtins.int(np.iinfo(d).min), builtins.int(np.iinfo(d).max)) for d in _SUPPORTED if d.kind in "iu"},
    **{d: (builtins.float(np.finfo(d).min), builtins.float(np.finfo(d).max)) for d in _SUPPORTED if d.kind == "f"},
}
_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


def result_type(*operands: tuple[DType, builtins.int]) -> DType:
    """Return the dtype of an operation on ``operands``, each given as ``(dtype, priority)``.

    Priorities are torch's three: 2 for a tensor with dimensions, 1 for a 0-d tensor, 0 for a Python
    number. A lower priority counts only if its *category* (bool, integer, float) is higher.
    """
    result = None
    for level in (2, 1, 0):
        here = None
        for dtype, priority in operands:
            if priority == level:
                here = dtype if here is None else promote_types(here, dtype)
        if here is not None and (result is None or _CATEGORY[here.kind] > _CATEGORY[result.kind]):
            result = here
    if result is None:
        raise ValueError("result_type needs at least one operand")
    return result
