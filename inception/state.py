"""The state of a training run between two steps, which can be saved and restored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import minigrad
from inception.best import Best
from inception.build import build_average, build_model, build_optimizer, build_schedule
from inception.checkpoints import Change, Checkpoint, Position
from inception.classes import class_names
from inception.data_summary import DataSummary
from inception.model import InceptionV3
from inception.ranks import ranks
from inception.recipes import Recipe
from inception.schema import unlike
from inception.step_result import StepResult
from inception.watch import Watch
from inception.weights import Description, load_into
from minigrad import Tensor, checkpoint, optim
from minigrad.amp import GradScaler
from minigrad.distributed import SyncBatchNorm
from minigrad.distributed.gradients import ShardGradients
from minigrad.nn.averaging import AveragedModel
from minigrad.optim.lr_scheduler import LRScheduler


@dataclass
class EpochSums:
    """Sums over the steps of the current epoch."""

    seen: int = 0
    correct: int = 0
    loss_sum: float = 0.0
    cross_entropy_sum: float = 0.0

    def add(self, result: StepResult) -> None:
        """Add the batches of one step."""
        self.seen += sum(result.counts)
        self.correct += sum(result.correct)
        for loss, cross_entropy, count in zip(result.losses, result.cross_entropies, result.counts, strict=True):
            self.loss_sum += loss * count
            self.cross_entropy_sum += cross_entropy * count

    @property
    def loss(self) -> float:
        """The mean over the images seen of the loss that is minimised."""
        return self.loss_sum / max(self.seen, 1)

    @property
    def cross_entropy(self) -> float:
        """The mean loss with the labels alone, which can be compared with a validation loss."""
        return self.cross_entropy_sum / max(self.seen, 1)

    @property
    def accuracy(self) -> float:
        """The share of the images seen whose highest score was that of their class."""
        return self.correct / max(self.seen, 1)


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
    classes: Sequence[str] = ()  # the names of the classes of the data
    data: DataSummary | None = None
    epoch: int = 0  # epochs finished
    class_weights: Tensor | None = None  # in the loss
    gradients: ShardGradients | None = None  # if batches are cut into shards
    validated: int = 0  # epochs after which the model has been validated
    step: int = 0  # steps finished in the current epoch
    steps_before: int = 0  # steps finished in earlier epochs
    within_step: bool = False  # True while a step is being taken: then the state is that of no checkpoint
    progress: EpochSums = field(default_factory=EpochSums)
    best: Best = field(default_factory=Best)
    watch: Watch = field(default_factory=Watch)
    changes: list[Change] = field(default_factory=list)  # of the recipe, when the run was continued

    @staticmethod
    def from_recipe(
        recipe: Recipe,
        num_classes: int,
        steps_per_epoch: int,
        classes: Sequence[str] = (),
        data: DataSummary | None = None,
        resuming: bool = False,
    ) -> Training:
        """Return a run before its first step, with everything that is random drawn from the recipe's seed.

        Args:
            classes, data: the names of the classes of the data, and its summary.
            resuming: a checkpoint will be restored, so the recipe's initial weights are not read.

        Raises:
            FileNotFoundError, CheckpointError: for initial weights that cannot be read, or are of another architecture.
            ValueError: for a layer to freeze that the model does not have.
        """
        minigrad.manual_seed(recipe.seed)
        model = build_model(recipe, num_classes, class_names(classes, num_classes) if classes else (), resuming)
        if recipe.sync_bn:
            SyncBatchNorm.convert_sync_batchnorm(model)
        ema = build_average(recipe, model)
        optimizer, scheduler = build_optimizer(recipe, model, steps_per_epoch)
        scaler, best = GradScaler(enabled=recipe.amp), Best(by=recipe.best_by)
        training = Training(recipe, model, optimizer, scheduler, steps_per_epoch, ema, scaler, classes, data, best=best)
        if recipe.shards is not None:
            training.gradients = ShardGradients(model, recipe.shards, ranks())
        return training

    @property
    def global_step(self) -> int:
        """Steps finished since the start of the run."""
        return self.steps_before + self.step

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def validated_model(self) -> InceptionV3:
        """The model that is validated and kept: the average of the weights, if the recipe wants one."""
        return self.model if self.ema is None else cast(InceptionV3, self.ema.module)

    @property
    def ended(self) -> bool:
        """True after all epochs, or after ``patience`` epochs without a better one."""
        return has_ended(self.recipe, self.epoch, self.validated, self.best.epoch)

    @property
    def validation_due(self) -> bool:
        """True between the last step of an epoch and the end of its validation."""
        return self.validated < self.epoch

    def begin_epoch(self) -> None:
        """Start or continue an epoch; at its start, switch to SGD if the recipe says so."""
        if self.step == 0:
            self.progress = EpochSums()
            if self.epoch == self.recipe.sgd_after:
                self._switch_to_sgd()

    def finish_step(self, result: StepResult) -> None:
        """Count a step."""
        self.step += 1
        self.within_step = False
        self.progress.add(result)

    def finish_epoch(self) -> None:
        """Count an epoch."""
        self.steps_before += self.step
        self.epoch, self.step = self.epoch + 1, 0

    def finish_validation(self, loss: float, accuracy: float) -> None:
        """Record the validation of the last epoch."""
        self.validated = self.epoch
        self.best.update(self.epoch, loss, accuracy)

    @property
    def description(self) -> Description:
        """The names of the classes and the preprocessing, which are stored with the weights."""
        recipe, names = self.recipe, class_names(self.classes, self.model.fc.out_features)
        return Description(names, recipe.image_size, recipe.resize, recipe.normalize, self.ema is not None)

    def _switch_to_sgd(self) -> None:
        self.optimizer, self.scheduler = build_optimizer(self.recipe, self.model, self.steps_per_epoch, switched=True)

    def save(self, path: Path, keep_old_as: Path | None = None) -> None:
        """Write a checkpoint.

        Args:
            keep_old_as: the checkpoint that was at ``path`` before goes there.

        Raises:
            OSError: if it cannot be written; an old one is unchanged.
        """
        best = self.best
        tree: Checkpoint = {
            "recipe": self.recipe.as_dict(),
            "description": self.description.as_dict(),  # type: ignore[typeddict-item]
            "data": self.data,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),  # type: ignore[typeddict-item]
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": minigrad.get_rng_state(),
            "position": {name: getattr(self, name) for name in Position.__annotations__},  # type: ignore[typeddict-item]
            "progress": asdict(self.progress),  # type: ignore[typeddict-item]
            "best": {
                "epoch": best.epoch,
                "loss": None if math.isinf(best.loss) else best.loss,
                "accuracy": best.accuracy,
            },
            "watch": self.watch.state_dict(),  # type: ignore[typeddict-item]
            "changes": self.changes,
            "minigrad": minigrad.__version__,
        }
        checkpoint.save(path, tree, keep_old_as=keep_old_as)

    def restore(self, path: Path, tree: Checkpoint) -> None:
        """Continue from a checkpoint that was read from ``path``.

        Where the recipe has another learning rate or number of epochs than the checkpoint, or the data give another
        number of steps, the schedule goes on as if it had been the recipe's from the beginning.

        Raises:
            CheckpointError: if it is of another architecture, or does not fit the optimizer or the schedule.
        """
        load_into(self.model, tree["model"], path)
        try:
            self._restore_the_rest(tree)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError) as error:
            raise checkpoint.CheckpointError(f"{path}: {error or type(error).__name__}") from None

    def _restore_the_rest(self, tree: Checkpoint) -> None:
        position = tree["position"]
        self.epoch, self.step, self.validated = position["epoch"], position["step"], position["validated"]
        self.steps_before = position["steps_before"]
        switch = self.recipe.sgd_after
        switched = switch is not None and (self.epoch > switch or (self.epoch == switch and self.step > 0))
        if switched:
            self._switch_to_sgd()
        self.optimizer.load_state_dict(cast(dict[str, object], tree["optimizer"]))
        before = {**tree["recipe"], "steps_per_epoch": position["steps_per_epoch"]}
        if any(before[name] != value for name, value in self._decides_the_schedule().items()):
            steps = (self.epoch - (switch or 0) if switched else self.epoch) * self.steps_per_epoch + self.step
            self.scheduler = build_schedule(self.recipe, self.optimizer, self.steps_per_epoch, switched, steps)
        elif self.scheduler is not None and tree["scheduler"] is not None:
            _refuse_unlike(tree["scheduler"], self.scheduler.state_dict(), "scheduler")
            self.scheduler.load_state_dict(tree["scheduler"])
        if self.ema is not None and tree["ema"] is not None:
            self.ema.load_state_dict(tree["ema"])
        if self.scaler.is_enabled() and tree["scaler"]:
            _refuse_unlike(tree["scaler"], self.scaler.state_dict(), "scaler")
            self.scaler.load_state_dict(tree["scaler"])
        _refuse_unlike(tree["random"], minigrad.get_rng_state(), "random")
        minigrad.set_rng_state(tree["random"])
        self.progress = EpochSums(**tree["progress"])
        best = tree["best"]
        self.best.epoch, self.best.accuracy = best["epoch"], best["accuracy"]
        self.best.loss = math.inf if best["loss"] is None else best["loss"]
        self.watch.load_state_dict(tree["watch"])
        self.changes = list(tree["changes"])

    def _decides_the_schedule(self) -> dict[str, object]:
        recipe = self.recipe
        return {
            "lr": recipe.lr,
            "sgd_lr": recipe.sgd_lr,
            "epochs": recipe.epochs,
            "steps_per_epoch": self.steps_per_epoch,
        }


def has_ended(recipe: Recipe, epoch: int, validated: int, best_epoch: int) -> bool:
    """Return whether a run is over after ``epoch`` epochs, of which ``validated`` have been validated."""
    patience = recipe.patience
    return epoch >= recipe.epochs or (patience is not None and validated - best_epoch >= patience)


def _refuse_unlike(saved: object, own: object, name: str) -> None:
    """Raise ValueError if a saved state is not of the form of this run's own."""
    found = unlike(saved, own, name)
    if found is not None:
        raise ValueError(found)
