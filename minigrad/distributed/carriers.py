"""Carriers: they bring the messages of the tree from one rank to another.

The tree says what is sent and added (tree.py), a :class:`Carrier` how it travels, and an :class:`Exchange` takes one
vector through the tree, bit by bit, while the rank computes something else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from minigrad.devices import device_of, to_device, to_host
from minigrad.distributed.tree import Message
from minigrad.typing import Array

if TYPE_CHECKING:
    from mpi4py import MPI


class Pending(Protocol):
    """A message on its way."""

    def arrived(self) -> bool:
        """Return whether both halves have arrived; do not wait."""


class Carrier(Protocol):
    """Brings messages to other ranks."""

    def post(self, message: Message, tag: int) -> Pending:
        """Start to send and to receive; return at once. ``tag`` tells the messages of several vectors apart."""


class HostCarrier:
    """Carries messages by MPI, through the memory of the host; arrays of a GPU are copied there and back."""

    def __init__(self, communicator: MPI.Comm) -> None:
        self._communicator = communicator

    def post(self, message: Message, tag: int) -> Pending:
        partner, sent, received = message
        on_host = isinstance(received, np.ndarray) and type(received) is np.ndarray
        outgoing = sent if on_host else np.ascontiguousarray(to_host(sent))
        incoming = received if on_host else np.empty_like(outgoing, shape=received.shape)
        requests = [
            self._communicator.Irecv(_bytes(incoming), partner, tag),
            self._communicator.Isend(_bytes(outgoing), partner, tag),
        ]
        return _OnItsWay(requests, (outgoing, incoming), None if on_host else received)


class _OnItsWay:
    """A message of a :class:`HostCarrier`. It keeps the memory that MPI reads and writes alive."""

    def __init__(self, requests: list[MPI.Request], memory: tuple[Array, Array], target: Array | None) -> None:
        self._requests, self._memory, self._target = requests, memory, target

    def arrived(self) -> bool:
        self._requests = [request for request in self._requests if not request.Test()]
        if self._requests:
            return False
        if self._target is not None:
            self._target[...] = to_device(self._memory[1], device_of(self._target))
            self._target = None
        return True


def _bytes(array: Array) -> Array:
    """Return the memory of a contiguous array as bytes, which MPI sends whatever the dtype is."""
    return array.reshape(-1).view(np.uint8)


class Exchange:
    """One vector on its way through the tree: the messages of :func:`minigrad.distributed.tree.tree_all_reduce`."""

    def __init__(self, messages: Iterator[Message], carrier: Carrier, tag: int) -> None:
        self._messages, self._carrier, self._tag = messages, carrier, tag
        self._pending: Pending | None = None
        self.complete = False
        self.advance()

    def advance(self) -> bool:
        """Go on as far as possible without waiting; return whether the vector is the whole sum."""
        while not self.complete and (self._pending is None or self._pending.arrived()):
            message = next(self._messages, None)
            self.complete = message is None
            self._pending = None if message is None else self._carrier.post(message, self._tag)
        return self.complete


SPIN = 0.001  # seconds for which a core that waits does nothing else: messages between two steps take about as long


def wait_until(done: Callable[[], bool]) -> float:
    """Call ``done`` until it returns True; return the seconds that this took.

    At first the core is kept busy, since most messages come at once. After that it is given up in between, so that
    ranks that share a core do not keep each other from computing.
    """
    start = time.perf_counter()
    while not done():
        if time.perf_counter() - start > SPIN:
            time.sleep(0.0001)
    return time.perf_counter() - start
