"""Faults: other processes, and another division of the work after the run is continued."""

from __future__ import annotations

import os

from inception.commands import train as train_command
from minigrad.kernels.threads import set_num_threads
from tests.chaos import small_run
from tests.chaos.scene import Scene
from tests.chaos.signals import stop


def two_runs(scene: Scene) -> None:
    """A second run begins in the same folder, or the same run is continued twice."""
    moment, again = scene.moment("step", "validation", "file"), scene.random.random() < 0.5
    scene.tell("--resume" if again else "--output")
    arguments = (
        small_run.command_to_continue(scene.run) if again else small_run.command(scene.images, scene.run, scene.variant)
    )
    said = scene.folder / "second.err"

    def second() -> None:
        pid = os.fork()
        if pid == 0:
            file = os.open(said, os.O_WRONLY | os.O_CREAT, 0o666)
            os.dup2(file, 2)
            os.dup2(file, 1)
            os._exit(min(train_command.main(arguments), 100))
        _, status = os.waitpid(pid, 0)
        text = said.read_text("utf-8")
        refused = "is in use by process" in text or (again and "no checkpoint at" in text)  # the first is so young
        if os.waitstatus_to_exitcode(status) == 0 or (not refused and scene.run.exists()):
            os.write(2, f"\nFAULT: the second run was not refused: {text}\n".encode())

    scene.at(moment, second)


def other_workers(scene: Scene) -> None:
    """The run goes on with another number of workers."""
    scene.workers = scene.random.choice([0, 1, 2])
    stop(scene)
    now = scene.random.choice([count for count in (0, 1, 2, 3) if count != scene.workers])
    scene.tell(f"{scene.workers}, then {now}")
    scene.resume_with += ["--workers", str(now)]


def other_threads(scene: Scene) -> None:
    """The run goes on with another number of threads."""
    stop(scene)
    now = scene.random.choice([2, 3])
    scene.tell(f"1, then {now}")
    scene.resumed_plants.append(lambda events: set_num_threads(now))
