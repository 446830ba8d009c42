"""Devices: where an array lives, and the one place that moves arrays between them.

Ops never ask for the device: they call NumPy's public functions on whatever array they are given, and
the array's own type answers (NEP 13 and NEP 18). What those protocols do not cover, making an array
from host memory and copying it back, goes through the :class:`Backend` registered for its device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


class device:  # noqa: N801  (torch's name for it)
    """``device("cpu")``, ``device("gpu:1")`` or ``device("gpu", 1)``.

    Raises:
        RuntimeError: if the name is of no known kind of device.

    >>> device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

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


@dataclass(frozen=True)
class Backend:
    """How arrays of one device are recognised, made from host memory, and copied back to it."""

    array_type: type
    from_host: Callable[[np.ndarray], Any]
    to_host: Callable[[Any], np.ndarray]


_backends: dict[str, Backend] = {"cpu": Backend(np.ndarray, np.asarray, np.asarray)}
CPU = device("cpu")


def register_backend(name: str, backend: Backend) -> None:
    """Makes ``device(name)`` known; its arrays must answer NEP 13 and NEP 18."""
    _backends[name] = backend


def backend_of(where: device) -> Backend:
    """The backend of a device.

    Raises:
        RuntimeError: if the device needs something that is not installed; the message says what.
    """
    if where.type not in _backends:
        raise RuntimeError(
            f"device {str(where)!r} is not available: this version of minigrad computes on the CPU with NumPy; "
            "use device 'cpu'"
        )
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
            return device(name)
    known = ", ".join(backend.array_type.__name__ for backend in _backends.values())
    raise TypeError(f"{type(array).__name__} is not an array of a known device (known: {known})")


def to_device(array: Any, where: device) -> Any:
    """``array`` on ``where``: itself if it is there already, else a copy made through host memory."""
    here = device_of(array)
    if here.type == where.type:
        return array
    return backend_of(where).from_host(backend_of(here).to_host(array))


def to_host(array: Any) -> np.ndarray:
    """``array`` as a NumPy array; no copy if it is one."""
    if isinstance(array, np.ndarray | np.generic):
        return np.asarray(array)
    return backend_of(device_of(array)).to_host(array)
