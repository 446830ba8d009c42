"""The task in a script for minigrad, with what the library has: one checkpoint of everything, and a seeded loader."""

from __future__ import annotations

import math

import numpy as np

import minigrad
from benchmarks.faults_elsewhere.task import BATCH, CLASSES, EPOCHS, FEATURES, LR, MOMENTUM, SAVE_EVERY, STEPS, Fault
from inception import ending
from minigrad import checkpoint, nn, optim
from minigrad.checkpoint import CheckpointError
from minigrad.data import DataLoader
from minigrad.data.loader import item_generator
from minigrad.nn import functional as F


class Noisy:
    """Points with noise that is drawn anew whenever one is read."""

    def __init__(self) -> None:
        random = np.random.default_rng(1)
        self.points = random.standard_normal((BATCH * STEPS, FEATURES)).astype(np.float32)
        self.labels = random.integers(0, CLASSES, BATCH * STEPS)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> tuple[minigrad.Tensor, int]:
        noise = item_generator().numpy.standard_normal(FEATURES).astype(np.float32)
        return minigrad.tensor(self.points[index] + np.float32(0.1) * noise), int(self.labels[index])


def main() -> None:
    fault = Fault()
    minigrad.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(FEATURES, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, CLASSES)
    )
    optimizer = optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    loader = DataLoader(Noisy(), BATCH, shuffle=True, seed=0, num_workers=fault.workers)
    path, before, done = fault.folder / "checkpoint.safetensors", fault.folder / "before.safetensors", 0
    if fault.resuming and (path.exists() or before.exists()):
        try:
            saved = checkpoint.load(path)
        except (CheckpointError, FileNotFoundError) as error:
            print(f"{error}: continuing from {before}")
            saved = checkpoint.load(before)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        minigrad.set_rng_state(saved["random"])
        done = saved["step"]
    for epoch in range(done // STEPS, EPOCHS):
        skipped = done - epoch * STEPS if epoch == done // STEPS else 0
        loader.set_epoch(epoch, start_batch=skipped)
        for number, (points, labels) in enumerate(loader, skipped):
            step = epoch * STEPS + number + 1
            if fault.spoils(step):
                points.array[0, 0] = np.nan
            optimizer.zero_grad()
            loss = F.cross_entropy(model(points), labels)
            if not math.isfinite(loss.item()):
                raise RuntimeError(f"the loss is {loss.item()} in step {step}")
            loss.backward()
            optimizer.step()
            fault.after(step)
            if step % SAVE_EVERY == 0:
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
                checkpoint.save(path, {**state, "random": minigrad.get_rng_state()}, keep_old_as=before)
    checkpoint.save(fault.folder / "final.pt", model.state_dict())


if __name__ == "__main__":
    raise SystemExit(ending.run(main))
