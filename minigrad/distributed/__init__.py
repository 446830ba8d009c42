"""Training on several ranks (processes, on one machine or on many), under the names of ``torch.distributed``.

The idea is in tree.py: gradients are added in a fixed tree, so 1, 2 or 4 ranks give the same bits. docs/distributed.md
explains how to run.

>>> from minigrad import distributed
>>> distributed.init_process_group()  # a single process without mpiexec is a group of its own
>>> distributed.get_rank(), distributed.get_world_size()
(0, 1)
>>> distributed.destroy_process_group()
"""

from minigrad.distributed.collectives import (
    ReduceOp,
    Work,
    all_gather,
    all_gather_object,
    all_reduce,
    barrier,
    broadcast,
    broadcast_object_list,
)
from minigrad.distributed.joining import (
    destroy_process_group,
    get_backend,
    get_rank,
    get_world_size,
    init_process_group,
    is_available,
    is_initialized,
    is_mpi_available,
)
from minigrad.distributed.nccl import is_nccl_available
from minigrad.distributed.parallel import DistributedDataParallel
from minigrad.distributed.sampler import DistributedSampler
from minigrad.distributed.synchronized import SyncBatchNorm

__all__ = [
    "DistributedDataParallel",
    "DistributedSampler",
    "ReduceOp",
    "SyncBatchNorm",
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
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
]
