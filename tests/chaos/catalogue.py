"""The list of faults."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos import checkpoint_damage, company, image_faults, limits, rank_faults, signals, storage
from tests.chaos.scene import Scene

#: By name: what sets up the fault in a scene. Its docstring says what it does.
FAULTS: dict[str, Callable[[Scene], None]] = {
    "SIGKILL": signals.sigkill,
    "SIGTERM": signals.sigterm,
    "SIGINT": signals.sigint_once,
    "SIGINT twice": signals.sigint_twice,
    "worker killed": signals.worker_killed,
    "worker terminated": signals.worker_terminated,
    "worker stalled": signals.worker_stalled,
    "disk full": storage.disk_full,
    "disk full at sync": storage.disk_full_at_sync,
    "disk fails": storage.broken_disk,
    "file size limit": storage.file_size_limit,
    "no sync": storage.no_sync,
    "folder deleted": storage.folder_deleted,
    "folder read-only": storage.folder_read_only,
    "folder moved in the run": storage.moved_while_it_runs,
    "folder moved after a kill": storage.moved_while_it_does_not,
    "metrics damaged": storage.metrics_damaged,
    "lock left behind": storage.lock_left_behind,
    "checkpoint torn": checkpoint_damage.torn,
    "checkpoint truncated": checkpoint_damage.truncated,
    "checkpoint bit flipped": checkpoint_damage.one_bit,
    "checkpoint deleted": checkpoint_damage.deleted,
    "image deleted in the run": image_faults.deleted,
    "image unreadable": image_faults.unreadable,
    "image changed after a kill": image_faults.changed,
    "image deleted after a kill": image_faults.missing_at_resume,
    "NaN batch": limits.nan_batch,
    "memory limit": limits.memory_limit,
    "handle limit": limits.handle_limit,
    "tiny shared memory": limits.tiny_shared_memory,
    "clock set back": limits.clock_set_back,
    "two runs in one folder": company.two_runs,
    "other number of workers": company.other_workers,
    "other number of threads": company.other_threads,
    "rank killed": rank_faults.rank_killed,
    "other number of ranks": rank_faults.other_ranks,
}


def possible() -> list[str]:
    """Return the names of the faults that can be made on this machine."""
    of_ranks = {rank_faults.rank_killed, rank_faults.other_ranks}
    return [name for name, fault in FAULTS.items() if fault not in of_ranks or rank_faults.available()]
