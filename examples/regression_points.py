"""Predict a position instead of a class: the centre (x, y) of a piece of clothing on a larger canvas.

    python examples/regression_points.py

Question: what must change in a classifier to predict numbers? (The last layer gives two coordinates, and the loss is
their squared distance to the true ones. Nothing else: the loss decides what a network learns.)
Change: ``mse_loss`` to ``l1_loss``. Which one minds a few large errors more?
Expect: a mean distance of less than 4 of 56 pixels; points.png shows true and predicted centres.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import minigrad
from inception.figures import new_figure
from minigrad import Tensor, nn, optim
from minigrad.data import DataLoader, Dataset
from minigrad.data.datasets import embedded_clothing
from minigrad.extras import ensure_installed
from minigrad.files import writing

SIZE = 56  # pixels of the canvas; an image of clothing has 28 x 28


class ClothingSomewhere(Dataset):
    """Images of clothing at random positions, each with the centre (x, y) of its bounding box, from -1 to 1."""

    def __init__(self, train: bool, length: int) -> None:
        self.images, self.length, self.seed = embedded_clothing(train).data, length, int(train)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        random = np.random.default_rng((self.seed, index))
        top, left = random.integers(0, SIZE - 28 + 1, 2)
        image = self.images[index % len(self.images)]
        canvas = random.normal(0, 0.05, (1, SIZE, SIZE)).astype(np.float32)
        canvas[0, top : top + 28, left : left + 28] += image / np.float32(255)
        rows, columns = np.flatnonzero(image.max(1) > 40), np.flatnonzero(image.max(0) > 40)
        centre = left + (columns[0] + columns[-1]) / 2, top + (rows[0] + rows[-1]) / 2
        return minigrad.from_numpy(canvas), minigrad.tensor([2 * m / SIZE - 1 for m in centre])


def network() -> nn.Module:
    """Return a network with strided convolutions instead of pooling, which would lose the position."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2),  #    N x 16 x 28 x 28
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),  #   N x 32 x 14 x 14
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, stride=2, padding=1),  #   N x 32 x  7 x  7
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 64),
        nn.ReLU(),
        nn.Linear(64, 2),  #                            N x 2: x and y
    )


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--output", type=Path, default=Path("runs/regression_points"))
    options = parser.parse_args(arguments)
    ensure_installed("matplotlib")

    minigrad.manual_seed(0)
    test = ClothingSomewhere(False, 500)
    loader = DataLoader(ClothingSomewhere(True, options.images), 64, shuffle=True, seed=0)
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=0.002)
    for epoch in range(options.epochs):
        for images, points in loader:
            loss = nn.functional.mse_loss(model(images), points)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with minigrad.no_grad():
            images, points = next(iter(DataLoader(test, len(test))))
            found = model(images)
        pixels = float((found - points).square().sum(1).sqrt().mean()) * SIZE / 2
        print(f"epoch {epoch + 1}: mean distance {pixels:.2f} pixels", flush=True)

    options.output.mkdir(parents=True, exist_ok=True)
    figure = new_figure(figsize=(10, 4.4), layout="constrained")
    figure.suptitle(f"Predicted (×) and true (+) centres; mean distance {pixels:.2f} pixels")
    for i, axes in enumerate(figure.subplots(2, 5).flat):
        axes.imshow(images[i, 0].numpy(), cmap="gray")
        for point, mark, colour in ((points, "+", "#1a7f37"), (found, "x", "#cf222e")):
            x, y = ((point[i].numpy() + 1) * SIZE / 2).tolist()
            axes.plot(x, y, mark, color=colour, markersize=10, markeredgewidth=2)
        axes.axis("off")
    with writing(options.output / "points.png") as file:
        figure.savefig(file, dpi=100)
    print(f"  {options.output / 'points.png'}")
    return pixels


if __name__ == "__main__":
    main()
