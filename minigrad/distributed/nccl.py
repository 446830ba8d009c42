"""NCCL: it carries messages from one GPU to another, without a copy to the host (through CuPy).

The ranks find each other by MPI: rank 0 makes NCCL's identifier, and MPI hands it to the others. Every message is put
into a stream of its own, beside the one that computes, so that it travels while backward goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigrad.distributed.tree import Message
from minigrad.extras import Later, installed
from minigrad.typing import Array

if TYPE_CHECKING:
    import cupy
    from cupy.cuda import nccl
else:
    cupy = Later("cupy", "a run on several GPUs")
    nccl = Later("cupy.cuda.nccl", "a run on several GPUs")


def is_nccl_available() -> bool:
    """Return whether there is a GPU, and NCCL for it."""
    return installed("cupy") and bool(cupy.cuda.is_available()) and bool(nccl.available)


def unique_id() -> tuple[int, ...]:
    """Return an identifier by which the ranks of one job find each other."""
    identifier: tuple[int, ...] = nccl.get_unique_id()
    return identifier


class NcclCarrier:
    """Carries arrays between GPUs, one for each rank.

    Args:
        identifier: the same on all ranks; of :func:`unique_id`.
    """

    def __init__(self, identifier: tuple[int, ...], rank: int, ranks: int) -> None:
        self._communicator = nccl.NcclCommunicator(ranks, identifier, rank)
        self._stream = cupy.cuda.Stream(non_blocking=True)

    def post(self, message: Message, tag: int) -> NcclPending:
        """Start to send and to receive; return at once. NCCL needs no tag: messages arrive in the order of sending."""
        partner = message.partner
        sent: cupy.ndarray = message.sent
        received: cupy.ndarray = message.received
        ready = cupy.cuda.Event(disable_timing=True)
        ready.record()  # after what is sent has been computed
        self._stream.wait_event(ready)
        nccl.groupStart()  # both at the same time, or two ranks that send first would wait for each other
        self._communicator.send(sent.data.ptr, sent.nbytes, nccl.NCCL_UINT8, partner, self._stream.ptr)
        self._communicator.recv(received.data.ptr, received.nbytes, nccl.NCCL_UINT8, partner, self._stream.ptr)
        nccl.groupEnd()
        return NcclPending(self._stream, (sent, received))


class NcclPending:
    """A message of a :class:`NcclCarrier`."""

    def __init__(self, stream: cupy.cuda.Stream, memory: tuple[Array, Array]) -> None:
        self._memory: tuple[Array, Array] | None = memory  # which the GPU reads and writes
        self._event = cupy.cuda.Event(disable_timing=True)
        self._event.record(stream)

    def arrived(self) -> bool:
        """Return whether the GPU has received and sent everything."""
        if not self._event.done:
            return False
        if self._memory is not None:
            cupy.cuda.get_current_stream().wait_event(self._event)
            self._memory = None
        return True
