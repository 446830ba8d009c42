"""The attributes that torch's tensors have and minigrad's lack: ``x.type()``, ``x.dtype.is_floating_point``.

minigrad's class ``Tensor`` gets these when :func:`adapt_tensors` is called, and loses them again.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import minigrad
from minigrad import absent
from minigrad.as_torch import dtypes
from minigrad.as_torch.composed import FUNCTIONS
from minigrad.as_torch.sparse_places import coalesced, places, values
from minigrad.tensor import Tensor

_before: dict[str, Any] = {}


def adapt_tensors() -> None:
    """Give ``Tensor`` torch's attributes, until :func:`restore_tensors`."""
    for name, item in _ADDED.items():
        own = vars(Tensor).get(name)
        if name in _REPLACED or own is None or isinstance(own, absent.Absent):
            _before[name] = own
            setattr(Tensor, name, item)


def restore_tensors() -> None:
    """Undo :func:`adapt_tensors`."""
    for name, own in _before.items():
        if own is None:
            delattr(Tensor, name)
        else:
            setattr(Tensor, name, own)
    _before.clear()


def _dtype(self: Tensor) -> dtypes.dtype:
    return dtypes.dtype_of(self.array.dtype)


def _shape(self: Tensor) -> dtypes.Size:
    return dtypes.Size(self.array.shape)


def _size(self: Tensor, dim: int | None = None) -> Any:
    if dim is None:
        return dtypes.Size(self.array.shape)
    return _before["size"](self, dim)


def _type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    if dtype is None:
        return kind_name(self)
    return self.to(dtype=dtype_named(dtype))


def kind_name(tensor: Tensor) -> str:
    """Return ``"torch.FloatTensor"`` for a tensor of float32, and so on."""
    return f"torch.{_KIND_NAMES[tensor.array.dtype.name]}Tensor"


def dtype_named(dtype: Any) -> Any:
    """Return the dtype meant by a dtype, a class such as ``FloatTensor``, or ``"torch.FloatTensor"``.

    Raises:
        ValueError: for a text that names no type of tensor.
    """
    if isinstance(dtype, str):
        found = {f"torch.{kind}Tensor": name for name, kind in _KIND_NAMES.items()}.get(dtype.replace("cuda.", ""))
        if found is None:
            raise ValueError(f"invalid type: {dtype!r}")
        return dtypes.dtype_of(found)
    if isinstance(dtype, KindOfTensor):
        return dtypes.dtype_of(dtype.kind)
    return minigrad.get_default_dtype() if dtype is Tensor else dtype


class KindOfTensor(type):
    """The type of ``torch.FloatTensor`` and its like, of which every float32 tensor is an instance."""

    kind: str

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.array.dtype.name == cls.kind

    def __call__(cls, *data: Any) -> Tensor:
        """Return a tensor of numbers, or, of sizes, one that is not filled."""
        if data and all(isinstance(n, int) for n in data):
            return minigrad.empty(*data, dtype=dtypes.dtype_of(cls.kind))
        (given,) = data or ((),)
        if isinstance(given, dtypes.Size):
            return minigrad.empty(*given, dtype=dtypes.dtype_of(cls.kind))
        return minigrad.as_tensor(given, dtype=dtypes.dtype_of(cls.kind))


_KIND_NAMES = {
    "float32": "Float", "float64": "Double", "float16": "Half", "uint8": "Byte", "int8": "Char", "int16": "Short",
    "int32": "Int", "int64": "Long", "bool": "Bool",
}  # fmt: skip
FloatTensor, DoubleTensor, HalfTensor, ByteTensor, CharTensor, ShortTensor, IntTensor, LongTensor, BoolTensor = (
    KindOfTensor(f"{kind}Tensor", (), {"kind": name}) for name, kind in _KIND_NAMES.items()
)


def _init(self: Tensor, *data: Any, **options: object) -> None:
    if len(data) > 1 or (data and isinstance(data[0], int | dtypes.Size)):  # sizes
        data = (minigrad.empty(*data),)
    _before["__init__"](self, *data, **options)


_REPLACED = {"__init__", "dtype", "shape", "size", "type"}
_ADDED: dict[str, Any] = {
    "__init__": _init,
    "dtype": property(_dtype),
    "shape": property(_shape),
    "size": _size,
    "type": _type,
    "is_sparse": False,
    "is_quantized": False,
    "is_xpu": False,
    "is_mps": False,
    "is_meta": False,
    "is_nested": False,
    "layout": "torch.strided",
    **{name: item for name, item in FUNCTIONS.items() if next(iter(signature(item).parameters)) == "input"},
    "erfinv_": lambda self: self.copy_(FUNCTIONS["erfinv"](self)),
    "clamp_min_": lambda self, min: self.clamp_(min=min),
    "clamp_max_": lambda self, max: self.clamp_(max=max),
    "share_memory_": lambda self: self,
    "to_sparse": lambda self, *_, **__: self.clone(),
    "to_dense": lambda self, *_, **__: self.clone(),
    "coalesce": coalesced,
    "indices": lambda self: places(coalesced(self)),
    "values": lambda self: values(coalesced(self)),
    "_indices": places,
    "_values": values,
    "_nnz": lambda self: places(self).shape[1],
    "is_shared": lambda self: False,
}
