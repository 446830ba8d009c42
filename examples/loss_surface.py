"""Draw the loss as a landscape, and the path that gradient descent takes on it.

    python examples/loss_surface.py

Question: what does "downhill" look like? Left: a model with two weights, so that the plot is complete:
y = tanh(w · x) · v, fitted to a few points. Right: a network with thousands of weights, on the plane in which its path
moves most: its first two principal directions (Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets").
Change: the start of the two weights to (0.4, -2.4). Which minimum does the path find?
Expect: a path at right angles to the contours, with steps that shorten as the slope does; surface.png shows both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import minigrad
from inception.figures import new_figure
from minigrad import Tensor, nn, optim
from minigrad.data.datasets import Digits
from minigrad.extras import ensure_installed
from minigrad.files import writing
from minigrad.nn.utils import parameters_to_vector, vector_to_parameters

if TYPE_CHECKING:
    from mpl_toolkits.mplot3d import Axes3D

Loss = Callable[[np.ndarray], float]


def two_weights(steps: int) -> tuple[Loss, np.ndarray]:
    """Return the loss function of a model with two weights, and the path of gradient descent: (steps + 1, 2)."""
    x = minigrad.linspace(-2, 2, 21)
    y = minigrad.tanh(1.5 * x) * 1.2
    weights = minigrad.tensor([-0.4, 2.4], requires_grad=True)
    optimizer = optim.SGD([weights], lr=0.15)

    def loss(w: Tensor) -> Tensor:
        return nn.functional.mse_loss(minigrad.tanh(w[0] * x) * w[1], y)

    path = [weights.detach().numpy().copy()]
    for _ in range(steps):
        optimizer.zero_grad()
        loss(weights).backward()
        optimizer.step()
        path.append(weights.detach().numpy().copy())
    return lambda point: loss(minigrad.tensor(point.tolist())).item(), np.array(path)


def network(steps: int) -> tuple[Loss, np.ndarray, tuple[float, float]]:
    """Return a network's loss on the plane of its path, the path in that plane, and the share of it along each axis."""
    minigrad.manual_seed(0)
    digits = Digits()
    images = minigrad.from_numpy(digits.data[:500].reshape(500, -1).astype(np.float32) / 255)
    labels = minigrad.from_numpy(digits.targets[:500])
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    optimizer = optim.SGD(model.parameters(), lr=0.5)

    def loss() -> Tensor:
        return nn.functional.cross_entropy(model(images), labels)

    path = [parameters_to_vector(model.parameters()).detach().numpy().copy()]
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        path.append(parameters_to_vector(model.parameters()).detach().numpy().copy())
    end = path[-1]
    offsets = np.array(path) - end
    _, sizes, directions = np.linalg.svd(offsets, full_matrices=False)
    plane = directions[:2]

    def loss_at(point: np.ndarray) -> float:
        with minigrad.no_grad():
            vector_to_parameters(minigrad.from_numpy((end + point @ plane).astype(np.float32)), model.parameters())
            return loss().item()

    shares = sizes[:2] ** 2 / (sizes**2).sum()
    return loss_at, offsets @ plane.T, (float(shares[0]), float(shares[1]))


def draw(axes: Axes3D, loss: Loss, path: np.ndarray, resolution: int) -> None:
    """Draw the landscape around a path, and the path on it."""
    low, high = path.min(0), path.max(0)
    low, high = low - 0.35 * (high - low) - 1e-3, high + 0.35 * (high - low) + 1e-3
    across, along = (np.linspace(low[i], high[i], resolution) for i in (0, 1))
    heights = np.array([[loss(np.array([a, b])) for a in across] for b in along])
    losses = np.array([loss(point) for point in path])
    axes.computed_zorder = False
    axes.plot_surface(*np.meshgrid(across, along), heights, cmap="viridis", alpha=0.85, linewidth=0, zorder=1)
    axes.plot(path[:, 0], path[:, 1], losses + 0.02 * np.ptp(heights), "o-", color="#cf222e", markersize=2.5, zorder=2)
    axes.set_zlabel("loss")
    axes.view_init(38, -60)


def main(arguments: list[str] | None = None) -> list[float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--resolution", type=int, default=40)
    parser.add_argument("--output", type=Path, default=Path("runs/loss_surface"))
    options = parser.parse_args(arguments)
    ensure_installed("matplotlib", "sklearn")

    figure = new_figure(figsize=(13, 6))
    loss, path = two_weights(options.steps)
    left = figure.add_subplot(1, 2, 1, projection="3d")
    draw(left, loss, path, options.resolution)
    left.set(title=f"Two weights: loss {loss(path[0]):.2f} → {loss(path[-1]):.3f}", xlabel="w", ylabel="v")
    deep, deep_path, shares = network(options.steps)
    right = figure.add_subplot(1, 2, 2, projection="3d")
    draw(right, deep, deep_path, options.resolution)
    start, end = deep(deep_path[0]), deep(deep_path[-1])
    right.set(title=f"2,410 weights: loss {start:.2f} → {end:.3f}", xlabel=f"{shares[0]:.0%} of the path")
    right.set_ylabel(f"{shares[1]:.0%} of the path")
    options.output.mkdir(parents=True, exist_ok=True)
    with writing(options.output / "surface.png") as file:
        figure.savefig(file, dpi=100, bbox_inches="tight")
    print(f"  {options.output / 'surface.png'}")
    return [loss(path[0]), loss(path[-1]), start, end]


if __name__ == "__main__":
    main()
