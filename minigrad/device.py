"""Devices: where an array lives, and the one place that moves arrays between them.

Ops never ask for the device: they call NumPy's public functions on whatever array they are given, and
the array's own type answers (NEP 13 and NEP 18). What those protocols do not cover, making an array
from host memory and copying it back, goes through the :class:`Backend` registered for its device.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


class device:  # noqa: N801  (torch's name for it)
    """``device("cpu")``, ``device("gpu:1")`` or ``device("gpu", 1)``.

    ``with device("gpu"):`` makes new tensors there, as :func:`set_default_device` does for good.

    Raises:
        RuntimeError: if the name is of no known kind of device.

    >>> device("cpu")
    device(type='cpu')
    """

    __slots__ = ("_before", "index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        given = str(type)  # a device's own text is its name
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


@dataclass(frozen=True)
class Backend:
    """How arrays of one kind of device are recognised, made from host memory, and copied back to it.

    ``from_host(array, non_blocking)`` makes one on the device of its kind that computes. Where
    there can be several, ``index_of(array)`` says on which it is, and ``use(index)`` makes one compute from then on.
    """

    array_type: type
    from_host: Callable[[np.ndarray, bool], Any]
    to_host: Callable[[Any], np.ndarray]
    index_of: Callable[[Any], int | None] = lambda array: None
    use: Callable[[int], None] = lambda index: None


_default: device | None = None


def set_default_device(where: Any) -> None:
    """Makes ``tensor``, ``zeros``, ``randn`` … and new modules' parameters there from now on; None: on the CPU.

    ``from_numpy`` stays where its array is, as in torch.

    Raises:
        RuntimeError: if the device is unknown, or needs something that is not there.
    """
    global _default
    chosen = None if where is None else device(where)
    if chosen is not None:
        backend_of(chosen)
    _default = None if chosen == CPU else chosen


def get_default_device() -> device:
    """Where new tensors are made unless told otherwise."""
    return CPU if _default is None else _default


_backends: dict[str, Backend] = {"cpu": Backend(np.ndarray, lambda host, late: np.asarray(host), np.asarray)}
CPU = device("cpu")


def register_backend(name: str, backend: Backend) -> None:
    """Makes ``device(name)`` known; its arrays must answer NEP 13 and NEP 18."""
    _backends[name] = backend


def backend_of(where: device) -> Backend:
    """The backend of a device.

    Raises:
        RuntimeError: if the device needs something that is not there; the message says what.
    """
    if where.type == "gpu" and "gpu" not in _backends:
        register_backend("gpu", _gpu_backend(cupy()))
    return _backends[where.type]


def device_of(array: Any) -> device:
    """The device on which ``array`` lives.

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


def is_on(array: Any, where: device) -> bool:
    """Whether ``array`` lives on ``where``; a device without a number is the chosen one of its kind."""
    here = device_of(array)
    return here.type == where.type and here.index in (None, _number(where))


def to_device(array: Any, where: device, non_blocking: bool = False) -> Any:
    """``array`` on ``where``: itself if it is there already, else a copy made through host memory.

    ``non_blocking`` does not wait for a copy from pinned host memory (``Tensor.pin_memory``) to a GPU.
    """
    if is_on(array, where):
        return array
    backend = backend_of(where)
    host = to_host(array)
    backend.use(_number(where))
    result = backend.from_host(host, non_blocking)
    if (made_on := backend.index_of(result)) is not None:
        in_use.note(where.type, made_on)
    return result


class _InUse:
    """Which devices of a kind have been used. A GPU only computes with what is in its own memory."""

    def __init__(self) -> None:
        self.several = False  #: whether more than one of a kind
        self.when_several: list[Callable[[], None]] = []  # called once, when ``several`` becomes true
        self.chosen: dict[str, int] = {}  # where a device without a number is, by its kind; if not here, 0
        self.tf32 = False  #: whether matrix products of float32 may round their inputs (``cuda.set_tf32``)
        self._seen: set[tuple[str, int]] = set()

    def note(self, kind: str, index: int) -> None:
        self._seen.add((kind, index))
        if not self.several and len(self._seen) > len({kind for kind, _ in self._seen}):
            self.several = True
            for call in self.when_several:
                call()


in_use = _InUse()


def _number(where: device) -> int:
    return in_use.chosen.get(where.type, 0) if where.index is None else where.index


def compute_beside(*arrays: Any) -> None:
    """Makes the device of the first array that is on one compute. Where several are in use, whoever computes asks this.

    It stays so: as long as each is used for a while, nothing is switched to and fro.
    """
    for array in arrays:
        if not isinstance(array, np.ndarray | np.generic) and hasattr(array, "__array_function__"):
            backend = backend_of(device_of(array))
            index = backend.index_of(array)
            if index is not None:
                backend.use(index)
            return


def to_host(array: Any) -> np.ndarray:
    """``array`` as a NumPy array; no copy if it is one."""
    if isinstance(array, np.ndarray | np.generic):
        return np.asarray(array)
    return backend_of(device_of(array)).to_host(array)


def zeros(like: Any, shape: tuple[int, ...], dtype: Any = None) -> Any:
    """An array of zeros beside ``like``. (CuPy's ``zeros_like`` takes the shape () for no shape at all.)"""
    return np.zeros_like(like, shape=shape or (1,), dtype=dtype).reshape(shape)


# --- GPUs, through CuPy ---


def cupy() -> Any:
    """The module CuPy, where there is a GPU that it can use.

    Raises:
        RuntimeError: in one line, what to install, or that no GPU was found.
    """
    try:
        import cupy as module
    except ImportError:
        raise RuntimeError(
            "device 'gpu' is not available: CuPy is not installed; pip install minigrad[cuda13] (or [cuda12]) for "
            "NVIDIA, minigrad[rocm] for AMD"
        ) from None
    if not module.cuda.is_available():
        kind = "AMD" if module.cuda.runtime.is_hip else "NVIDIA"
        raise RuntimeError(
            f"device 'gpu' is not available: CuPy {module.__version__} is installed, but finds no {kind} GPU or no "
            "driver"
        )
    return module


def _gpu_backend(module: Any) -> Backend:
    in_flight: deque[tuple[Any, np.ndarray]] = deque()  # host memory that copies may still read

    def from_host(host: np.ndarray, non_blocking: bool) -> Any:
        if not non_blocking:
            return module.asarray(host)
        while in_flight and in_flight[0][0].done:
            in_flight.popleft()
        stream = module.cuda.get_current_stream()
        host = host if host.flags.c_contiguous else np.copy(host, order="C")
        array = module.empty(host.shape, host.dtype)
        array.set(host, stream=stream)
        in_flight.append((stream.record(), host))
        return array

    return Backend(
        module.ndarray,
        from_host,
        lambda array: array.get(order="A"),
        lambda array: array.device.id,
        module.cuda.runtime.setDevice,
    )


def pinned(host: np.ndarray) -> np.ndarray:
    """A copy in memory that a GPU can read while the processor goes on.

    Raises:
        RuntimeError: where there is no GPU.
    """
    cupy()
    import cupyx

    copy = cupyx.empty_pinned(host.shape, host.dtype)
    copy[...] = host
    return copy
