"""Tell good reviews from bad ones, with a learned vector for each word (an embedding).

    python examples/sentiment.py --root aclImdb     the 50,000 reviews of the Large Movie Review Dataset
    python examples/sentiment.py                    synthetic reviews from a few dozen words, as a trial

Question: how does a network read words? (Each has a vector of 16 elements. One layer maps the mean over a review's
words to a score, and the loss is binary cross entropy.)
Change: 16 elements to 1. Is a single number for each word enough to say good or bad?
Expect: an accuracy above 85 % on the synthetic reviews. Since only the mean counts, "not good" is beyond this network.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import minigrad
from inception.figures import new_figure
from minigrad import Tensor, nn, optim
from minigrad.data import DataLoader
from minigrad.data.datasets import TextFolder, Vocabulary
from minigrad.extras import ensure_installed
from minigrad.files import writing

GOOD = "wonderful moving brilliant touching funny superb charming clever honest gripping warm"
BAD = "boring awful clumsy predictable dull tedious flat pointless shallow noisy forgettable"
OTHER = "the film plot actors scene music camera story ending it was and with a of this very"


class Classifier(nn.Module):
    """Map the mean of the words' vectors to a score: above 0 for a good review."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 16, padding_idx=0)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(16, 1)

    def forward(self, numbers: Tensor) -> Tensor:
        vectors = self.embedding(numbers)  #                        N x words x 16
        real = (numbers != 0).to(vectors.dtype).unsqueeze(2)  #     N x words x 1: 0 for padding
        mean = (vectors * real).sum(1) / real.sum(1).clamp(min=1)  # N x 16
        return self.output(self.dropout(mean)).squeeze(1)  #        N


def synthetic(count: int, seed: int) -> list[tuple[str, int]]:
    """Return reviews with labels (1 for good), most of whose telling words agree with the label."""
    random = np.random.default_rng(seed)
    good, bad, neutral = (words.split() for words in (GOOD, BAD, OTHER))
    reviews = []
    for i in range(count):
        telling, other = (good, bad) if i % 2 else (bad, good)
        said = [*random.choice(neutral, 15), *random.choice(telling, random.integers(1, 5))]
        said += [*random.choice(other, random.integers(0, 2))]
        reviews.append((" ".join(random.permutation(said)), i % 2))
    return reviews


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="the folder aclImdb")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--length", type=int, default=250, help="number of words of each review that are used")
    parser.add_argument("--output", type=Path, default=Path("runs/sentiment"))
    options = parser.parse_args(arguments)
    ensure_installed("matplotlib")

    minigrad.manual_seed(0)
    if options.root is None:
        train, test = synthetic(4000, 0), synthetic(1000, 1)
    else:
        try:
            train, test = ([(t, c) for t, c in iter_items(TextFolder(options.root, s))] for s in ("train", "test"))
        except (OSError, ValueError) as error:  # files that are missing or damaged
            raise SystemExit(f"error: {error}") from None
    vocabulary = Vocabulary((text for text, _ in train), 10_000)

    def collate(items: list[tuple[str, int]]) -> tuple[Tensor, Tensor]:
        texts, labels = zip(*items, strict=True)
        return vocabulary.batch(texts, options.length), minigrad.tensor([float(label) for label in labels])

    model = Classifier(len(vocabulary))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    loss_function = nn.BCEWithLogitsLoss()
    curves: dict[str, list[float]] = {name: [] for name in ("training loss", "test loss", "test accuracy")}
    for epoch in range(options.epochs):
        model.train()
        losses = []
        for numbers, labels in DataLoader(train, 64, shuffle=True, seed=epoch, collate_fn=collate):
            loss = loss_function(model(numbers), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with minigrad.no_grad():
            numbers, labels = collate(test)
            scores = model(numbers)
            values = (
                np.mean(losses),
                loss_function(scores, labels).item(),
                ((scores > 0) == (labels > 0)).float().mean(),
            )
        for name, value in zip(curves, values, strict=True):
            curves[name].append(float(value))
        print(f"epoch {epoch + 1:2}: " + ", ".join(f"{name} {curve[-1]:.3f}" for name, curve in curves.items()))

    options.output.mkdir(parents=True, exist_ok=True)
    figure = new_figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(range(1, len(curve) + 1), curve, label=name)
    axes.set(xlabel="epoch", title="Reviews, by the mean of their words' vectors")
    axes.locator_params("x", integer=True)
    axes.legend()
    with writing(options.output / "curves.png") as file:
        figure.savefig(file, dpi=100)
    print(f"  {options.output / 'curves.png'}")
    return curves["test accuracy"][-1]


def iter_items(dataset: TextFolder) -> list[tuple[str, int]]:
    """Return all items of a dataset."""
    return [dataset[i] for i in range(len(dataset))]


if __name__ == "__main__":
    main()
