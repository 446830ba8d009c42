"""``torch.distributed``: the ranks are those that mpiexec has started, whatever backend a program names.

Names that are not here are those of ``minigrad.distributed``.
"""

from __future__ import annotations

from typing import Any

from minigrad import distributed
from minigrad.distributed import is_available, is_nccl_available


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
