"""What a person should see of a run while it lasts: gradient norms, dead units, memory; and warnings to act on."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from inception.blocks import BasicConv2d
from minigrad import Tensor, nn
from minigrad.device import to_host
from minigrad.extras import require
from minigrad.system import memory_in_use

EXPLODING = 30.0  # times the usual norm of all gradients
VANISHING = 1e-7  # of the norm of the weights
DEAD = 0.75  # share of a layer's channels
RISES = 2  # epochs in a row


def gradient_norms(model: nn.Module) -> dict[str, float]:
    """The norm of the gradients of each layer (a child of the model), and of all together, under "total"."""
    norms = {}
    for name, child in model.named_children():
        squares = [_square(p.grad) for p in child.parameters() if p.grad is not None]
        if squares:
            norms[name] = math.sqrt(sum(squares))
    return {**norms, "total": math.sqrt(sum(norm * norm for norm in norms.values()))}


def _square(x: Tensor) -> float:
    flat = x.array.ravel(order="K")
    return float(to_host(np.dot(flat, flat)))


def weight_norm(model: nn.Module) -> float:
    """The norm of all parameters together."""
    return math.sqrt(sum(_square(p) for p in model.parameters()))


def memory_megabytes() -> float | None:
    """What this process holds now; None where the system does not say."""
    used = memory_in_use()
    return None if used is None else used / 2**20


class Watch:
    """Looks at a run as it goes, and says what a person could do something about; each thing once an epoch."""

    def __init__(self) -> None:
        self.norms: deque[float] = deque(maxlen=50)
        self.losses: list[float] = []
        self.said: set[str] = set()

    def gradients(self, total: float, weights: float) -> list[str]:
        """Warnings about the norm of all gradients, beside that of the weights."""
        found = []
        usual = median(self.norms) if len(self.norms) >= 5 else None
        if usual is not None and total > EXPLODING * usual:
            found.append(
                f"gradients explode: their norm is {total:.3g}, usually {usual:.2g}. Clip them (--clip 1) or lower --lr"
            )
        if total < VANISHING * weights:
            found.append(
                f"gradients vanish: their norm is {total:.3g}, that of the weights {weights:.3g}. Raise --lr, or look "
                "whether a layer is frozen or dead"
            )
        self.norms.append(total)
        return self._once(found)

    def dead(self, shares: dict[str, float]) -> list[str]:
        """A warning about layers most of whose channels are 0 for every picture."""
        worst = sorted(((share, name) for name, share in shares.items() if share > DEAD), reverse=True)
        if not worst:
            return []
        shown = ", ".join(f"{name} {share:.0%}" for share, name in worst[:3])
        return self._once([
            f"ReLUs are dead, that is 0 for every picture that was tried: most of {len(worst)} layers ({shown}). Lower "
            "--lr, or train longer if this is the beginning"
        ])  # fmt: skip

    def validation(self, loss: float) -> list[str]:
        """Warnings about a validation loss that turns up; and a new epoch begins."""
        self.said.clear()
        self.losses.append(loss)
        last = self.losses[-RISES - 1 :]
        if len(last) > RISES and all(later > earlier for earlier, later in pairwise(last)):
            return [
                f"the validation loss has risen for {RISES} epochs ({' → '.join(f'{x:.3f}' for x in last)}): the model "
                "learns the training pictures by heart. Stop early (--patience), or --augment, --weight-decay, --mixup"
            ]
        return []

    def _once(self, warnings: list[str]) -> list[str]:
        """Those that have not been said in this epoch; two words tell what a warning is about."""
        new = {" ".join(warning.split()[:2]): warning for warning in warnings}
        new = {about: warning for about, warning in new.items() if about not in self.said}
        self.said |= new.keys()
        return list(new.values())


@contextmanager
def dead_channels(model: nn.Module) -> Iterator[dict[str, float]]:
    """While it is entered, sees what comes out of the convolution blocks; afterwards the dict has, for each, the share
    of its channels that were 0 at every place of every picture."""
    alive: dict[str, Any] = {}
    shares: dict[str, float] = {}

    def look(name: str) -> Any:
        def hook(module: Any, inputs: Any, output: Tensor) -> None:
            positive = to_host((output.array > 0).any(axis=(0, 2, 3)))
            alive[name] = positive | alive.get(name, False)

        return hook

    handles = [
        module.register_forward_hook(look(name))
        for name, module in model.named_modules()
        if isinstance(module, BasicConv2d)
    ]
    try:
        yield shares
    finally:
        for handle in handles:
            handle.remove()
        shares.update({name: float(1 - found.mean()) for name, found in alive.items()})


class Board:
    """Writes a run for TensorBoard, if tensorboardX is installed.

    Raises:
        ImportError: if it is not, saying how to install it.
    """

    def __init__(self, folder: Path, step: int) -> None:
        require("--tensorboard", "tensorboardX")
        from tensorboardX import SummaryWriter

        self.writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def begin(self, recipe: dict[str, Any], text: str) -> None:
        """The run's settings, as text and as hyperparameters."""
        rows = "".join(f"| {name} | {value} |\n" for name, value in recipe.items())
        self.writer.add_text("recipe", f"| setting | value |\n|---|---|\n{rows}")
        self.writer.add_text("run", text)

    def scalars(self, record: dict[str, Any], step: int) -> None:
        """Every number of a record."""
        for name, value in record.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and name not in ("global_step", "step"):
                self.writer.add_scalar(f"{record['kind']}/{name}", value, step)

    def histograms(self, model: nn.Module, step: int) -> None:
        """The weights of every layer, and their gradients."""
        for name, parameter in model.named_parameters():
            self.writer.add_histogram(f"weights/{name}", to_host(parameter.array).ravel(), step)
            if parameter.grad is not None:
                self.writer.add_histogram(f"gradients/{name}", to_host(parameter.grad.array).ravel(), step)

    def pictures(self, images: np.ndarray, step: int) -> None:
        """Pictures N x 3 x H x W, of any range, as a grid."""
        low, high = images.min(), images.max()
        self.writer.add_images("pictures", (images - low) / max(float(high - low), 1e-9), step)

    def end(self, recipe: dict[str, Any], results: dict[str, float]) -> None:
        """What came out, beside the settings."""
        settings = {
            name: value if isinstance(value, int | float | str) else str(value) for name, value in recipe.items()
        }
        self.writer.add_hparams(settings, results)
        self.writer.close()
