"""Faults: signals to the program, to one of its workers, or to all its processes."""

from __future__ import annotations

import multiprocessing
import os
import signal

from tests.chaos.scene import Scene

ANY = ("call", "file", "write", "step", "validation")


def stop(scene: Scene) -> None:
    """Kill the program at any moment, for a fault that follows while it does not run."""
    scene.at(scene.moment("file", "step", "call"), lambda: os.kill(os.getpid(), signal.SIGKILL))


def sigkill(scene: Scene) -> None:
    """SIGKILL, at any call, file operation, write, step or batch."""
    scene.workers = scene.random.choice([0, 0, 0, 2])
    scene.at(scene.moment(*ANY), lambda: os.kill(os.getpid(), signal.SIGKILL))


def sigterm(scene: Scene) -> None:
    """SIGTERM."""
    scene.workers = scene.random.choice([0, 0, 0, 2])
    scene.at(scene.moment(*ANY), lambda: os.kill(os.getpid(), signal.SIGTERM))


def sigint_once(scene: Scene) -> None:
    """SIGINT to all processes, as Ctrl-C sends it."""
    scene.workers = scene.random.choice([0, 0, 0, 2])
    scene.at(scene.moment(*ANY), lambda: os.killpg(0, signal.SIGINT))


def sigint_twice(scene: Scene) -> None:
    """SIGINT, and again some calls later."""
    first = scene.moment("call")
    second = first._replace(number=first.number + scene.random.choice([1, 10, 100, 1000, 10_000, 100_000]))
    scene.tell(f"and {second.number - first.number} later")
    scene.at(first, lambda: os.kill(os.getpid(), signal.SIGINT))
    scene.at(second, lambda: os.kill(os.getpid(), signal.SIGINT))


def _to_a_worker(scene: Scene, number: signal.Signals) -> None:
    scene.workers = scene.random.choice([1, 2, 3])
    place = scene.random.randrange(scene.workers)

    def send() -> None:
        workers = sorted(multiprocessing.active_children(), key=lambda process: process.pid or 0)
        if workers:
            os.kill(workers[place % len(workers)].pid or 0, number)

    scene.tell(f"worker {place} of {scene.workers}")
    scene.at(scene.early(), send)


def worker_killed(scene: Scene) -> None:
    """SIGKILL to a worker."""
    _to_a_worker(scene, signal.SIGKILL)


def worker_terminated(scene: Scene) -> None:
    """SIGTERM to a worker."""
    _to_a_worker(scene, signal.SIGTERM)


def worker_stalled(scene: Scene) -> None:
    """SIGSTOP to a worker."""
    _to_a_worker(scene, signal.SIGSTOP)
