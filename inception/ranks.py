"""Ranks: the processes that mpiexec starts to train one network together. One of them, rank 0, reports and writes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout

import minigrad
from inception import ending
from inception.wording import counted
from minigrad import cuda, distributed, system
from minigrad.distributed.group import Group
from minigrad.distributed.joining import default_group
from minigrad.distributed.launcher import launched
from minigrad.distributed.nccl import is_nccl_available

SECONDS_FOR_RANK_0 = 1.0  # to print an error that all ranks have
_ALONE = Group()


def ranks() -> Group:
    """Return the group of all ranks; without mpiexec, a group of this process alone."""
    return default_group() if distributed.is_initialized() else _ALONE


def is_first() -> bool:
    """Return whether this is rank 0, which prints, writes checkpoints and keeps the metrics."""
    return ranks().rank == 0


def anywhere(flag: bool) -> bool:
    """Return on every rank whether the flag is set on any of them."""
    return any(ranks().gather(flag))


def together(command: Callable[[], int], debug: bool) -> int:
    """Run a command that mpiexec has started on every rank; return the exit status.

    Ranks other than 0 print nothing. An error on any rank ends them all, with one line that says which rank it was.

    Args:
        debug: show the traceback of an error, too.
    """
    if launched() is None:
        return ending.run(command, debug)
    status = ending.run(_join)
    if status:
        return status
    group = ranks()
    error: list[BaseException] = []

    def remembering() -> int:
        try:
            return command()
        except BaseException as raised:
            error.append(raised)
            raise

    if group.rank == 0:
        status = ending.run(remembering, debug)
    else:
        status = _quietly(remembering, error, debug)
    if group.size > 1 and error and not isinstance(error[0], SystemExit):
        group.abort(status)
    distributed.destroy_process_group()
    return status


def _quietly(command: Callable[[], int], error: list[BaseException], debug: bool) -> int:
    """Run the command on another rank than 0, without output unless an error is this rank's own."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        try:
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                return command()
        except SystemExit:
            raise
        except BaseException as raised:
            time.sleep(SECONDS_FOR_RANK_0)  # if it has the same error, it prints that, and ends all ranks
            raised.add_note(f"This was on rank {ranks().rank} of {ranks().size}")
    return ending.run(lambda: _raise(error[0]), debug)


def _raise(error: BaseException) -> int:
    raise error


def _join() -> int:
    """Join the other ranks, and share the cores of this machine with them."""
    distributed.init_process_group()
    group = ranks()
    own = system.cores_by_name()
    sharing = group.gather(own).count(own)
    if sharing > 1:
        minigrad.set_num_threads(max(1, min(minigrad.get_num_threads(), system.cores() // sharing)))
    return 0


def use_own_gpu(name: str) -> None:
    """Let each rank compute on a GPU of its own, if ``name`` is "gpu"; messages then go by NCCL where there is one."""
    place = launched()
    if place is None or name.partition(":")[0] not in ("gpu", "cuda"):
        return
    count, group = cuda.device_count(), ranks()
    if ":" not in name and count:
        cuda.set_device(place.local_rank % count)
    one_each = all(group.gather(place.local_rank < count))  # NCCL refuses two ranks on one GPU
    if one_each and all(group.gather(is_nccl_available())):
        group.backend = "nccl"


def in_words(group: Group) -> str:
    """Return how many ranks there are, and how many threads each of them has."""
    return f"{counted(group.size, 'rank')} with {counted(minigrad.get_num_threads(), 'thread')} each"
