"""Faults: too little memory, too few handles, too little shared memory, numbers that are none, a wrong clock."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from inception import loop
from tests.chaos.moments import Events
from tests.chaos.scene import Scene
from tests.chaos.signals import stop


def memory_limit(scene: Scene) -> None:
    """A limit of the address space (RLIMIT_AS), from a step on."""
    more = scene.random.choice([0, 1, 2, 4, 8, 16, 32]) * 2**20
    scene.tell(f"{more >> 20} MiB more than now")

    def limit() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    scene.at(scene.moment("step", "validation"), limit)


def handle_limit(scene: Scene) -> None:
    """A limit of open files (RLIMIT_NOFILE), from a step on."""
    more = scene.random.randrange(6)
    scene.workers = scene.random.choice([0, 2])
    scene.tell(f"{more} more than now, {scene.workers} workers")

    def limit() -> None:
        most = max(map(int, os.listdir("/proc/self/fd"))) + more
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    scene.at(scene.moment("step", "validation", "file"), limit)


def tiny_shared_memory(scene: Scene) -> None:
    """Workers cannot make the memory that they share with the program as large as a batch."""
    scene.workers = scene.random.choice([1, 2])
    most = scene.random.choice([1, 4096, 100_000])
    scene.tell(f"{most:,} bytes")

    def plant(events: Events) -> None:
        os.register_at_fork(after_in_child=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))

    scene.plants.append(plant)


def nan_batch(scene: Scene) -> None:
    """A batch with NaN in it, once, as from broken memory."""
    moment = scene.moment("step")

    def plant(events: Events) -> None:
        to_device: Any = loop.to_device
        state = {"once": False}

        def spoiled(*arguments: Any, **options: Any) -> Any:
            batch = to_device(*arguments, **options)
            if state["once"]:
                state["once"] = False
                batch[0].array[0, 0, 5] = np.nan
            return batch

        loop.to_device = spoiled
        events.at(moment, lambda: state.update(once=True))

    scene.plants.append(plant)


def clock_set_back(scene: Scene) -> None:
    """The clock is set back while the run does not run: its files are from the future."""
    stop(scene)
    hours = scene.random.choice([1, 24, 24 * 365])
    scene.tell(f"{hours} hours")

    def plant(events: Events) -> None:
        now = time.time
        time.time = lambda: now() - 3600 * hours

    def touch() -> None:
        for path in scene.run.rglob("*"):
            later = time.time() + 3600 * hours
            os.utime(path, (later, later))

    scene.between.append(touch)
    scene.resumed_plants.append(plant)
