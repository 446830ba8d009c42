"""Batches on their way from a worker process to its parent: the arrays lie in memory that both processes see.

Arrays are not pickled. A worker writes a batch's arrays one after the other into a *slot*: a file without a name that
both processes map into memory. Only the structure of the batch goes through the pipe: its nested lists, tuples and
dicts, with the dtype, shape and position of each array. The parent opens the slots and a worker inherits them, so
nothing is left behind, whichever process is killed. On Windows, where a process inherits no files, the arrays go
through the pipe too, which costs two more copies.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing.reduction import DupFd
from typing import NamedTuple, Protocol

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.tensor import Tensor
from minigrad.typing import Array, Shape

_ALIGNMENT = 64


class _Placed(NamedTuple):
    """The position of an array in a slot."""

    dtype: str
    shape: Shape
    start: int
    is_tensor: bool


class _Sent(NamedTuple):
    """An array that goes through the pipe, where there are no slots."""

    array: Array
    is_tensor: bool


class Message(NamedTuple):
    """A packed batch: its structure, and the size of the slot that holds its arrays."""

    structure: object
    size: int


class Slot:
    """Memory that two processes see; it grows to the size of the largest batch so far."""

    def __init__(self, file: int) -> None:
        self.file, self.size = file, 0
        self.memory: mmap.mmap | None = None

    @classmethod
    def new(cls) -> Slot:
        """Return a slot without a name, which belongs to this process and those that inherit it."""
        if hasattr(os, "memfd_create"):
            return cls(os.memfd_create("minigrad-batch"))
        with tempfile.TemporaryFile() as file:
            return cls(os.dup(file.fileno()))

    def __reduce__(self) -> tuple[Callable[[_Inherited], Slot], tuple[object]]:
        return _inherited, (DupFd(self.file),)  # works only while a process is being spawned: it gets the file too

    def at_least(self, size: int, grow: bool) -> mmap.mmap:
        """Return the memory, mapped, of at least ``size`` bytes. The writer sets ``grow``: it enlarges the file."""
        if size > self.size:
            if grow:
                os.ftruncate(self.file, size)
            if self.memory is not None:
                self.memory.close()
            self.memory, self.size = mmap.mmap(self.file, size), size
        assert self.memory is not None
        return self.memory

    def close(self) -> None:
        """Free the memory; a second call does nothing."""
        if self.memory is not None:
            self.memory.close()
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


class _Inherited(Protocol):
    """A file that a process being spawned is given."""

    def detach(self) -> int: ...


def _inherited(file: _Inherited) -> Slot:
    return Slot(file.detach())


def pack(batch: object, slot: Slot | None) -> Message:
    """Write a batch's arrays into the slot, and return the rest. Without a slot the arrays stay in the message."""
    arrays: list[tuple[Array, int]] = []

    def place(node: object) -> object:
        if isinstance(node, Tensor | np.ndarray):
            array: Array = node.array if isinstance(node, Tensor) else node
            if array.dtype.hasobject:
                return node
            if slot is None:
                return _Sent(array, isinstance(node, Tensor))
            start = -(-(arrays[-1][1] + arrays[-1][0].nbytes) // _ALIGNMENT) * _ALIGNMENT if arrays else 0
            arrays.append((array, start))
            return _Placed(array.dtype.str, array.shape, start, isinstance(node, Tensor))
        return mapped(place, node)

    structure = place(batch)
    if slot is None:
        return Message(structure, 0)
    if arrays:
        memory = slot.at_least(max(1, arrays[-1][1] + arrays[-1][0].nbytes), grow=True)
        for array, start in arrays:
            np.ndarray(array.shape, array.dtype, memory, start)[...] = array
    return Message(structure, slot.size)


def unpack(message: Message, slot: Slot | None) -> object:
    """Return the batch. Its arrays are copies, since the slot will be written again."""

    def fetch(node: object) -> object:
        if isinstance(node, _Sent):
            return wrap(node.array) if node.is_tensor else node.array
        if isinstance(node, _Placed):
            assert slot is not None
            memory = slot.at_least(message.size, grow=False)
            array = np.ndarray(node.shape, np.dtype(node.dtype), memory, node.start).copy()
            return wrap(array) if node.is_tensor else array
        return mapped(fetch, node)

    return fetch(message.structure)


def mapped(function: Callable[[object], object], node: object) -> object:
    """Return a list, tuple or dict with the function applied to its items; anything else unchanged."""
    if isinstance(node, Mapping):
        return {key: function(value) for key, value in node.items()}
    if isinstance(node, tuple):
        values = [function(value) for value in node]
        kind: Callable[..., object] = type(node)
        return kind(*values) if hasattr(node, "_fields") else tuple(values)
    return [function(value) for value in node] if isinstance(node, list) else node
