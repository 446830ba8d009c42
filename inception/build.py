"""Building: from a recipe to the model, its average, the optimizer and the schedule."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from inception.freezing import freeze_all_but_head, freeze_up_to
from inception.model import InceptionV3
from inception.progress import say, warn
from inception.recipes import OPTIMIZERS, Recipe
from inception.schedules import SCHEDULES, Plan
from inception.weights import load_pretrained
from inception.width import make_narrow
from minigrad import Tensor, nn, optim
from minigrad.nn.averaging import AveragedModel, AverageFunction, get_ema_avg_fn
from minigrad.optim.lr_scheduler import LRScheduler


def build_model(recipe: Recipe, num_classes: int, classes: Sequence[str] = (), draw_only: bool = False) -> InceptionV3:
    """Return the model, with its weights drawn or loaded, its frozen layers, its type and device.

    Args:
        classes: the names of the classes, if they are known.
        draw_only: do not load the recipe's weights, since those of a checkpoint will replace them.

    Raises:
        FileNotFoundError, CheckpointError: for initial weights that cannot be read, or are of another architecture.
        ValueError: for a layer to freeze that the model does not have.
    """
    model = InceptionV3(num_classes, recipe.aux, init_weights=recipe.init == "paper", dropout=recipe.dropout)
    make_narrow(model, recipe.width)
    if recipe.weights is not None and not draw_only:
        loaded = load_pretrained(model, recipe.weights, classes)
        say(str(loaded))
        before = loaded.description
        if before.classes and before.normalize != recipe.normalize:  # without names it describes nothing
            warn(
                f"{recipe.weights} was trained on images normalised otherwise: give --normalize {before.normalize}, or "
                "the first layers have to learn anew"
            )
    if recipe.head_only:
        freeze_all_but_head(model)
    elif recipe.freeze is not None:
        freeze_up_to(model, recipe.freeze)
    return model.to(recipe.device, dtype=recipe.dtype)


def build_average(recipe: Recipe, model: nn.Module) -> AveragedModel | None:
    """Return the moving average of the weights, if the recipe wants one."""
    return None if recipe.ema is None else AveragedModel(model, avg_fn=_warm_average(recipe.ema), use_buffers=True)


def _warm_average(decay: float) -> AverageFunction:
    """Return an exponential moving average whose decay is at most (1 + n) / (10 + n) after n updates.

    So it forgets faster at first, when the weights are still far from good. Source: TensorFlow's
    ExponentialMovingAverage with ``num_updates``.
    """

    def average(kept: Tensor, new: Tensor, count: int) -> Tensor:
        averaged: Tensor = get_ema_avg_fn(min(decay, (1 + count) / (10 + count)))(kept, new, count)
        return averaged

    return average


def build_optimizer(
    recipe: Recipe, model: nn.Module, steps_per_epoch: int, switched: bool = False
) -> tuple[optim.Optimizer, LRScheduler | None]:
    """Return the optimizer and the schedule of its learning rate.

    Recipes with ``sgd_after`` have two stages: ``switched`` gives the second one, SGD with momentum.
    """
    name, lr = ("sgd", recipe.sgd_lr) if switched else (recipe.optimizer, recipe.lr)
    options = {"lr": lr, "weight_decay": recipe.weight_decay}
    if name in ("sgd", "rmsprop"):
        options["momentum"] = recipe.momentum
    if name == "rmsprop":
        options["alpha"] = recipe.alpha
    if recipe.eps is not None and name not in ("sgd", "lion"):
        options["eps"] = recipe.eps
    optimizer = OPTIMIZERS[name](parameter_groups(model, recipe.decay_norms), **options)
    return optimizer, build_schedule(recipe, optimizer, steps_per_epoch, switched)


def build_schedule(
    recipe: Recipe, optimizer: optim.Optimizer, steps_per_epoch: int, switched: bool = False, steps: int = 0
) -> LRScheduler | None:
    """Return the schedule of an optimizer's learning rate, and set the rate.

    Args:
        switched: for the second stage, as in :func:`build_optimizer`.
        steps: how many steps of the stage are over.
    """
    lr = recipe.sgd_lr if switched else recipe.lr
    for group in optimizer.param_groups:
        group["lr"] = lr
        group.pop("initial_lr", None)  # of an earlier schedule
    first_stage = recipe.sgd_after or recipe.epochs
    epochs = recipe.epochs - first_stage if switched else first_stage
    plan = Plan(lr, epochs * steps_per_epoch, steps_per_epoch, recipe.warmup)
    schedule = SCHEDULES[recipe.schedule](optimizer, plan)
    if schedule is not None and steps > 0:
        with warnings.catch_warnings():  # torch has deprecated the argument, but it is what is wanted here
            warnings.simplefilter("ignore")
            schedule.step(steps)
    return schedule


def parameter_groups(model: nn.Module, decay_norms: bool) -> list[dict[str, object]]:
    """Return the trained parameters in groups for an optimizer.

    Without ``decay_norms``, biases and the parameters of batch norms are a second group without weight decay.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    if decay_norms:
        return [{"params": trained}]
    matrices, vectors = [p for p in trained if p.ndim > 1], [p for p in trained if p.ndim <= 1]
    return [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
