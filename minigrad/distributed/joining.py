"""Joining the group of all ranks, and leaving it, under torch's names.

MPI starts the ranks and carries what they send (through mpi4py). A process that nobody has started together with others
is a group of its own, and needs no MPI.
"""

from __future__ import annotations

import atexit
import sys
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING

from minigrad.distributed.group import Group
from minigrad.distributed.launcher import launched
from minigrad.distributed.watch import Watch
from minigrad.extras import Later, installed

if TYPE_CHECKING:
    import mpi4py
    from mpi4py import MPI
else:
    mpi4py = Later("mpi4py", "a run on several ranks")
    MPI = Later("mpi4py.MPI", "a run on several ranks")

BACKENDS = ("mpi", "nccl")

_group: Group | None = None


def is_available() -> bool:
    """Return True: a single process needs no MPI."""
    return True


def is_mpi_available() -> bool:
    """Return whether mpi4py is installed."""
    return installed("mpi4py")


def is_initialized() -> bool:
    """Return whether :func:`init_process_group` was called."""
    return _group is not None


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
) -> None:
    """Join the group of all processes that mpiexec (or srun) has started; without it, a group of this one alone.

    From then on an exception that ends this process ends the whole group, since the others would wait for it for ever.

    Args:
        backend: "mpi", or "nccl" for arrays of GPUs; by default "mpi". The ranks find each other by MPI in both cases.
        init_method: not needed, because MPI knows the ranks; "env://" is accepted.
        timeout: not supported; a rank that dies ends the job.
        world_size, rank: checked against MPI's, if they are given.

    Raises:
        NotImplementedError: for another backend or method.
        ValueError: if there is a group already, or MPI has other ranks.
        ImportError: if several processes were started, but mpi4py is not installed.
    """
    global _group
    if _group is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if backend not in (None, *BACKENDS):
        raise NotImplementedError(f"init_process_group: backend {backend!r} is not supported; use 'mpi' or 'nccl'")
    if init_method not in (None, "env://"):
        raise NotImplementedError(f"init_process_group: init_method={init_method!r} is not needed: start with mpiexec")
    if timeout is not None:
        raise NotImplementedError("init_process_group: timeout is not supported: a rank that dies ends the job")
    place = launched()
    group = Group(None if place is None else _world(), backend or "mpi")
    for name, given, found in (("world_size", world_size, group.size), ("rank", rank, group.rank)):
        if given not in (-1, found):
            raise ValueError(f"init_process_group: {name}={given}, but MPI says {found}; start with mpiexec -n {given}")
    _group = group
    if place is not None:
        group.watch = Watch(group)
        atexit.register(_leave, group.watch)
    if group.size > 1:
        _end_the_group_with_this_process(group)


def _world() -> MPI.Comm:
    """Return MPI's communicator of all ranks. To import MPI starts it, and the end of Python ends it."""
    mpi4py.rc.thread_level = "serialized"  # several threads may send, but never two at once
    return MPI.COMM_WORLD


def _leave(watch: Watch) -> None:
    """End MPI, which waits for the other ranks; only a rank that has come so far can die without a loss."""
    MPI.Finalize()
    watch.goodbye()


def _end_the_group_with_this_process(group: Group) -> None:
    before = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, place: TracebackType | None) -> None:
        before(kind, error, place)
        if _group is group:
            group.abort()

    sys.excepthook = excepthook


def destroy_process_group() -> None:
    """Leave the group. Does nothing if there is none."""
    global _group
    _group = None


def default_group() -> Group:
    """Return the group of all ranks.

    Raises:
        ValueError: if there is none yet.
    """
    if _group is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return _group


def get_rank() -> int:
    """Return the number of this process, from 0."""
    return default_group().rank


def get_world_size() -> int:
    """Return how many processes there are."""
    return default_group().size


def get_backend() -> str:
    """Return "mpi" or "nccl"."""
    return default_group().backend
