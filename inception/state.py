"""The state of a training run between two steps, which can be saved and restored."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, cast

import minigrad
from inception.build import build_average, build_model, build_optimizer
from inception.model import InceptionV3
from inception.recipes import Recipe
from inception.step_result import StepResult
from inception.watch import Watch
from inception.weights import load_into
from minigrad import Tensor, checkpoint, optim
from minigrad.amp import GradScaler
from minigrad.nn.averaging import AveragedModel
from minigrad.optim.lr_scheduler import LRScheduler


@dataclass
class Progress:
    """Sums over the steps of the current epoch."""

    seen: int = 0
    correct: int = 0
    loss_sum: float = 0.0

    def add(self, result: StepResult) -> None:
        """Add the batches of one step."""
        for loss, correct, count in zip(result.losses, result.correct, result.counts, strict=True):
            self.seen += count
            self.loss_sum += loss * count
            self.correct += correct

    @property
    def loss(self) -> float:
        """The mean loss over the images seen."""
        return self.loss_sum / max(self.seen, 1)

    @property
    def accuracy(self) -> float:
        """The share of the images seen whose highest score was that of their class."""
        return self.correct / max(self.seen, 1)


@dataclass
class Best:
    """The epoch with the lowest validation loss so far."""

    epoch: int = 0
    loss: float = math.inf

    def update(self, epoch: int, loss: float) -> bool:
        """Record an epoch; return whether it is the best so far."""
        if loss < self.loss:
            self.epoch, self.loss = epoch, loss
            return True
        return False


@dataclass
class Training:
    """Everything that the next step depends on."""

    recipe: Recipe
    model: InceptionV3
    optimizer: optim.Optimizer
    scheduler: LRScheduler | None
    steps_per_epoch: int
    ema: AveragedModel | None = None
    scaler: GradScaler = field(default_factory=lambda: GradScaler(enabled=False))  # for mixed precision
    epoch: int = 0  # epochs finished
    step: int = 0  # steps finished in the current epoch
    progress: Progress = field(default_factory=Progress)
    best: Best = field(default_factory=Best)
    watch: Watch = field(default_factory=Watch)

    @staticmethod
    def from_recipe(recipe: Recipe, num_classes: int, steps_per_epoch: int) -> Training:
        """Return a run before its first step, with everything that is random drawn from the recipe's seed.

        Raises:
            FileNotFoundError, CheckpointError: for initial weights that cannot be read, or are of another architecture.
            ValueError: for a layer to freeze that the model does not have.
        """
        minigrad.manual_seed(recipe.seed)
        model = build_model(recipe, num_classes)
        ema = build_average(recipe, model)
        optimizer, scheduler = build_optimizer(recipe, model, steps_per_epoch)
        return Training(recipe, model, optimizer, scheduler, steps_per_epoch, ema, GradScaler(enabled=recipe.amp))

    @property
    def global_step(self) -> int:
        """Steps finished since the start of the run."""
        return self.epoch * self.steps_per_epoch + self.step

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def tested_model(self) -> InceptionV3:
        """The model that is tested and kept: the average of the weights, if the recipe wants one."""
        return self.model if self.ema is None else cast(InceptionV3, self.ema.module)

    @property
    def ended(self) -> bool:
        """True after all epochs, or after ``patience`` epochs without a better one."""
        patience = self.recipe.patience
        return self.epoch >= self.recipe.epochs or (patience is not None and self.epoch - self.best.epoch >= patience)

    def begin_epoch(self) -> None:
        """Start or continue an epoch; at its start, switch to SGD if the recipe says so."""
        if self.step == 0:
            self.progress = Progress()
            if self.epoch == self.recipe.sgd_after:
                self._switch_to_sgd()

    def finish_step(self, result: StepResult) -> None:
        """Count a step."""
        self.step += 1
        self.progress.add(result)

    def finish_epoch(self) -> None:
        """Count an epoch."""
        self.epoch, self.step = self.epoch + 1, 0

    def _switch_to_sgd(self) -> None:
        self.optimizer, self.scheduler = build_optimizer(self.recipe, self.model, self.steps_per_epoch, switched=True)

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        tree: Checkpoint = {
            "recipe": self.recipe.as_dict(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": minigrad.get_rng_state(),
            "position": {"epoch": self.epoch, "step": self.step, "steps_per_epoch": self.steps_per_epoch},
            "progress": {
                "seen": self.progress.seen,
                "correct": self.progress.correct,
                "loss_sum": self.progress.loss_sum,
            },
            "best": {"epoch": self.best.epoch, "loss": None if math.isinf(self.best.loss) else self.best.loss},
            "minigrad": minigrad.__version__,
        }
        checkpoint.save(path, tree)

    def restore(self, path: Path, tree: Checkpoint) -> None:
        """Continue from a checkpoint that was read from ``path``.

        Raises:
            CheckpointError: if it is of another architecture or other data, or does not fit the optimizer.
        """
        position = tree["position"]
        if position["steps_per_epoch"] != self.steps_per_epoch:
            raise checkpoint.CheckpointError(
                f"{path} was made with {position['steps_per_epoch']} steps per epoch, this data gives "
                f"{self.steps_per_epoch}: the data have changed"
            )
        load_into(self.model, tree["model"], path)
        self.epoch, self.step = position["epoch"], position["step"]
        switch = self.recipe.sgd_after
        if switch is not None and (self.epoch > switch or (self.epoch == switch and self.step > 0)):
            self._switch_to_sgd()
        try:
            self.optimizer.load_state_dict(tree["optimizer"])
        except ValueError as error:
            raise checkpoint.CheckpointError(f"{path}: {error}") from None
        if self.scheduler is not None and tree["scheduler"] is not None:
            self.scheduler.load_state_dict(tree["scheduler"])
        if self.ema is not None and tree["ema"] is not None:
            self.ema.load_state_dict(tree["ema"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(tree["scaler"])
        minigrad.set_rng_state(tree["random"])
        self.progress = Progress(**tree["progress"])
        best = tree["best"]
        self.best = Best(best["epoch"], math.inf if best["loss"] is None else best["loss"])


class Position(TypedDict):
    """The number of epochs finished, and of steps finished in the current one."""

    epoch: int
    step: int
    steps_per_epoch: int


class Sums(TypedDict):
    """The sums of :class:`Progress`."""

    seen: int
    correct: int
    loss_sum: float


class BestEpoch(TypedDict):
    """The epoch with the lowest validation loss, and that loss; None before the first test."""

    epoch: int
    loss: float | None


class Checkpoint(TypedDict):
    """The content of a checkpoint file."""

    recipe: dict[str, object]
    model: dict[str, Tensor]
    optimizer: dict[str, object]
    scheduler: dict[str, object] | None
    ema: dict[str, Tensor] | None
    scaler: dict[str, object]
    random: dict[str, object]
    position: Position
    progress: Sums
    best: BestEpoch
    minigrad: str


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of :meth:`Training.save`.

    Raises:
        FileNotFoundError, CheckpointError: if it is missing, cut short, or not a training checkpoint.
    """
    tree = checkpoint.load(path)
    if not isinstance(tree, dict) or "position" not in tree:
        raise checkpoint.CheckpointError(
            f"{path} holds weights only and cannot be resumed; resume from checkpoint.safetensors"
        )
    return cast(Checkpoint, tree)
