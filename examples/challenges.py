"""Show three ways in which training fails, and what helps, each as a plot of a real run.

    python examples/challenges.py

Question: why does a training go wrong? 1. Overfitting: far more weights than images memorise them. 2. Vanishing
gradients: twelve sigmoids in a row leave almost nothing. 3. Exploding gradients: a recurrent network multiplies by the
same matrix again and again.
Change: the dropout to 0.9, twelve layers to three, the matrix from 1.05 to 0.95. Which failure goes, and which comes?
Expect: cures that work: dropout, weight decay and early stopping; ReLU and batch norm; clipping the norm.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import minigrad
from inception.figures import new_figure
from minigrad import Tensor, nn, optim
from minigrad.data.datasets import Digits
from minigrad.extras import ensure_installed
from minigrad.files import writing
from minigrad.nn.utils import clip_grad_norm_

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def digits(train: bool, count: int) -> tuple[Tensor, Tensor]:
    """Return ``count`` images as rows of 64 pixels from 0 to 1, and their labels."""
    data = Digits(train)
    images = data.data[:count].reshape(-1, 64).astype(np.float32) / 255
    return minigrad.from_numpy(images), minigrad.from_numpy(data.targets[:count])


def overfitting(axes: Axes, epochs: int) -> dict[str, list[float]]:
    """Return the validation losses of a network with and without regularisation, and plot them."""
    x, labels = digits(True, 100)
    noise = minigrad.from_numpy(np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)) * 0.2
    test_x, test_labels = digits(False, 360)
    curves = {}
    for name, dropout, decay in (("no cure", 0.0, 0.0), ("dropout and weight decay", 0.5, 1.0)):
        minigrad.manual_seed(1)
        model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Dropout(dropout), nn.Linear(512, 10))
        optimizer = optim.AdamW(model.parameters(), lr=0.01, weight_decay=decay)
        training, validation = [], []
        for _ in range(epochs):
            model.train()
            loss = nn.functional.cross_entropy(model(x + noise), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            model.eval()
            with minigrad.no_grad():
                training.append(loss.item())
                validation.append(nn.functional.cross_entropy(model(test_x), test_labels).item())
        line = axes.plot(validation, label=f"{name}: validation")[0]
        axes.plot(training, "--", color=line.get_color(), label=f"{name}: training")
        curves[name] = validation
    best = int(np.argmin(curves["no cure"]))
    axes.plot(best, curves["no cure"][best], "v", color="black", label="stop here (early stopping)")
    axes.set(title="Overfitting: 100 noisy images, 38,000 weights", xlabel="epoch", ylabel="loss", ylim=(0, 1.5))
    return curves


def vanishing(axes: Axes, depth: int = 12) -> dict[str, list[float]]:
    """Return the norm of the gradient at each layer of a deep network in its first step, and plot it."""
    x, labels = digits(True, 256)
    norms = {}
    for name, activation, norm in (("sigmoid", nn.Sigmoid, False), ("ReLU and batch norm", nn.ReLU, True)):
        minigrad.manual_seed(0)
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [nn.Linear(64, 64), *([nn.BatchNorm1d(64)] if norm else []), activation()]
        model = nn.Sequential(*layers, nn.Linear(64, 10))
        nn.functional.cross_entropy(model(x), labels).backward()
        found = [float(layer.weight.grad.norm()) for layer in model if isinstance(layer, nn.Linear)]
        axes.semilogy(range(1, len(found) + 1), found, "o-", label=name)
        norms[name] = found
    axes.set(title="Vanishing gradients", xlabel="layer", ylabel="norm of its weights' gradient")
    return norms


def exploding(axes: Axes, steps: int) -> dict[str, list[float]]:
    """Return the losses of a recurrent network over 30 steps with and without gradient clipping, and plot them."""
    curves = {}
    for name, clip in (("no cure", None), ("gradients clipped to norm 1", 1.0)):
        minigrad.manual_seed(0)
        matrix = (minigrad.eye(8) * 1.05 + 0.1 * minigrad.randn(8, 8)).requires_grad_()
        start, target = minigrad.randn(16, 8), minigrad.zeros(16, 8)
        optimizer = optim.SGD([matrix], lr=0.02)
        losses = []
        for _ in range(steps):
            state = start
            for _ in range(30):
                state = state @ matrix
            loss = nn.functional.smooth_l1_loss(state, target)
            optimizer.zero_grad()
            loss.backward()
            if clip is not None:
                clip_grad_norm_([matrix], clip)
            optimizer.step()
            losses.append(loss.item())
        finite = np.array(losses)[np.isfinite(losses)]  # after an overflow the loss is infinite or NaN
        axes.semilogy(finite, "o-", markersize=3, label=name if len(finite) == steps else f"{name}: overflow at ×")
        if len(finite) < steps:
            axes.semilogy(len(finite) - 1, finite[-1], "x", color="black", markersize=12)
        curves[name] = losses
    axes.set(title="Exploding gradients: 30 times the same matrix", xlabel="step", ylabel="loss")
    return curves


def main(arguments: list[str] | None = None) -> tuple[dict[str, list[float]], ...]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--output", type=Path, default=Path("runs/challenges"))
    options = parser.parse_args(arguments)
    ensure_installed("matplotlib", "sklearn")
    figure = new_figure(figsize=(16, 4.8), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    with np.errstate(over="ignore", invalid="ignore"):  # the third lesson overflows on purpose
        results = overfitting(first, options.steps), vanishing(second), exploding(third, options.steps)
    for axes in (first, second, third):
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    options.output.mkdir(parents=True, exist_ok=True)
    with writing(options.output / "challenges.png") as file:
        figure.savefig(file, dpi=100)
    print(f"  {options.output / 'challenges.png'}")
    return results


if __name__ == "__main__":
    main()
