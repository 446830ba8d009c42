"""Training, with the four phases of every step by name.

for images, labels in loader:
    outputs = forward_pass(model, images)               1  predict
    loss = loss_computation(outputs, labels)            2  how wrong?
    backward_pass(optimizer, loss)                      3  which way is less wrong, for every weight?
    optimization_pass(optimizer, scheduler)             4  one small step that way
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import minigrad
from inception.model import InceptionOutputs, InceptionV3, loss_with_aux
from inception.recipes import Recipe
from inception.weights import load_into
from minigrad import Tensor, checkpoint, optim
from minigrad.data import DataLoader

PHASES = ("forward pass", "loss computation", "backward pass", "optimization pass")


class NonFiniteLossError(RuntimeError):
    """The loss became NaN or infinite; the message says at which step."""


# --- The four phases ---


def forward_pass(model: InceptionV3, images: Tensor) -> Any:
    """Phase 1: the pictures go through the layers, and come out as a score for every class.

    Every operation on the way is recorded, with whatever its derivative will need: this is the memory that
    training takes and prediction does not.
    """
    return model(images)


def loss_computation(outputs: Any, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Phase 2: one number for how wrong the scores are: the cross entropy with the true classes.

    With the aux head its loss is added, times 0.4. Label smoothing asks for a little less than certainty,
    so that the scores of the true class need not grow for ever.
    """
    return loss_with_aux(outputs, labels, label_smoothing=label_smoothing)


def backward_pass(optimizer: optim.Optimizer, loss: Tensor) -> None:
    """Phase 3: the recorded operations are walked backwards, and the chain rule gives ∂loss/∂w of every weight.

    Gradients *add* to ``w.grad``, which is what lets a weight be used in two places; so what the last step
    left there must be cleared first.
    """
    optimizer.zero_grad()
    loss.backward()


def optimization_pass(optimizer: optim.Optimizer, scheduler: Any = None) -> None:
    """Phase 4: every weight takes one small step against its gradient; the schedule sets the next step's size."""
    optimizer.step()
    if scheduler is not None:
        scheduler.step()


# --- Around them ---


@dataclass
class PhaseClock:
    """How long each phase took."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[phase] += time.perf_counter() - start

    def shares(self) -> dict[str, float]:
        """Each phase's share of the time of all four."""
        total = sum(self.seconds.values()) or 1.0
        return {phase: seconds / total for phase, seconds in self.seconds.items()}

    def __str__(self) -> str:
        return " · ".join(f"{phase} {share:.0%}" for phase, share in self.shares().items())


@dataclass
class Progress:
    """What an epoch has come to so far."""

    seen: int = 0
    correct: int = 0
    loss_sum: float = 0.0

    def add(self, loss: float, scores: Tensor, labels: Tensor) -> float:
        """Counts one batch; returns its accuracy."""
        count = labels.shape[0]
        correct = int((scores.argmax(1) == labels).sum())
        self.seen += count
        self.loss_sum += loss * count
        self.correct += correct
        return correct / count

    @property
    def loss(self) -> float:
        """Mean loss over the pictures seen."""
        return self.loss_sum / max(self.seen, 1)

    @property
    def accuracy(self) -> float:
        """Share of the pictures seen whose highest score was the true class."""
        return self.correct / max(self.seen, 1)


@dataclass
class StepResult:
    """What one step came to."""

    loss: float
    accuracy: float


