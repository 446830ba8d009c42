"""The loop over the steps of one epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from inception.batch import mix, to_device
from inception.clock import WAITING, PhaseClock
from inception.freezing import set_training_mode
from inception.sharded_step import Settings, next_parts, sharded_step
from inception.state import Training
from inception.step import training_step
from inception.step_result import NonFiniteLossError, StepResult
from minigrad import Tensor
from minigrad.data import DataLoader
from minigrad.distributed.gradients import ShardGradients


def train_epoch(
    training: Training,
    loader: DataLoader,
    clock: PhaseClock,
    after_step: Callable[[Training, StepResult], bool] = lambda training, result: False,
    around_step: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> bool:
    """Train to the end of the current epoch. Return whether it was reached.

    Args:
        clock: records the time of each phase.
        after_step: called after every step, with its result; the epoch stops there if it returns true.
        around_step: returns the context in which the next step runs.

    Raises:
        NonFiniteLossError: if the loss is NaN or infinite. On the CPU this is detected before the weights change.
        ValueError: for a label that the model has no class for.
    """
    recipe = training.recipe
    loader.set_epoch(training.epoch, start_batch=training.step * recipe.accumulate)
    set_training_mode(training.model)
    training.begin_epoch()
    loaded = iter(loader)
    while training.step < training.steps_per_epoch:
        with clock(WAITING):
            if training.gradients is None:
                together = [[next(loaded) for _ in range(recipe.accumulate)]]
            else:
                together = next_parts(loaded, len(training.gradients.own), recipe.accumulate)
        training.within_step = True
        with around_step():
            result = _step(training, together, clock)
        training.finish_step(result)
        if after_step(training, result):
            break
    if training.step < training.steps_per_epoch:
        return False
    training.finish_epoch()
    return True


def _step(training: Training, loaded: Sequence[Sequence[tuple[Tensor, Tensor]]], clock: PhaseClock) -> StepResult:
    """Take a training step with all that the recipe wants around it: mixup, clipping, mixed precision, averaging.

    Args:
        loaded: the batches of each shard of this rank; of a single one, if batches are not cut into shards.
    """
    try:
        result = (
            _whole_step(training, loaded[0], clock)
            if training.gradients is None
            else _sharded_step(training, training.gradients, loaded, clock)
        )
    except NonFiniteLossError as error:
        raise NonFiniteLossError(
            f"{error} at step {training.step + 1} of epoch {training.epoch + 1} "
            f"(learning rate {training.lr:.3g}); lower the learning rate or look at the data"
        ) from None
    if training.ema is not None:
        with clock("optimization pass"):
            training.ema.update_parameters(training.model)
    return result


def _whole_step(training: Training, loaded: Sequence[tuple[Tensor, Tensor]], clock: PhaseClock) -> StepResult:
    recipe, model = training.recipe, training.model
    batches = [to_device(each, recipe.device, recipe.dtype) for each in loaded]
    batches = [mix(batch, model.fc.out_features, recipe.mixup, recipe.cutmix) for batch in batches]
    return training_step(
        model,
        batches,
        training.optimizer,
        training.scheduler,
        clock,
        label_smoothing=recipe.label_smoothing,
        class_weights=training.class_weights,
        clip=recipe.clip,
        scaler=training.scaler,
    )


def _sharded_step(
    training: Training,
    gradients: ShardGradients,
    loaded: Sequence[Sequence[tuple[Tensor, Tensor]]],
    clock: PhaseClock,
) -> StepResult:
    recipe = training.recipe
    settings = Settings(
        training.model.fc.out_features,
        recipe.device,
        recipe.dtype,
        recipe.mixup,
        recipe.cutmix,
        recipe.label_smoothing,
        training.class_weights,
        recipe.sync_bn,
    )
    return sharded_step(
        training.model,
        gradients,
        loaded,
        (recipe.seed, training.epoch, training.step),
        settings,
        training.optimizer,
        training.scheduler,
        clock,
        recipe.clip,
        training.scaler,
    )
