"""Faults of ranks, the processes that mpiexec starts: one is killed, or the run goes on with another number of them."""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec

from minigrad.distributed.launcher import launched
from tests.chaos.processes import MPIEXEC
from tests.chaos.scene import Scene


def available() -> bool:
    """Return whether there is MPI."""
    return MPIEXEC is not None and find_spec("mpi4py") is not None


def rank_killed(scene: Scene) -> None:
    """SIGKILL to one of two ranks."""
    _of_two(scene)
    rank = scene.random.randrange(2)
    scene.tell(f"rank {rank}")
    scene.at(scene.moment("step"), lambda: _kill_rank(rank))
    scene.resumed_ranks = scene.random.choice([0, 2])


def other_ranks(scene: Scene) -> None:
    """All ranks are killed, and the run goes on with another number of them."""
    _of_two(scene)
    scene.at(scene.moment("step"), lambda: os.kill(os.getpid(), signal.SIGKILL))
    scene.resumed_ranks = scene.random.choice([0, 1])
    scene.tell(f"2, then {scene.resumed_ranks or 'none'}")


def _of_two(scene: Scene) -> None:
    scene.variant, scene.ranks = "shards", 2


def _kill_rank(rank: int) -> None:
    place = launched()
    if place is not None and place.rank == rank:
        os.kill(os.getpid(), signal.SIGKILL)
