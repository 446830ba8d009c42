"""The group of all ranks: the processes that train one network together, numbered from 0."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from minigrad.devices import device
from minigrad.distributed.carriers import Carrier, HostCarrier, wait_until
from minigrad.distributed.nccl import NcclCarrier, unique_id
from minigrad.system import wait_until_read

if TYPE_CHECKING:
    from mpi4py import MPI

    from minigrad.distributed.watch import Watch

T = TypeVar("T")


class Group:
    """The ranks that compute together.

    Attributes: ``rank``, the number of this process, and ``size``, how many there are.
    """

    def __init__(self, communicator: MPI.Comm | None = None, backend: str = "mpi") -> None:
        self._communicator, self.backend = communicator, backend
        self.rank: int = 0 if communicator is None else communicator.Get_rank()
        self.size: int = 1 if communicator is None else communicator.Get_size()
        self.waited = 0.0  # seconds that this rank has waited for others
        self.watch: Watch | None = None  # over all ranks
        self._carriers: dict[device, Carrier] = {}

    def carrier(self, place: device) -> Carrier:
        """Return what carries the arrays of a device: MPI, or NCCL between GPUs."""
        if place not in self._carriers:
            if self.backend == "nccl" and place.type == "gpu":
                self._carriers[place] = NcclCarrier(self.broadcast(unique_id()), self.rank, self.size)
            else:
                assert self._communicator is not None  # a single rank sends nothing
                self._carriers[place] = HostCarrier(self._communicator)
        return self._carriers[place]

    def gather(self, value: T) -> list[T]:
        """Return the values of all ranks, in the order of the ranks, on every rank."""
        communicator = self._communicator
        if communicator is None or self.size == 1:
            return [value]
        return list(self._waiting(lambda: communicator.allgather(value)))

    def broadcast(self, value: T, source: int = 0) -> T:
        """Return the value of rank ``source`` on every rank."""
        communicator = self._communicator
        if communicator is None or self.size == 1:
            return value
        received: T = self._waiting(lambda: communicator.bcast(value, source))
        return received

    def _waiting(self, collective: Callable[[], T]) -> T:
        """Wait for the other ranks without keeping the core busy, then take part in a collective operation."""
        self.barrier()
        return collective()

    def barrier(self) -> None:
        """Wait until every rank has come here."""
        if self._communicator is not None and self.size > 1:
            self.waited += wait_until(self._communicator.Ibarrier().Test)

    def abort(self, status: int = 1) -> None:
        """End all ranks at once."""
        if self.watch is not None:
            self.watch.end()
        if self._communicator is not None:
            for file in (sys.stdout, sys.stderr):
                wait_until_read(file)  # mpiexec ends at once, and with it what it has not read yet
            self._communicator.Abort(status)
