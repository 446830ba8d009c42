"""Sphinx extension: a training step of a small network as a page to step through, which the chapters link to."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

import minigrad
from minigrad import nn, optim, viewer
from minigrad.data.datasets import embedded_clothing

EXTRA = Path(__file__).parent / "extra"


def write(path: Path) -> None:
    """Record one training step on two images of clothing, of 14 × 14 pixels; write the page."""
    minigrad.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3),  #   2 x 3 x 12 x 12
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),  #      2 x 3 x  6 x  6
        nn.Flatten(),
        nn.Linear(108, 10),
    )
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    clothing = embedded_clothing()
    images = minigrad.from_numpy(clothing.data[:2, ::2, ::2]).float().unsqueeze(1) / 127.5 - 1
    labels = minigrad.from_numpy(clothing.targets[:2])
    path.parent.mkdir(exist_ok=True)
    with viewer.record(model, path, "One training step, by its own numbers"):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write the page before the site is built; `html_extra_path` copies it."""
    app.connect("builder-inited", lambda app: write(EXTRA / "training-step.html"))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
