"""TensorBoard: a run's numbers, histograms and images in its format.

TensorBoard draws curves of one name in one chart if they lie in different folders.
"""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np

from inception.metrics import Record
from minigrad import nn
from minigrad.devices import to_host
from minigrad.extras import require
from minigrad.printable import printable


class Board:
    """Writes a run for TensorBoard.

    Args:
        folder: where its files go.
        step: steps finished so far; what was written about later ones is hidden.

    Raises:
        ImportError: if tensorboardX is not installed, saying how to install it.
    """

    def __init__(self, folder: Path, step: int) -> None:
        require("--tensorboard", "tensorboardX")
        from tensorboardX import SummaryWriter

        self.writer, self.training, self.validation = (
            SummaryWriter(str(place), purge_step=step + 1 if step else None)
            for place in (folder, folder / "training", folder / "validation")
        )

    def begin(self, recipe: dict[str, object], text: str) -> None:
        """Write the settings of the run, and a line about it."""
        rows = "".join(f"| {name} | {_as_markdown(value)} |\n" for name, value in recipe.items())
        self.writer.add_text("recipe", f"| setting | value |\n|---|---|\n{rows}")
        self.writer.add_text("run", text)

    def scalars(self, record: Record, step: int) -> None:
        """Write every number of a record. Training and validation of an epoch are curves in one chart."""
        together = {
            "train_cross_entropy": (self.training, "loss"),
            "train_accuracy": (self.training, "accuracy"),
            "validation_loss": (self.validation, "loss"),
            "validation_accuracy": (self.validation, "accuracy"),
        }
        for name, value in record.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and name not in ("global_step", "step"):
                writer, title = together.get(name, (self.writer, name))
                writer.add_scalar(f"{record['kind']}/{title}", value, step)

    def histograms(self, model: nn.Module, step: int) -> None:
        """Write the distributions of the weights and gradients of every layer."""
        for name, parameter in model.named_parameters():
            self.writer.add_histogram(f"weights/{name}", to_host(parameter.array).ravel(), step)
            if parameter.grad is not None:
                self.writer.add_histogram(f"gradients/{name}", to_host(parameter.grad.array).ravel(), step)

    def images(self, images: np.ndarray, step: int) -> None:
        """Write images N x 3 x H x W, in any range of values, as a grid."""
        low, high = images.min(), images.max()
        self.writer.add_images("images", (images - low) / max(float(high - low), 1e-9), step)

    def end(self, recipe: dict[str, object], results: dict[str, float]) -> None:
        """Write the results beside the settings, and close the files."""
        from tensorboardX.summary import hparams

        settings = {
            name: value if isinstance(value, int | float) else printable(value) for name, value in recipe.items()
        }
        for summary in hparams(settings, results):  # add_hparams would make another run of them
            self.writer.file_writer.add_summary(summary)
        for name, value in results.items():
            self.writer.add_scalar(name, value)
        for writer in (self.writer, self.training, self.validation):
            writer.close()


def _as_markdown(value: object) -> str:
    """Return a value as text in which no character is markup."""
    return "".join(f"\\{each}" if each in string.punctuation else each for each in printable(value))