@dataclass
class Training:
    """A run between two steps: everything that the next step depends on. It can be saved and restored."""

    recipe: Recipe
    model: InceptionV3
    optimizer: optim.Optimizer
    scheduler: Any
    steps_per_epoch: int
    epoch: int = 0  # epochs finished
    step: int = 0  # steps finished in the epoch that is under way
    progress: Progress = field(default_factory=Progress)

    @property
    def global_step(self) -> int:
        """Steps finished in all."""
        return self.epoch * self.steps_per_epoch + self.step

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self.optimizer.param_groups[0]["lr"]

    def save(self, path: Path) -> None:
        """Writes a checkpoint."""
        tree = {
            "recipe": self.recipe.as_dict(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "random": minigrad.get_rng_state(),
            "position": {"epoch": self.epoch, "step": self.step, "steps_per_epoch": self.steps_per_epoch},
            "progress": vars(self.progress),
            "minigrad": minigrad.__version__,
        }
        checkpoint.save(path, tree)

    def restore(self, path: Path, tree: dict[str, Any]) -> None:
        """Takes up a checkpoint.

        Raises:
            CheckpointError: if it is of another architecture, or of other data.
        """
        position = tree["position"]
        if position["steps_per_epoch"] != self.steps_per_epoch:
            raise checkpoint.CheckpointError(
                f"{path} was made with {position['steps_per_epoch']} steps an epoch, this data gives "
                f"{self.steps_per_epoch}: the data have changed"
            )
        load_into(self.model, tree["model"], path)
        self.optimizer.load_state_dict(tree["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(tree["scheduler"])
        minigrad.set_rng_state(tree["random"])
        self.epoch, self.step = position["epoch"], position["step"]
        self.progress = Progress(**tree["progress"])


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of :meth:`Training.save`.

    Raises:
        FileNotFoundError, CheckpointError: if it is missing, cut short, or no training checkpoint.
    """
    tree = checkpoint.load(path)
    if not isinstance(tree, dict) or "position" not in tree:
        raise checkpoint.CheckpointError(
            f"{path} holds weights only and cannot be resumed; resume from checkpoint.safetensors"
        )
    return tree


def build(recipe: Recipe, num_classes: int, steps_per_epoch: int) -> Training:
    """The model, optimiser and schedule of a recipe, from its seed."""
    minigrad.manual_seed(recipe.seed)
    model = InceptionV3(num_classes, recipe.aux, init_weights=recipe.init == "paper", dropout=recipe.dropout)
    model.to(recipe.device)
    model.to(minigrad.tensor([], dtype=recipe.dtype).dtype)
    optimizer = _optimizer(recipe, model)
    return Training(recipe, model, optimizer, _schedule(recipe, optimizer, steps_per_epoch), steps_per_epoch)


def _optimizer(recipe: Recipe, model: InceptionV3) -> optim.Optimizer:
    options: dict[str, Any] = {"lr": recipe.lr, "weight_decay": recipe.weight_decay}
    if recipe.optimizer in ("sgd", "rmsprop"):
        options["momentum"] = recipe.momentum
    algorithm = {"adam": optim.Adam, "adamw": optim.AdamW, "rmsprop": optim.RMSprop, "sgd": optim.SGD}
    return algorithm[recipe.optimizer](model.parameters(), **options)


def _schedule(recipe: Recipe, optimizer: optim.Optimizer, steps_per_epoch: int) -> Any:
    """A schedule that is stepped once a *step*, whatever its own unit."""
    steps = recipe.epochs * steps_per_epoch
    schedules = optim.lr_scheduler
    if recipe.schedule == "onecycle":
        # One step more than will be taken, because the schedule moves on after the last one too.
        return schedules.OneCycleLR(
            optimizer, recipe.lr, total_steps=steps + 1, pct_start=recipe.warmup, cycle_momentum=False
        )
    if recipe.schedule == "cosine":
        return schedules.CosineAnnealingLR(optimizer, T_max=steps)
    if recipe.schedule == "exponential":
        return schedules.ExponentialLR(optimizer, gamma=0.94 ** (1 / (2 * steps_per_epoch)))
    if recipe.schedule == "step":
        return schedules.StepLR(optimizer, step_size=30 * steps_per_epoch, gamma=0.1)
    return None


def train_epoch(
    training: Training,
    loader: DataLoader,
    clock: PhaseClock,
    after_step: Callable[[Training, StepResult], bool] = lambda training, result: False,
) -> bool:
    """Trains to the end of the epoch that is under way. Returns whether it got there.

    Args:
        clock: is given the time of each phase.
        after_step: called after every step with its result; if it returns true, the epoch stops there.

    Raises:
        NonFiniteLossError: if the loss is NaN or infinite; the weights are then still those before the step.
        ValueError: for a label that the model has no class for.
    """
    recipe, model = training.recipe, training.model
    loader.set_epoch(training.epoch, start_batch=training.step)
    model.train()
    for batch in loader:
        images, labels = _prepare(batch, recipe)
        with clock("forward pass"):
            outputs = forward_pass(model, images)
        with clock("loss computation"):
            loss = loss_computation(outputs, labels, recipe.label_smoothing)
            value = loss.item()
        if not math.isfinite(value):
            raise NonFiniteLossError(
                f"the loss is {value} at step {training.step + 1} of epoch {training.epoch + 1} "
                f"(learning rate {training.lr:.3g}); lower the learning rate or look at the data"
            )
        with clock("backward pass"):
            backward_pass(training.optimizer, loss)
        with clock("optimization pass"):
            optimization_pass(training.optimizer, training.scheduler)
        scores = outputs.logits if isinstance(outputs, InceptionOutputs) else outputs
        accuracy = training.progress.add(value, scores.detach(), labels)
        training.step += 1
        del outputs, loss, scores  # the graph, before the next one grows
        if after_step(training, StepResult(value, accuracy)):
            break
    if training.step < training.steps_per_epoch:
        return False
    training.epoch, training.step = training.epoch + 1, 0
    return True


def _prepare(batch: Any, recipe: Recipe) -> tuple[Tensor, Tensor]:
    images, labels = batch
    return images.to(dtype=recipe.dtype, device=recipe.device), labels.to(device=recipe.device)


def evaluate(model: InceptionV3, loader: DataLoader, recipe: Recipe) -> tuple[Progress, Tensor]:
    """Loss and accuracy on a data set, and the predicted class of every picture."""
    model.eval()
    progress = Progress()
    predictions = []
    with minigrad.no_grad():
        for batch in loader:
            images, labels = _prepare(batch, recipe)
            scores = forward_pass(model, images)
            progress.add(loss_computation(scores, labels).item(), scores, labels)
            predictions.append(scores.argmax(1))
    return progress, minigrad.cat(predictions)
