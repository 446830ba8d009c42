"""The run into which faults are put: Inception V3 with a sixteenth of its channels, on 24 tiny images.

Everything else is the real program: its command line, its files, its workers, its figures.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inception import blocks, model
from minigrad import nn

CLASSES = ("cat", "dog", "zebra")
TRAIN, VALIDATION = 8, 2  # images of each class
SIDE = 80  # pixels
STEPS = 6  # of an epoch
_NARROWER = 16

_COMMON = ["--batch-size", "4", "--epochs", "2", "--image-size", "75"]
#: Options that are no part of a recipe, and so are given again when a run is continued.
OF_THE_COMMAND = ["--save-every", "2", "--log-gradients", "3", "--keep", "2"]
#: Options of the runs: their faults are the same, what they have to restore is not.
VARIANTS = {
    "sgd": [*_COMMON, "--optimizer", "sgd", "--lr", "0.02", "--ema", "0.9", "--mixup", "0.2"],
    "adam": [*_COMMON, "--lr", "0.002", "--augment", "flip", "--patience", "5", "--clip", "2"],
    "two stages": [*_COMMON, "--lr", "0.002", "--sgd-after", "1", "--schedule", "cosine", "--best-by", "accuracy"],
}


def make_images(root: Path) -> None:
    """Write the images: a colour for each class, with noise."""
    random = np.random.default_rng(0)
    for split, count in (("train", TRAIN), ("val", VALIDATION)):
        for label, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 80, (SIDE, SIDE, 3)) + 80 * np.eye(3, dtype=int)[label]
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")


def narrow_the_model(replace: Callable[[object, str, object], None] = setattr) -> None:
    """Give every convolution of Inception V3 a sixteenth of its channels, in this process.

    Args:
        replace: replaces an attribute, as that of pytest's monkeypatch, which undoes it.
    """
    initialize: Any = blocks.BasicConv2d.__init__
    build: Any = model.InceptionV3.__init__

    def narrower(self: Any, in_channels: int, out_channels: int, **options: Any) -> None:
        channels = in_channels if in_channels == 3 else in_channels // _NARROWER
        initialize(self, channels, out_channels // _NARROWER, **options)

    def with_a_narrow_head(self: Any, num_classes: int = 1000, *rest: Any, **options: Any) -> None:
        build(self, num_classes, *rest, **options)
        self.fc = nn.Linear(2048 // _NARROWER, num_classes)

    replace(blocks.BasicConv2d, "__init__", narrower)
    replace(model.InceptionV3, "__init__", with_a_narrow_head)


def command(images: Path, run: Path, variant: str) -> list[str]:
    """Return the arguments of ``inception train`` for a new run."""
    return ["--data", "folder", "--root", str(images), "--output", str(run), *VARIANTS[variant], *OF_THE_COMMAND]


def command_to_continue(run: Path) -> list[str]:
    """Return the arguments of ``inception train`` that continue a run."""
    return ["--resume", str(run), *OF_THE_COMMAND]
