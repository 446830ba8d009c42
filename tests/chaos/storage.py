"""Faults: what happens to the disk and to the folder of the run."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
from collections.abc import Callable
from typing import Any

from tests.chaos.moments import Events
from tests.chaos.scene import Scene


def disk_full(scene: Scene) -> None:
    """A disk that is full from the n-th write on: half of that write still succeeds, as on a real one."""
    moment = scene.moment("write")
    _refuse_from(scene, moment, errno.ENOSPC, half=True)


def disk_full_at_sync(scene: Scene) -> None:
    """A disk that is found full when files are synced, as on file systems that allocate late."""
    moment = scene.moment("write")
    _refuse_from(scene, moment, errno.ENOSPC, of="sync")


def broken_disk(scene: Scene) -> None:
    """A disk that fails (EIO) from the n-th write on."""
    moment = scene.moment("write")
    _refuse_from(scene, moment, errno.EIO)


def file_size_limit(scene: Scene) -> None:
    """A limit of the size of files (RLIMIT_FSIZE), from a step on."""
    largest = 10 ** scene.random.uniform(2, 6)
    limit = max(4096, int(largest))  # what the program prints is in a file here, which the limit must not cut
    scene.tell(f"{limit:,} bytes")
    scene.at(scene.moment("step", "file"), lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))


def no_sync(scene: Scene) -> None:
    """A file system that cannot sync (EINVAL)."""

    def plant(events: Events) -> None:
        def refuse(kind: str, rest: Any) -> None:
            if kind == "sync":
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

        events.refusal = refuse

    scene.kinds.add("write")
    scene.plants.append(plant)


def _refuse_from(scene: Scene, moment: Any, number: int, half: bool = False, of: str = "write") -> None:
    state = {"refusing": False}

    def plant(events: Events) -> None:
        def begin() -> None:
            state["refusing"] = True

        def refuse(kind: str, rest: Any) -> None:
            if state["refusing"] and kind == of:
                if half and rest is not None:
                    write, data = rest
                    write(bytes(data)[: len(data) // 2])
                raise OSError(number, os.strerror(number))

        events.refusal = refuse
        events.at(moment, begin)

    scene.plants.append(plant)


def folder_deleted(scene: Scene) -> None:
    """The folder of the run is deleted while it runs."""
    scene.loses_metrics = scene.loses_best = scene.loses_all = True
    scene.at(scene.moment("file", "step", "validation"), lambda: shutil.rmtree(scene.run, ignore_errors=True))


def folder_read_only(scene: Scene) -> None:
    """The folder becomes read-only: by its mode, or for root, whom no mode keeps out, by refused writes (EROFS)."""
    if os.geteuid() == 0:
        _refuse_from(scene, scene.moment("write"), errno.EROFS)
        return
    scene.at(scene.moment("file", "step"), lambda: scene.run.exists() and scene.run.chmod(0o555))
    scene.between.append(lambda: scene.run.exists() and scene.run.chmod(0o755))


def moved_while_it_runs(scene: Scene) -> None:
    """The folder is moved while the run lasts."""
    moved = scene.folder / "moved"

    def move() -> None:
        if scene.run.is_dir():
            os.rename(scene.run, moved)

    scene.at(scene.moment("file", "step", "validation"), move)
    scene.resumed_from = moved


def moved_while_it_does_not(scene: Scene) -> None:
    """The folder is moved after the run was killed."""
    scene.at(scene.moment("file", "step"), lambda: os.kill(os.getpid(), signal.SIGKILL))
    moved = scene.folder / "elsewhere" / "moved"

    def move() -> None:
        moved.parent.mkdir()
        if scene.run.is_dir():
            os.rename(scene.run, moved)

    scene.between.append(move)
    scene.resumed_from = moved


def metrics_damaged(scene: Scene) -> None:
    """After a kill, a stretch of the metrics is zeros, as after a crash of the machine."""
    scene.at(scene.moment("step", "file"), lambda: os.kill(os.getpid(), signal.SIGKILL))
    share, length = scene.random.random(), scene.random.choice([1, 30, 500])
    scene.tell(f"{length} zeros")

    def damage() -> None:
        path = scene.run / "metrics.jsonl"
        if path.is_file() and path.stat().st_size:
            content = bytearray(path.read_bytes())
            start = int(share * len(content))
            content[start : start + length] = bytes(len(content[start : start + length]))
            path.write_bytes(content)

    scene.between.append(damage)
    scene.loses_metrics = True


def lock_left_behind(scene: Scene) -> None:
    """A lock file of another host, or nonsense in it, is left behind."""
    scene.at(scene.moment("step", "file"), lambda: os.kill(os.getpid(), signal.SIGKILL))
    text = scene.random.choice([b'{"pid": 1, "host": "elsewhere", "started": "2020"}', b"", b"\0\0", b"[]"])
    scene.between.append(_writing(scene, "run.lock", text))


def _writing(scene: Scene, name: str, content: bytes) -> Callable[[], object]:
    return lambda: scene.run.is_dir() and (scene.run / name).write_bytes(content)
