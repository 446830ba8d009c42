"""The launcher: the place of a process among several, from the variables that mpiexec and srun set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple


class Launched(NamedTuple):
    """The place of this process among those that were started together."""

    rank: int
    ranks: int
    local_rank: int  # among those on the same machine


#: By the variable with the rank: that with the number of ranks, and those with the number on the same machine.
_VARIABLES = {
    "PMI_RANK": ("PMI_SIZE", "MPI_LOCALRANKID"),  # MPICH, Intel MPI, and srun --mpi=pmi2
    "OMPI_COMM_WORLD_RANK": ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),  # Open MPI
    "PMIX_RANK": ("SLURM_NTASKS", "SLURM_LOCALID"),  # srun --mpi=pmix
}


def launched(environment: Mapping[str, str] = os.environ) -> Launched | None:
    """Return the place that mpiexec or srun gave to this process; None if neither has started it.

    >>> launched({"PMI_RANK": "1", "PMI_SIZE": "4", "MPI_LOCALRANKID": "1"})
    Launched(rank=1, ranks=4, local_rank=1)
    >>> launched({}) is None
    True
    """
    for variable, (size, local) in _VARIABLES.items():
        rank, ranks = environment.get(variable, ""), environment.get(size, "")
        if rank.isdecimal() and ranks.isdecimal():
            local_rank = environment.get(local, environment.get("SLURM_LOCALID", ""))
            return Launched(int(rank), int(ranks), int(local_rank) if local_rank.isdecimal() else 0)
    return None
