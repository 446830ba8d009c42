"""The run into which faults are put: Inception V3 with a sixteenth of its channels, on nine tiny images.

Everything else is the real program: its command line, its files, its workers. Its figures are real in fresh processes,
and otherwise one pixel, written in the same way.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inception import figures, loop, shared_evaluation
from inception.evaluation import Evaluation
from inception.step_result import StepResult
from minigrad import files

CLASSES = ("cat", "dog", "zebra")
TRAIN, VALIDATION = 3, 1  # images of each class
SIDE = 80  # pixels

_COMMON = ["--batch-size", "4", "--epochs", "2", "--image-size", "75", "--width", "0.0625"]  # 2 steps an epoch
#: Options that are no part of a recipe, and so are given again when a run is continued.
OF_THE_COMMAND = ["--save-every", "1", "--log-gradients", "2", "--keep", "2"]
_QUICK = ["--batch-size", "4", "--epochs", "1", "--image-size", "75", "--width", "0.0625"]
#: Options of the runs: their faults are the same, what they have to restore is not. Ranks need shards.
VARIANTS = {
    "sgd": [*_COMMON, "--optimizer", "sgd", "--lr", "0.02", "--ema", "0.9", "--mixup", "0.2"],
    "adam": [*_COMMON, "--lr", "0.002", "--augment", "flip", "--patience", "5", "--clip", "2"],
    "quick": [*_QUICK, "--optimizer", "sgd", "--momentum", "0", "--best-by", "accuracy"],
    "shards": [*_COMMON, "--lr", "0.002", "--shards", "2", "--cutmix", "1"],
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


def draw_one_pixel() -> None:
    """Let the figures of a run be one pixel each, in this process: matplotlib takes longer than all steps."""
    content = BytesIO()
    Image.new("RGB", (1, 1)).save(content, "PNG")
    for name, place in (("draw_curves", 1), ("draw_confusion", 2), ("draw_predictions", 4)):

        def draw(*arguments: Any, place: int = place) -> None:
            files.write_atomically(arguments[place], content.getvalue())

        setattr(figures, name, draw)


def compute_nothing() -> None:
    """Let a step change one weight, and a validation read its images only, in this process: both take no time."""

    def step(training: Any, loaded: Any, clock: Any) -> StepResult:
        training.model.fc.bias.array[...] += training.lr * float(loaded[0][0][0].array.mean())
        if training.scheduler is not None:
            training.scheduler.step()
        return StepResult([1.0], [1], [4], [1.0])

    def evaluate(model: Any, batches: Any, *rest: Any) -> Evaluation:
        count = sum(len(batch[1]) for batch in batches)
        return Evaluation(0.5, np.zeros(count, np.int64), np.zeros(count, np.int64), 1.0, len(CLASSES))

    replaced: list[tuple[Any, str, Any]] = [(loop, "_step", step), (shared_evaluation, "evaluate", evaluate)]
    for module, name, function in replaced:
        setattr(module, name, function)


def command(images: Path, run: Path, variant: str) -> list[str]:
    """Return the arguments of ``inception train`` for a new run."""
    return ["--data", "folder", "--root", str(images), "--output", str(run), *VARIANTS[variant], *OF_THE_COMMAND]


def command_to_continue(run: Path) -> list[str]:
    """Return the arguments of ``inception train`` that continue a run."""
    return ["--resume", str(run), *OF_THE_COMMAND]
