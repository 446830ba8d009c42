"""Devices: where an array lives, and the one place that moves arrays between them.

Operations do not depend on the device: they call NumPy's public functions on whatever array they are given, and these
dispatch to the array's own library (NEP 13 and NEP 18). Those protocols do not cover making an array from host memory
and copying it back, nor, with CuPy, ``np.add.at``; for that, every kind of device has a :class:`Backend`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minigrad.gpu import add_at as add_at_on_gpu
from minigrad.gpu import copier, cupy
from minigrad.typing import Array, Number, Shape


class device:  # noqa: N801  (torch's name for it)
    """``device("cpu")``, ``device("gpu:1")`` or ``device("gpu", 1)``.

    ``with device("gpu"):`` makes new tensors there, as :func:`set_default_device` does permanently.

    Raises:
        RuntimeError: if there is no such kind of device.

    >>> device("cpu")
    device(type='cpu')
    """

    __slots__ = ("_before", "index", "type")

    type: str
    index: int | None

    def __init__(self, type: DeviceLike, index: int | None = None) -> None:
        given = str(type)  # of a device this is its name
        name, colon, number = given.partition(":")
        if colon:
            if not number.isdigit():
                raise RuntimeError(f"invalid device string: {given!r}; write for example 'cpu' or 'gpu:0'")
            index = int(number)
        name = {"cuda": "gpu"}.get(name, name)
        if name not in _backends and name != "gpu":
            known = ", ".join([*_backends, "gpu"])
            raise RuntimeError(f"unknown device {given!r}; expected one of: {known}")
        self.type = name
        self.index = index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __enter__(self) -> device:
        self._before = get_default_device()
        set_default_device(self)
        return self

    def __exit__(self, *_: object) -> None:
        set_default_device(self._before)


#: A device, or its name.
DeviceLike: TypeAlias = device | str


@dataclass(frozen=True)
class Backend:
    """The functions that recognise arrays of one kind of device, make them from host memory, and copy them back.

    ``from_host(array, non_blocking)`` makes an array on the current device of this kind. Where there can be several
    devices, ``index_of(array)`` returns the number of the one that holds the array, and ``use(index)`` makes a device
    the current one. ``add_at(array, index, values)`` is that device's ``np.add.at``. All take and return arrays of the
    type that the backend has.
    """

    array_type: type
    from_host: Callable[[Array, bool], Any]
    to_host: Callable[[Any], Array]
    index_of: Callable[[Any], int | None] = lambda array: None
    use: Callable[[int], None] = lambda index: None
    add_at: Callable[[Any, Any, Any], None] = np.add.at


_default: device | None = None


def set_default_device(where: DeviceLike | None) -> None:
    """Set the device of new tensors (``tensor``, ``zeros``, ``randn`` …) and of new modules' parameters.

    None means the CPU. ``from_numpy`` stays on the device of its array, as in torch.

    Raises:
        RuntimeError: if the device is unknown, or something that it needs is missing.
    """
    global _default
    chosen = None if where is None else device(where)
    if chosen is not None:
        backend_of(chosen)
    _default = None if chosen == CPU else chosen


def get_default_device() -> device:
    """Return the device on which new tensors are made by default."""
    return CPU if _default is None else _default


_backends: dict[str, Backend] = {"cpu": Backend(np.ndarray, lambda host, non_blocking: np.asarray(host), np.asarray)}
CPU = device("cpu")


def register_backend(name: str, backend: Backend) -> None:
    """Add a kind of device, ``device(name)``; its arrays must implement NEP 13 and NEP 18."""
    _backends[name] = backend


def backend_of(where: device) -> Backend:
    """Return the backend of a device.

    Raises:
        RuntimeError: saying what is missing, if the device cannot be used.
    """
    if where.type == "gpu" and "gpu" not in _backends:
        module = cupy()
        gpu = Backend(
            module.ndarray,
            copier(module),
            lambda array: array.get(order="A"),
            lambda array: array.device.id,
            module.cuda.runtime.setDevice,
            add_at_on_gpu,
        )
        register_backend("gpu", gpu)
    return _backends[where.type]


def device_of(array: object) -> device:
    """Return the device on which ``array`` lives.

    Raises:
        TypeError: if no registered device has arrays of this type.
    """
    if isinstance(array, np.ndarray):
        return CPU
    for name, backend in _backends.items():
        if isinstance(array, backend.array_type):
            return device(name, backend.index_of(array))
    known = ", ".join(backend.array_type.__name__ for backend in _backends.values())
    raise TypeError(f"{type(array).__name__} is not an array of a known device (known: {known})")


def is_on(array: object, where: device) -> bool:
    """Return whether ``array`` lives on ``where``; a device without a number means the chosen one of its kind."""
    here = device_of(array)
    return here.type == where.type and here.index in (None, _number(where))


def to_device(array: Array, where: device, non_blocking: bool = False) -> Array:
    """Return ``array`` on ``where``: itself if it is there already, else a copy made through host memory.

    ``non_blocking`` does not wait for a copy from pinned host memory (``Tensor.pin_memory``) to a GPU.
    """
    if is_on(array, where):
        return array
    backend = backend_of(where)
    host = to_host(array)
    backend.use(_number(where))
    result: Array = backend.from_host(host, non_blocking)
    if (made_on := backend.index_of(result)) is not None:
        in_use.note(where.type, made_on)
    return result


def to_host(array: Array | np.generic) -> Array:
    """Return ``array`` as a NumPy array, without a copy if it is one."""
    if isinstance(array, np.ndarray | np.generic):
        return np.asarray(array)
    return backend_of(device_of(array)).to_host(array)


def zeros(like: Array, shape: Shape, dtype: DTypeLike | None = None) -> Array:
    """Return an array of zeros on the device of ``like``.

    This exists because CuPy's ``zeros_like`` ignores the shape ().
    """
    if in_use.several:
        compute_beside(like)
    return np.zeros_like(like, shape=shape or (1,), dtype=dtype).reshape(shape)


def add_at(x: Array, index: Any, values: Array | Number) -> None:
    """Add ``values`` to x[index]. An element that the index names several times gets the sum of its values."""
    backend_of(device_of(x)).add_at(x, index, values)


# --- Several devices of one kind: a GPU can compute only with arrays in its own memory ---


class _InUse:
    """The devices that have been used so far, and the one that is meant where no number is given."""

    def __init__(self) -> None:
        self.several = False  #: whether more than one of a kind
        self.when_several: list[Callable[[], None]] = []  # called once, when ``several`` becomes true
        self.chosen: dict[str, int] = {}  # where a device without a number is, by its kind; if not here, 0
        self._seen: set[tuple[str, int]] = set()

    def note(self, kind: str, index: int) -> None:
        """Add a device to those that have been used."""
        self._seen.add((kind, index))
        if not self.several and len(self._seen) > len({kind for kind, _ in self._seen}):
            self.several = True
            for call in self.when_several:
                call()


in_use = _InUse()


def _number(where: device) -> int:
    return in_use.chosen.get(where.type, 0) if where.index is None else where.index


def compute_beside(*arrays: object) -> None:
    """Make the GPU that holds the first GPU array the current one. Call this before computing if several are in use.

    It stays current, so consecutive operations on one GPU cost no switch.
    """
    for array in arrays:
        if not isinstance(array, np.ndarray | np.generic) and hasattr(array, "__array_function__"):
            where = device_of(array)
            if where.index is not None:
                backend_of(where).use(where.index)
            return
