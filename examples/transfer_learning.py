"""Reuse what a network has learned about seven kinds of clothing for three new kinds (transfer learning).

    python examples/transfer_learning.py

Question: can 20 images of a new class be enough? (The first layers detect edges and textures, useful for other
images too. They are kept unchanged, frozen, and only a new last layer is trained: here 1,731 of 25,251 weights. Frozen
layers always give the same features for an image, so these are computed once.)
Change: --images 500. The same network trained from scratch takes several times as long; when does it get further?
Expect: above 60 % for three classes, where a guess has 33 %; curves.png compares the two.
With Inception V3 and your own images: ``python -m inception train --recipe transfer --root … --weights …``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import minigrad
from inception.figures import new_figure
from minigrad import Tensor, nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.data.datasets import embedded_clothing
from minigrad.extras import ensure_installed
from minigrad.files import writing

NEW = (0, 3, 6)  # T-shirt, dress and shirt
KNOWN = tuple(label for label in range(10) if label not in NEW)


def images_of(labels: tuple[int, ...], train: bool, per_class: int | None = None) -> TensorDataset:
    """Return the images of some classes, with labels numbered from 0 in the order given."""
    clothing = embedded_clothing(train)
    chosen = np.concatenate([np.flatnonzero(clothing.targets == label)[:per_class] for label in labels])
    images = clothing.data[chosen, None].astype(np.float32) / 255 - 0.3
    numbers = np.array([labels.index(label) for label in clothing.targets[chosen]], np.int64)
    return TensorDataset(minigrad.from_numpy(images), minigrad.from_numpy(numbers))


class Network(nn.Module):
    """Convolutional layers (``features``) and one linear layer (``head``) that gives the scores."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers, nn.Flatten())  # N x 1 x 28 x 28 -> N x 576
        self.head = nn.Linear(64 * 3 * 3, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def train(model: nn.Module, data: TensorDataset, test: TensorDataset, steps: int, lr: float) -> list[float]:
    """Train with Adam; return the test accuracy after every tenth of the steps."""
    optimizer = optim.Adam(model.parameters(), lr=lr)
    accuracies, loader, taken = [], DataLoader(data, min(32, len(data)), shuffle=True, seed=0, drop_last=True), 0
    while taken < steps:
        for images, labels in loader:
            model.train()
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            taken += 1
            if taken % max(1, steps // 10) == 0:
                accuracies.append(accuracy(model, test))
            if taken == steps:
                break
    return accuracies


def accuracy(model: nn.Module, data: TensorDataset) -> float:
    """Return the share of images that are classified correctly."""
    model.eval()
    with minigrad.no_grad():
        images, labels = data.tensors
        return float((model(images).argmax(1) == labels).float().mean())


def features_of(model: Network, data: TensorDataset) -> TensorDataset:
    """Return the features that the frozen layers compute for every image, with the labels."""
    model.eval()
    with minigrad.no_grad():
        return TensorDataset(model.features(data.tensors[0]), data.tensors[1])


def main(arguments: list[str] | None = None) -> tuple[float, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600, help="steps of training on the known classes")
    parser.add_argument("--images", type=int, default=20, help="number of images of each new class")
    parser.add_argument("--output", type=Path, default=Path("runs/transfer_learning"))
    options = parser.parse_args(arguments)
    ensure_installed("matplotlib")

    minigrad.manual_seed(0)
    model = Network(len(KNOWN))
    known = train(model, images_of(KNOWN, True), images_of(KNOWN, False), options.steps, 0.002)
    print(f"seven known classes: {known[-1]:.1%} of the test images are classified correctly")
    few, test = images_of(NEW, True, options.images), images_of(NEW, False)
    model.head = nn.Linear(64 * 3 * 3, len(NEW))  # the new last layer
    start = time.perf_counter()
    curves = {
        "frozen features, new head": train(model.head, features_of(model, few), features_of(model, test), 100, 0.005)
    }
    between = time.perf_counter()
    curves["from scratch"] = train(Network(len(NEW)), few, test, 100, 0.002)
    seconds = between - start, time.perf_counter() - between
    for (name, curve), taken in zip(curves.items(), seconds, strict=True):
        print(f"three new classes, {options.images} images of each, {name}: {curve[-1]:.1%} in {taken:.2f} s")

    options.output.mkdir(parents=True, exist_ok=True)
    figure = new_figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(range(10, 10 * len(curve) + 1, 10), curve, "o-", label=name)
    axes.set(
        xlabel="step",
        ylabel="test accuracy",
        title=f"T-shirt, dress or shirt, from {options.images} images of each",
    )
    axes.legend()
    with writing(options.output / "curves.png") as file:
        figure.savefig(file, dpi=100)
    print(f"  {options.output / 'curves.png'}")
    return curves["frozen features, new head"][-1], curves["from scratch"][-1]


if __name__ == "__main__":
    main()
