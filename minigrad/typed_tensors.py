"""``FloatTensor``, ``LongTensor``, …: torch's older way to name a dtype, and to make a tensor of it.

>>> LongTensor([1, 2]), isinstance(FloatTensor(2, 3), FloatTensor)
(tensor([1, 2]), True)
"""

from __future__ import annotations

from minigrad import dtypes
from minigrad.tensor import Data, Tensor

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
]


class OfDtype(type):
    """The type of these classes: a tensor is an instance of the one with its dtype."""

    dtype: dtypes.DType

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype


class _Typed:
    dtype: dtypes.DType

    def __new__(cls, *data: Data) -> Tensor:  # type: ignore[misc]  # as in torch, it makes a Tensor
        """Return a tensor of the data, or one of these sizes.

        Raises:
            TypeError: for a tensor of another dtype.
        """
        if len(data) == 1 and isinstance(data[0], Tensor) and data[0].dtype != cls.dtype:
            raise TypeError(f"{cls.__name__} expected a tensor of {cls.dtype}, got {data[0].dtype}; use x.to(dtype)")
        return Tensor(*data, dtype=cls.dtype)


class HalfTensor(_Typed, metaclass=OfDtype):
    """Tensors of float16."""

    dtype = dtypes.float16


class FloatTensor(_Typed, metaclass=OfDtype):
    """Tensors of float32."""

    dtype = dtypes.float32


class DoubleTensor(_Typed, metaclass=OfDtype):
    """Tensors of float64."""

    dtype = dtypes.float64


class ByteTensor(_Typed, metaclass=OfDtype):
    """Tensors of uint8."""

    dtype = dtypes.uint8


class CharTensor(_Typed, metaclass=OfDtype):
    """Tensors of int8."""

    dtype = dtypes.int8


class ShortTensor(_Typed, metaclass=OfDtype):
    """Tensors of int16."""

    dtype = dtypes.int16


class IntTensor(_Typed, metaclass=OfDtype):
    """Tensors of int32."""

    dtype = dtypes.int32


class LongTensor(_Typed, metaclass=OfDtype):
    """Tensors of int64."""

    dtype = dtypes.int64


class BoolTensor(_Typed, metaclass=OfDtype):
    """Tensors of bool."""

    dtype = dtypes.bool
