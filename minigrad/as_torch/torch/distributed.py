"""``torch.distributed``: the ranks are those that mpiexec has started, whatever backend a program names."""

from __future__ import annotations

from typing import Any

from minigrad import distributed
from minigrad.distributed import (
    ReduceOp,
    Work,
    all_gather,
    all_gather_object,
    all_reduce,
    barrier,
    broadcast,
    broadcast_object_list,
    destroy_process_group,
    get_backend,
    get_rank,
    get_world_size,
    is_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
)

__all__ = [
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "get_backend",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
]


def is_torchelastic_launched() -> bool:
    """Return False: mpiexec starts several processes, and torchrun does not."""
    return False


is_gloo_available = is_available


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    **_: object,
) -> None:
    """Join the ranks that mpiexec has started. ``init_method`` and ``timeout`` have no meaning with MPI.

    Raises:
        ValueError: if there is a group already, or MPI has other ranks than the program says.
    """
    distributed.init_process_group(
        "nccl" if backend == "nccl" and is_nccl_available() else None, world_size=world_size, rank=rank
    )
