"""A stand-in for a GPU: arrays that behave like a GPU's, so that code for a GPU is tested without one.

A :class:`StandInArray` implements NumPy's functions by NEP 13 (``__array_ufunc__``) and NEP 18
(``__array_function__``), as CuPy's arrays do. Like them it raises an error for an implicit conversion to a host array,
for a mixture with host arrays, and for functions that CuPy does not have.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike

from minigrad.devices import Backend, register_backend
from minigrad.typing import Array

NAME = "stand_in"

#: An argument or a result of a NumPy function: an array, a number, or several in a tuple, list or dict.
_Value: TypeAlias = Any
_Arguments: TypeAlias = tuple[_Value, ...]
_Options: TypeAlias = dict[str, _Value]

#: The functions that operations and reference kernels may call beside ufuncs, with the parameters that CuPy shares.
ALLOWED_FUNCTIONS = {
    "all": "a axis keepdims",
    "any": "a axis keepdims",
    "arange": "start_or_stop stop step dtype like",
    "argmax": "a axis keepdims",
    "argmin": "a axis keepdims",
    "argsort": "a axis kind",
    "broadcast_to": "array shape",
    "clip": "a a_min a_max out",
    "concatenate": "arrays axis out dtype casting",
    "copy": "a order",
    "copyto": "dst src casting where",
    "bincount": "x weights minlength",
    "count_nonzero": "a axis",
    "cumprod": "a axis dtype out",
    "cumsum": "a axis dtype out",
    "cholesky": "a",
    "det": "a",
    "eigh": "a UPLO",
    "inv": "a",
    "qr": "a mode",
    "slogdet": "a",
    "solve": "a b",
    "svd": "a full_matrices",
    "diagonal": "a offset axis1 axis2",
    "moveaxis": "a source destination",
    "empty_like": "prototype dtype order shape",
    "expand_dims": "a axis",
    "full_like": "a fill_value dtype order shape",
    "max": "a axis out keepdims",
    "may_share_memory": "a b",
    "mean": "a axis dtype out keepdims",
    "min": "a axis out keepdims",
    "nonzero": "a",
    "ones_like": "a dtype order shape",
    "prod": "a axis dtype out keepdims",
    "reshape": "a shape order",
    "sliding_window_view": "x window_shape axis writeable",
    "sort": "a axis",
    "squeeze": "a axis",
    "stack": "arrays axis",
    "sum": "a axis dtype out keepdims",
    "swapaxes": "a axis1 axis2",
    "take": "a indices axis out",
    "take_along_axis": "arr indices axis",
    "transpose": "a axes",
    "where": "condition x y",
    "zeros_like": "a dtype order shape",
}
#: Parameters that have another name in CuPy, so that they may only be passed by position.
ONLY_BY_POSITION = {
    ("arange", "start_or_stop"): "start",
    ("concatenate", "arrays"): "tup",
    ("reshape", "shape"): "newshape",
    ("stack", "arrays"): "tup",
    ("take_along_axis", "arr"): "a",
}
#: The ufuncs whose method ``at`` is there.
_REPEATED = ("maximum", "minimum")
_ALLOWED_UFUNC_METHODS = ("__call__",)
_ALLOWED_UFUNC_OPTIONS = {"out", "dtype", "casting"}


@cache
def _signature(func: Callable[..., object]) -> inspect.Signature:
    return inspect.signature(func)


def _refuse_what_cupy_lacks(func: Callable[..., object], args: _Arguments, kwargs: _Options) -> None:
    name = func.__name__
    if name not in ALLOWED_FUNCTIONS:
        raise TypeError(f"the device has no function {name}")
    given = _signature(func).bind(*args, **kwargs).arguments
    if unknown := set(given) - set(ALLOWED_FUNCTIONS[name].split()):
        raise TypeError(f"the device's {name} has no parameter {', '.join(sorted(unknown))}")
    if other := [key for key in kwargs if (name, key) in ONLY_BY_POSITION]:
        raise TypeError(f"the device's {name} has another name for {', '.join(other)}; pass it by position")
    if name.endswith("_like") and given.get("shape", 1) == ():
        raise TypeError(f"the device's {name} ignores the shape (); use minigrad.devices.zeros")


class StandInArray(NDArrayOperatorsMixin):
    """An array of the stand-in device; its memory is a NumPy array that no other code may use."""

    def __init__(self, host: Array, base: StandInArray | None = None) -> None:
        self._host = host
        self.base = base
        self.index = _current

    # --- NumPy's functions ---

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **kwargs: _Value) -> object:
        if method == "at" and ufunc.__name__ in _REPEATED:
            ufunc.at(*_unwrap(inputs))
            return None
        if method not in _ALLOWED_UFUNC_METHODS:
            raise TypeError(f"the device has no {ufunc.__name__}.{method}")
        if unknown := set(kwargs) - _ALLOWED_UFUNC_OPTIONS:
            raise TypeError(f"the device's {ufunc.__name__} has no option {', '.join(sorted(unknown))}")
        result = getattr(ufunc, method)(*_unwrap(inputs), **_unwrap(kwargs))
        out = kwargs.get("out")
        return self._wrap(result) if out is None else out[0]

    def __array_function__(
        self, func: Callable[..., object], types: object, args: _Arguments, kwargs: _Options
    ) -> object:
        _refuse_what_cupy_lacks(func, args, kwargs)
        if func is np.may_share_memory:  # compares addresses only
            return np.may_share_memory(args[0]._host, args[1]._host)
        return self._wrap(func(*_unwrap(args), **_unwrap(kwargs)))

    def __array__(self, *args: object, **kwargs: object) -> Array:
        raise TypeError("implicit conversion to a host array is not allowed; use minigrad.devices.to_host")

    def _wrap(self, result: object) -> _Value:
        if isinstance(result, tuple):
            return tuple(self._wrap(item) for item in result)
        if not isinstance(result, np.ndarray | np.generic):
            return result
        return self._made_of(np.asarray(result))

    def _made_of(self, host: Array) -> StandInArray:
        shared = np.may_share_memory(host, self._host)
        return StandInArray(host, (self if self.base is None else self.base) if shared else None)

    def view(self) -> StandInArray:
        """Return the same memory as another object, whichever device is the current one."""
        alias = self._made_of(self._host.view())
        alias.index = self.index
        return alias

    # --- The attributes of an array ---

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    flags = property(lambda self: self._host.flags)

    def __len__(self) -> int:
        return len(self._host)

    def __getitem__(self, index: object) -> _Value:
        return self._wrap(self._host[_unwrap(index)])

    def __setitem__(self, index: object, value: object) -> None:
        self._host[_unwrap(index)] = _unwrap(value)

    def __bool__(self) -> bool:
        raise TypeError("implicit conversion of a device array to bool is not allowed; use minigrad.devices.to_host")

    __float__ = __int__ = __index__ = __bool__

    def astype(self, dtype: DTypeLike) -> StandInArray:
        return self._made_of(self._host.astype(dtype))

    def reshape(self, *shape: int) -> StandInArray:
        return self._made_of(self._host.reshape(*shape))

    def transpose(self, *dims: int) -> StandInArray:
        return self._made_of(self._host.transpose(*dims))


def _unwrap(value: object) -> _Value:
    """Replace stand-in arrays by their host memory, at any depth; refuse host arrays, as a GPU does."""
    if isinstance(value, StandInArray):
        if value.index != _current:
            raise TypeError(f"an array of device {value.index} is used while device {_current} is the current one")
        return value._host
    if isinstance(value, np.ndarray) and value.size:
        raise TypeError(f"a host array of shape {list(value.shape)} is mixed with arrays of the device")
    if isinstance(value, tuple):
        return tuple(_unwrap(item) for item in value)
    if isinstance(value, list):
        return [_unwrap(item) for item in value]
    if isinstance(value, dict):
        return {key: _unwrap(item) for key, item in value.items()}
    return value


_current = 0  # the number of the current device


def _use(index: int) -> None:
    global _current
    _current = index


def register_stand_in_device() -> str:
    """Register ``device("stand_in")``, with any number behind a colon, and return its name."""
    backend = Backend(
        StandInArray,
        lambda host, non_blocking: StandInArray(np.array(host, order="K")),
        lambda array: array._host.copy(),
        lambda array: array.index,
        _use,
        lambda array, index, values: np.add.at(_unwrap(array), _unwrap(index), _unwrap(values)),
    )
    register_backend(NAME, backend)
    return NAME
