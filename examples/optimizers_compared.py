"""Compare SGD, momentum, Adam, NAdam, Lion and RMSprop on one surface and on one network.

    python examples/optimizers_compared.py

Question: why not just follow the gradient? The surface is a narrow, bent valley (Rosenbrock's function); the network
learns handwritten digits.
Change: give all optimisers the learning rate of SGD. Which of them still work?
Expect: plain gradient descent falls into the valley and creeps; momentum runs along it; adaptive methods scale each
direction by its past gradients. On the network they differ far less.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

import minigrad
from inception.figures import new_figure
from minigrad import Tensor, nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.data.datasets import Digits
from minigrad.extras import ensure_installed
from minigrad.files import writing

Make = Callable[[Iterable[Tensor], float], optim.Optimizer]
#: Each optimiser, its learning rate on the surface, and its learning rate for the network.
OPTIMIZERS: dict[str, tuple[Make, float, float]] = {
    "SGD": (lambda p, lr: optim.SGD(p, lr=lr), 1e-3, 0.1),
    "momentum": (lambda p, lr: optim.SGD(p, lr=lr, momentum=0.9), 5e-4, 0.05),
    "Adam": (lambda p, lr: optim.Adam(p, lr=lr), 0.05, 2e-3),
    "NAdam": (lambda p, lr: optim.NAdam(p, lr=lr), 0.05, 2e-3),
    "Lion": (lambda p, lr: optim.Lion(p, lr=lr), 0.01, 1e-3),
    "RMSprop": (lambda p, lr: optim.RMSprop(p, lr=lr), 0.01, 1e-3),
}


def valley(point: Tensor) -> Tensor:
    """Return Rosenbrock's function of a point (x, y); its minimum is 0 at (1, 1)."""
    x, y = point[0], point[1]
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def path_of(make: Make, lr: float, steps: int) -> np.ndarray:
    """Return the path of an optimiser in the valley: (steps + 1, 2)."""
    point = minigrad.tensor([-1.3, 1.0], requires_grad=True)
    optimizer = make([point], lr)
    path = [point.detach().numpy().copy()]
    for _ in range(steps):
        optimizer.zero_grad()
        valley(point).backward()
        optimizer.step()
        path.append(point.detach().numpy().copy())
    return np.array(path)


def learn(make: Make, lr: float, epochs: int) -> list[float]:
    """Train a network on the digits, always from the same weights; return the training loss after every epoch."""
    minigrad.manual_seed(0)
    digits = Digits()
    images = minigrad.from_numpy(digits.data.reshape(len(digits), -1).astype(np.float32) / 255)
    data = TensorDataset(images, minigrad.from_numpy(digits.targets))
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = make(model.parameters(), lr)
    losses = []
    loader = DataLoader(data, 64, shuffle=True, seed=0)
    for _ in range(epochs):
        total = 0.0
        for inputs, labels in loader:
            loss = nn.functional.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        losses.append(total / len(data))
    return losses


def main(arguments: list[str] | None = None) -> dict[str, tuple[float, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--output", type=Path, default=Path("runs/optimizers_compared"))
    options = parser.parse_args(arguments)
    ensure_installed("matplotlib", "sklearn")

    figure = new_figure(figsize=(13, 5), layout="constrained")
    surface, curves = figure.subplots(1, 2)
    x, y = np.meshgrid(np.linspace(-1.8, 1.6, 200), np.linspace(-0.6, 2.2, 200))
    heights = np.log10((1 - x) ** 2 + 100 * (y - x * x) ** 2 + 1e-3)
    surface.contourf(x, y, heights, levels=25, cmap="Greys", alpha=0.7)
    surface.plot(1, 1, "*", color="black", markersize=14)
    results = {}
    for name, (make, lr_surface, lr_network) in OPTIMIZERS.items():
        path = path_of(make, lr_surface, options.steps)
        losses = learn(make, lr_network, options.epochs)
        distance = float(np.linalg.norm(path[-1] - 1))
        results[name] = (distance, losses[-1])
        surface.plot(*path.T, linewidth=1.6, label=f"{name}: {distance:.2f} away")
        curves.plot(range(1, len(losses) + 1), losses, "o-", markersize=3, label=f"{name}, lr {lr_network:g}")
        print(f"{name:9} {distance:.3f} from the minimum; training loss of the network {losses[-1]:.3f}", flush=True)
    surface.set(title=f"{options.steps} steps in a bent valley", xlim=(-1.8, 1.6), ylim=(-0.6, 2.2))
    curves.set(title="A network learns digits", xlabel="epoch", ylabel="training loss", yscale="log")
    for axes in (surface, curves):
        axes.legend(fontsize=8)
    options.output.mkdir(parents=True, exist_ok=True)
    with writing(options.output / "optimizers.png") as file:
        figure.savefig(file, dpi=100)
    print(f"  {options.output / 'optimizers.png'}")
    return results


if __name__ == "__main__":
    main()
