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
from inception.weights import load_into, load_pretrained
from minigrad import Tensor, checkpoint, nn, optim
from minigrad.amp import GradScaler, autocast
from minigrad.data import DataLoader
from minigrad.nn.averaging import AveragedModel, get_ema_avg_fn

WAITING = "waiting for data"
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
    """Phase 2: one number for how wrong the scores are: the cross entropy with the true classes (or, of mixed
    pictures, with the shares of their classes).

    With the aux head its loss is added, times 0.4. Label smoothing asks for a little less than certainty,
    so that the scores of the true class need not grow for ever.
    """
    return loss_with_aux(outputs, labels, label_smoothing=label_smoothing)


def backward_pass(optimizer: optim.Optimizer, loss: Tensor, accumulate: bool = False) -> None:
    """Phase 3: the recorded operations are walked backwards, and the chain rule gives ∂loss/∂w of every weight.

    Gradients *add* to ``w.grad``, which is what lets a weight be used in two places; so what the last step
    left there must be cleared first. ``accumulate`` adds on purpose: several small batches make one large one.
    """
    if not accumulate:
        optimizer.zero_grad()
    loss.backward()


def optimization_pass(optimizer: optim.Optimizer, scheduler: Any = None, scaler: GradScaler | None = None) -> None:
    """Phase 4: every weight takes one small step against its gradient; the schedule sets the next step's size.

    In mixed precision the scaler first divides the gradients by what it multiplied the loss with.
    """
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)
        scaler.update()
    if scheduler is not None:
        scheduler.step()


# --- Around them ---


