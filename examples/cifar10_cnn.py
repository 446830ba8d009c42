"""Train a small network on CIFAR-10, as in the ROCm documentation: batches of 4, SGD with momentum, two epochs.

    python examples/cifar10_cnn.py --root FOLDER     cifar-10-batches-py or -bin, as published
    python examples/cifar10_cnn.py                   synthetic images of the same size, as a trial

Question: can a program that was written for another library be followed line by line here, up to saving and loading?
Change: the batch size from 4 to 64, with the same learning rate; then with a rate that is 16 times as high.
Expect: an accuracy for each class, well above a guess (10 %), and the file predictions.png with images and answers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import minigrad
from inception.figures import draw_predictions
from inception.image_sets import Originals
from inception.weights import load_weights, save_weights
from minigrad import nn, optim
from minigrad.data import DataLoader, Subset, transforms
from minigrad.data.datasets import CIFAR10, SyntheticImages
from minigrad.extras import ensure_installed


def network() -> nn.Module:
    """Return a LeNet for images with three channels."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5),  #    N x  6 x 28 x 28
        nn.ReLU(),
        nn.MaxPool2d(2),  #       N x  6 x 14 x 14
        nn.Conv2d(6, 16, 5),  #   N x 16 x 10 x 10
        nn.ReLU(),
        nn.MaxPool2d(2),  #       N x 16 x  5 x  5
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder of CIFAR-10")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--limit", type=int, help="use only the first LIMIT images")
    parser.add_argument("--output", type=Path, default=Path("runs/cifar10_cnn"))
    options = parser.parse_args(arguments)
    ensure_installed("matplotlib", "PIL", "safetensors")

    minigrad.manual_seed(0)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)])
    if options.root is None:
        sets = [SyntheticImages(length, 32, 10, seed, transform) for length, seed in ((10_000, 0), (500, 1))]
        classes: tuple[str, ...] = sets[0].classes
    else:
        try:
            sets = [CIFAR10(options.root, train, transform) for train in (True, False)]
        except (OSError, ValueError) as error:  # files that are missing or damaged
            raise SystemExit(f"error: {error}") from None
        classes = CIFAR10.classes
    train, test = (Subset(s, range(min(len(s), options.limit or len(s)))) for s in sets)
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    for epoch in range(options.epochs):
        running = 0.0
        for step, (images, labels) in enumerate(DataLoader(train, 4, shuffle=True, seed=epoch), 1):
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item()
            if step % 2000 == 0 or step * 4 >= len(train):
                print(f"epoch {epoch + 1}, step {step:5}: loss {running / ((step - 1) % 2000 + 1):.3f}", flush=True)
                running = 0.0

    options.output.mkdir(parents=True, exist_ok=True)
    save_weights(model, options.output / "weights.safetensors")
    again = network()
    load_weights(again, options.output / "weights.safetensors")
    again.eval()
    found: list[int] = []
    truth: list[int] = []
    with minigrad.no_grad():
        for images, labels in DataLoader(test, 100):
            found += again(images).argmax(1).tolist()
            truth += labels.tolist()
    for number, name in enumerate(classes):
        those = [answer for answer, label in zip(found, truth, strict=True) if label == number]
        if those:
            print(f"  {name:12} {those.count(number) / len(those):6.1%}")
    share = sum(a == b for a, b in zip(found, truth, strict=True)) / len(truth)
    print(f"{share:.1%} of {len(truth):,} test images are classified correctly")
    path = options.output / "predictions.png"
    draw_predictions(Originals(test), truth, found, classes, path)
    print(f"  {path}")
    return share


if __name__ == "__main__":
    main()
