"""Faults: images that are deleted, changed or damaged, in training and in validation."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tests.chaos.scene import Scene
from tests.chaos.signals import stop


def _during(scene: Scene, spoil_how: str) -> None:
    """Spoil an image while the run lasts, and put it right afterwards."""
    scene.workers = scene.random.choice([0, 0, 2])
    image, kept = scene.an_image(), scene.folder / "kept.png"
    shutil.copy(image, kept)
    scene.at(scene.moment("step", "validation"), lambda: spoil(image, spoil_how))

    def repair() -> None:
        if image.is_dir():
            image.rmdir()
        image.unlink(missing_ok=True)
        shutil.copy(kept, image)

    scene.between.append(repair)


def spoil(image: Path, how: str) -> None:
    """Delete an image, cut it short, or put something else in its place."""
    content = image.read_bytes()
    image.unlink()
    if how == "cut":
        image.write_bytes(content[: len(content) // 2])
    elif how == "text":
        image.write_bytes(b"<html>not found</html>")
    elif how == "empty":
        image.write_bytes(b"")
    elif how == "folder":
        image.mkdir()
    elif how == "pipe":
        os.mkfifo(image)
    elif how == "loop":
        image.symlink_to(image)


def deleted(scene: Scene) -> None:
    """An image is deleted while the run lasts."""
    _during(scene, "deleted")


def unreadable(scene: Scene) -> None:
    """An image becomes unreadable while the run lasts: cut short, text, empty, a folder, a pipe, a circle of links."""
    how = scene.random.choice(["cut", "text", "empty", "folder", "pipe", "loop"])
    scene.tell(how)
    _during(scene, how)


def changed(scene: Scene) -> None:
    """While the run does not run, an image is replaced by another one, of another size in bytes."""
    stop(scene)
    image = scene.an_image()

    def replace() -> None:
        Image.fromarray(np.full((90, 90, 3), 7, np.uint8)).save(image)

    scene.between.append(replace)
    scene.may_differ = True
    scene.warned = ("the data have changed since the checkpoint",)


def missing_at_resume(scene: Scene) -> None:
    """While the run does not run, an image is deleted."""
    stop(scene)
    image = scene.an_image()
    scene.between.append(lambda: image.unlink())
    scene.may_differ = True
    scene.warned = ("the data have changed since the checkpoint",)
