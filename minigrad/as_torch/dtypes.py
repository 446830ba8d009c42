"""``torch.dtype`` and ``torch.Size``: minigrad's dtypes and shapes with the attributes and texts of torch's.

minigrad's dtypes are NumPy's, and its shapes are tuples. A :class:`dtype` here equals the NumPy dtype that it has in
its attribute ``dtype``, and NumPy takes one for the other.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.typing import DType


class dtype:  # noqa: N801  (torch's name)
    """One of minigrad's dtypes, with torch's attributes.

    >>> float32, float32.is_floating_point, np.zeros(1, dtype=float32).dtype
    (torch.float32, True, dtype('float32'))
    """

    __slots__ = ("dtype",)

    dtype: DType

    def __init__(self, of: DTypeLike) -> None:
        self.dtype = np.dtype(of)

    @property
    def is_floating_point(self) -> bool:
        return self.dtype.kind == "f"

    is_complex = False

    @property
    def is_signed(self) -> bool:
        return self.dtype.kind in "if"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, dtype):
            return self.dtype == other.dtype
        return isinstance(other, np.dtype | type) and self.dtype == other

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"torch.{self.dtype.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return dtype_of, (self.dtype.name,)

    def __getattr__(self, name: str) -> Any:  # ``kind``, ``name`` … for minigrad's own code
        if name == "dtype" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.dtype, name)


class absent_dtype(dtype):  # noqa: N801
    """A dtype that minigrad lacks. Programs name ``torch.bfloat16`` in tables, and may never use it."""

    __slots__ = ("instead",)

    def __init__(self, name: str, instead: str) -> None:
        self.instead = f"torch.{name} is not in minigrad: {instead}"

    @property
    def dtype(self) -> DType:  # type: ignore[override]
        raise NotImplementedError(self.instead)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return self.instead.partition(" ")[0]


uint8, int8, int16, int32, int64, float16, float32, float64 = map(
    dtype, ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
)
bool_ = dtype("bool")
_NAMES = {d.name: d for d in (uint8, int8, int16, int32, int64, float16, float32, float64, bool_)}
_HALF = "write float32, or float16 for the half precision that minigrad has"
bfloat16 = absent_dtype("bfloat16", _HALF)
complex64, complex128 = (absent_dtype(name, "there are no complex numbers") for name in ("complex64", "complex128"))


def dtype_of(of: DTypeLike) -> dtype:
    """Return the one :class:`dtype` for a dtype of NumPy's or its name."""
    return _NAMES[np.dtype(of).name]


class Size(tuple[int, ...]):
    """A shape, printed as torch prints it.

    >>> Size((2, 3)), Size((2, 3)).numel(), Size((2, 3))[1:]
    (torch.Size([2, 3]), 6, torch.Size([3]))
    """

    def numel(self) -> int:
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> Any:
        return Size(tuple.__add__(self, tuple(other)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)