@dataclass
class PhaseClock:
    """How long each phase took, and waiting for the pictures."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys((WAITING, *PHASES), 0.0))

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

    def add(self, loss: float, correct: int, count: int) -> None:
        """Counts one batch."""
        self.seen += count
        self.loss_sum += loss * count
        self.correct += correct

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
    gradient_norm: float | None  # of all gradients together, before they were clipped; None where they are not


@dataclass
class Best:
    """The epoch with the lowest validation loss so far."""

    epoch: int = 0
    loss: float = math.inf

    def take(self, epoch: int, loss: float) -> bool:
        """Notes an epoch; returns whether it is the best one."""
        if loss < self.loss:
            self.epoch, self.loss = epoch, loss
            return True
        return False


@dataclass
class Training:
    """A run between two steps: everything that the next step depends on. It can be saved and restored."""

    recipe: Recipe
    model: InceptionV3
    optimizer: optim.Optimizer
    scheduler: Any
    steps_per_epoch: int
    ema: AveragedModel | None = None
    scaler: GradScaler = field(default_factory=lambda: GradScaler(enabled=False))  # for mixed precision
    epoch: int = 0  # epochs finished
    step: int = 0  # steps finished in the epoch that is under way
    progress: Progress = field(default_factory=Progress)
    best: Best = field(default_factory=Best)

    @property
    def global_step(self) -> int:
        """Steps finished in all."""
        return self.epoch * self.steps_per_epoch + self.step

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self.optimizer.param_groups[0]["lr"]

    @property
    def tested_model(self) -> Any:
        """What is tested and kept: the average of the weights, if the recipe asks for one."""
        return self.model if self.ema is None else self.ema.module

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to do: all epochs, or ``patience`` of them without a better one."""
        patience = self.recipe.patience
        return self.epoch >= self.recipe.epochs or (patience is not None and self.epoch - self.best.epoch >= patience)

    def begin_epoch(self) -> None:
        """Changes over to SGD where the recipe says so."""
        if self.step == 0:
            self.progress = Progress()
            if self.epoch == self.recipe.sgd_after:
                self._change_over()

    def _change_over(self) -> None:
        """From the recipe's first optimiser to SGD."""
        self.optimizer, self.scheduler = _optimizer_and_schedule(
            self.recipe, self.model, self.steps_per_epoch, second=True
        )

    def save(self, path: Path) -> None:
        """Writes a checkpoint."""
        tree = {
            "recipe": self.recipe.as_dict(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": minigrad.get_rng_state(),
            "position": {"epoch": self.epoch, "step": self.step, "steps_per_epoch": self.steps_per_epoch},
            "progress": vars(self.progress),
            "best": {"epoch": self.best.epoch, "loss": None if math.isinf(self.best.loss) else self.best.loss},
            "minigrad": minigrad.__version__,
        }
        checkpoint.save(path, tree)

    def restore(self, path: Path, tree: dict[str, Any]) -> None:
        """Takes up a checkpoint.

        Raises:
            CheckpointError: if it is of another architecture, or of other data, or the optimizer cannot take it up.
        """
        position = tree["position"]
        if position["steps_per_epoch"] != self.steps_per_epoch:
            raise checkpoint.CheckpointError(
                f"{path} was made with {position['steps_per_epoch']} steps an epoch, this data gives "
                f"{self.steps_per_epoch}: the data have changed"
            )
        load_into(self.model, tree["model"], path)
        self.epoch, self.step = position["epoch"], position["step"]
        switch = self.recipe.sgd_after
        if switch is not None and (self.epoch > switch or (self.epoch == switch and self.step > 0)):
            self._change_over()
        try:
            self.optimizer.load_state_dict(tree["optimizer"])
        except ValueError as error:
            raise checkpoint.CheckpointError(f"{path}: {error}") from None
        if self.scheduler is not None:
            self.scheduler.load_state_dict(tree["scheduler"])
        if self.ema is not None:
            self.ema.load_state_dict(tree["ema"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(tree["scaler"])
        minigrad.set_rng_state(tree["random"])
        self.progress = Progress(**tree["progress"])
        best = tree["best"]
        self.best = Best(best["epoch"], math.inf if best["loss"] is None else best["loss"])


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
    """The model, optimiser and schedule of a recipe, from its seed.

    Raises:
        FileNotFoundError, CheckpointError: for initial weights that cannot be read, or are of another architecture.
    """
    minigrad.manual_seed(recipe.seed)
    model = InceptionV3(num_classes, recipe.aux, init_weights=recipe.init == "paper", dropout=recipe.dropout)
    if recipe.weights is not None:
        load_pretrained(model, recipe.weights)
    freeze(model, recipe)
    model.to(recipe.device, dtype=recipe.dtype)
    ema = None if recipe.ema is None else AveragedModel(model, _warm_average(recipe.ema), use_buffers=True)
    parts = _optimizer_and_schedule(recipe, model, steps_per_epoch)
    return Training(recipe, model, *parts, steps_per_epoch, ema, GradScaler(enabled=recipe.amp))


def freeze(model: InceptionV3, recipe: Recipe) -> None:
    """Takes the layers that are not to learn out of training: their weights, and batch norm's running statistics.

    Raises:
        ValueError: for a layer that the model does not have, naming those that it has.
    """
    children = dict(model.named_children())
    if recipe.head_only:
        frozen = [name for name in children if name not in ("fc", "AuxLogits", "dropout")]
        if recipe.aux:
            for name in ("conv0", "conv1"):
                _freeze(getattr(model.AuxLogits, name))
    elif recipe.freeze is None:
        return
    elif recipe.freeze in children:
        names = list(children)
        frozen = names[: names.index(recipe.freeze) + 1]
    else:
        raise ValueError(f"there is no layer {recipe.freeze!r} to freeze up to; there are: {', '.join(children)}")
    for name in frozen:
        _freeze(children[name])


def _freeze(module: Any) -> None:
    for part in module.modules():
        part.frozen = True
    module.requires_grad_(False)


def set_training_mode(model: InceptionV3) -> None:
    """``model.train()``, but for frozen layers, whose batch norms go on using what they once learned."""
    model.train()
    for module in model.modules():
        if getattr(module, "frozen", False):
            module.training = False


def _warm_average(decay: float) -> Any:
    """An exponential moving average that forgets faster at first, when there is little worth remembering.

    (TensorFlow's ExponentialMovingAverage with num_updates: the decay is at most (1 + n) / (10 + n).)
    """

    def average(kept: Tensor, new: Tensor, count: int) -> Any:
        return get_ema_avg_fn(min(decay, (1 + count) / (10 + count)))(kept, new, count)

    return average


def parameter_groups(model: InceptionV3, recipe: Recipe) -> list[dict[str, Any]]:
    """The parameters that learn; without ``decay_norms``, biases and batch norms in a group without weight decay."""
    learning = [p for p in model.parameters() if p.requires_grad]
    if recipe.decay_norms:
        return [{"params": learning}]
    groups = [{"params": [p for p in learning if p.ndim > 1]}]
    return [*groups, {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0}]


def _optimizer_and_schedule(
    recipe: Recipe, model: InceptionV3, steps_per_epoch: int, second: bool = False
) -> tuple[optim.Optimizer, Any]:
    """Those of the recipe; ``second`` those that it changes over to, SGD with momentum."""
    name, lr = ("sgd", recipe.sgd_lr) if second else (recipe.optimizer, recipe.lr)
    options: dict[str, Any] = {"lr": lr, "weight_decay": recipe.weight_decay}
    if name in ("sgd", "rmsprop"):
        options["momentum"] = recipe.momentum
    if name == "rmsprop":
        options["alpha"] = recipe.alpha
    if recipe.eps is not None and name not in ("sgd", "lion"):
        options["eps"] = recipe.eps
    optimizer = ALGORITHMS[name](parameter_groups(model, recipe), **options)
    first = recipe.sgd_after or recipe.epochs
    return optimizer, _schedule(recipe, optimizer, lr, recipe.epochs - first if second else first, steps_per_epoch)


ALGORITHMS: dict[str, Any] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "lion": optim.Lion,
    "nadam": optim.NAdam,
    "rmsprop": optim.RMSprop,
    "sgd": optim.SGD,
}


def _schedule(recipe: Recipe, optimizer: optim.Optimizer, lr: float, epochs: int, steps_per_epoch: int) -> Any:
    """A schedule that is stepped once a *step*, whatever its own unit."""
    steps = epochs * steps_per_epoch
    schedules = optim.lr_scheduler
    if recipe.schedule == "onecycle":
        # One step more than will be taken, because the schedule moves on after the last one too.
        return schedules.OneCycleLR(optimizer, lr, total_steps=steps + 1, pct_start=recipe.warmup, cycle_momentum=False)
    if recipe.schedule == "cosine":
        return schedules.CosineAnnealingLR(optimizer, T_max=steps)
    if recipe.schedule == "exponential":
        return schedules.ExponentialLR(optimizer, gamma=0.94 ** (1 / (2 * steps_per_epoch)))
    if recipe.schedule == "step":
        return schedules.StepLR(optimizer, step_size=30 * steps_per_epoch, gamma=0.1)
    return None


def mix(images: Tensor, labels: Tensor, classes: int, alpha: float) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al. 2017): each picture with another one, λ : 1 − λ, and so their classes; λ ~ Beta(α, α)."""
    random = minigrad.random.default_generator.numpy
    share = float(random.beta(alpha, alpha))
    other = minigrad.tensor(random.permutation(len(labels)), device=images.device)
    targets = nn.functional.one_hot(labels, classes).to(images.dtype)
    return share * images + (1 - share) * images[other], share * targets + (1 - share) * targets[other]


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
        NonFiniteLossError: if the loss is NaN or infinite. On a CPU the weights are then still those before the step.
        ValueError: for a label that the model has no class for.
    """
    recipe = training.recipe
    loader.set_epoch(training.epoch, start_batch=training.step * recipe.accumulate)
    set_training_mode(training.model)
    training.begin_epoch()
    batches = iter(loader)
    while training.step < training.steps_per_epoch:
        with clock(WAITING):
            together = [next(batches) for _ in range(recipe.accumulate)]
        if after_step(training, _step(training, together, clock)):
            break
    if training.step < training.steps_per_epoch:
        return False
    training.epoch, training.step = training.epoch + 1, 0
    return True


def _step(training: Training, batches: list[Any], clock: PhaseClock) -> StepResult:
    """The four phases, for one batch, or for several whose gradients are averaged.

    A GPU is asked for nothing until all of the step has been issued: to ask means to wait.
    """
    recipe, model, scaler = training.recipe, training.model, training.scaler
    found = []
    for number, batch in enumerate(batches):
        images, labels = prepare(batch, recipe)
        targets = labels
        if recipe.mixup > 0:
            images, targets = mix(images, labels, model.fc.out_features, recipe.mixup)
        with autocast(enabled=recipe.amp):
            with clock("forward pass"):
                outputs = forward_pass(model, images)
            with clock("loss computation"):
                loss = loss_computation(outputs, targets, recipe.label_smoothing)
                if images.device.type == "cpu":
                    _refuse_non_finite(loss.item(), training)
        with clock("backward pass"):
            share = scaler.scale(loss if len(batches) == 1 else loss / len(batches))
            backward_pass(training.optimizer, share, accumulate=number > 0)
        scores = outputs.logits if isinstance(outputs, InceptionOutputs) else outputs
        found.append((loss.detach(), (scores.detach().argmax(1) == labels).sum(), len(labels)))
        del outputs, loss, share, scores  # the graph, before the next one grows
    norm = None
    with clock("optimization pass"):
        if recipe.clip is not None:
            scaler.unscale_(training.optimizer)
            norm = nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimization_pass(training.optimizer, training.scheduler, scaler)
        if training.ema is not None:
            training.ema.update_parameters(model)
        losses, accuracies = [], []
        for loss, correct, count in found:
            losses.append(loss.item())
            _refuse_non_finite(losses[-1], training)
            training.progress.add(losses[-1], int(correct), count)
            accuracies.append(int(correct) / count)
    training.step += 1
    return StepResult(
        sum(losses) / len(losses), sum(accuracies) / len(accuracies), None if norm is None else float(norm)
    )


def _refuse_non_finite(loss: float, training: Training) -> None:
    if not math.isfinite(loss):
        raise NonFiniteLossError(
            f"the loss is {loss} at step {training.step + 1} of epoch {training.epoch + 1} "
            f"(learning rate {training.lr:.3g}); lower the learning rate or look at the data"
        )


def prepare(batch: Any, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """A batch's pictures and labels, where and in which type the recipe computes."""
    images, labels = batch
    images = images.to(device=recipe.device, dtype=recipe.dtype, non_blocking=True)
    return images, labels.to(device=recipe.device, non_blocking=True)
