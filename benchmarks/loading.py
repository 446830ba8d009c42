"""Measure how long training waits for data: JPEGs of 256 x 256 in a folder, random crops of 75 x 75, batch 32.

    python -m benchmarks.loading IMAGES

prints one JSON object: for every number of workers the share of an epoch that training waits.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inception.clock import WAITING, PhaseClock
from inception.data import load_data
from inception.loop import train_epoch
from inception.recipes import Recipe
from inception.state import Training
from minigrad.data import DataLoader
from minigrad.data.datasets import SyntheticImages

SIZE, BATCH = 256, 32


def write_images(folder: Path, count: int, size: int = SIZE) -> None:
    """Write a folder for each of four classes, with synthetic noisy images of about 30 kB each."""
    images = SyntheticImages(count, size, 4)
    for split, wanted in (("train", count), ("val", 8)):
        for i in range(wanted):
            image, label = images[i]
            target = folder / split / str(label) / f"{i}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            image.save(target, quality=85)


def measure(images: int) -> dict[str, Any]:
    """Return for 0, 1 and 2 workers the share of an epoch that training waits, and the images per second."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), images)
        recipe = Recipe(data="folder", root=folder, augment="crop-flip", batch_size=BATCH, epochs=2)
        data = load_data(recipe)
        for workers in (0, 1, 2):
            loader = DataLoader(data.train, BATCH, shuffle=True, seed=0, drop_last=True, num_workers=workers)
            training = Training.from_recipe(recipe, len(data.classes), len(loader))
            train_epoch(training, loader, PhaseClock(), lambda training, result: training.step == 3)  # warm-up
            training.step = 0
            clock, start = PhaseClock(), time.perf_counter()
            train_epoch(training, loader, clock)
            seconds = time.perf_counter() - start
            results[str(workers)] = {
                "waiting": round(clock.seconds[WAITING] / seconds, 4),
                "images_per_second": round(len(loader) * BATCH / seconds, 1),
            }
    return results


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
