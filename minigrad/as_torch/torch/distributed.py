"""``torch.distributed``: one process. Names can be imported; starting a group is refused."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """Return False: programs run in one process."""
    return False


is_initialized = is_nccl_available = is_gloo_available = is_mpi_available = is_torchelastic_launched = is_available


def get_rank(group: Any = None) -> int:
    """Return 0, the number of the only process."""
    return 0


def get_world_size(group: Any = None) -> int:
    """Return 1, the number of processes."""
    return 1


def init_process_group(*_: object, **__: object) -> None:
    """Refuse to start a group of processes.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("torch.distributed: as_torch runs a program in one process; start it without torchrun")


class ReduceOp:
    """The names of the sums over processes."""

    SUM, PRODUCT, MIN, MAX, AVG = "sum", "product", "min", "max", "avg"


def barrier(*_: object, **__: object) -> None:
    """Do nothing: there is no other process to wait for."""


destroy_process_group = barrier


def all_reduce(tensor: Any, *_: object, **__: object) -> None:
    """Leave the tensor as it is: it is the sum over one process."""


broadcast = reduce = all_reduce
