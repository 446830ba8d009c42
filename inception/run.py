"""A run: epochs, a test after each, checkpoints, and stopping between two steps."""

from __future__ import annotations

import math

from inception.clock import PhaseClock
from inception.evaluation import evaluate
from inception.interrupt import StopAfterThisStep
from inception.loop import train_epoch
from inception.measurements import dead_channels
from inception.progress import shown
from inception.report import Report
from inception.results import description
from inception.run_folder import RunFolder
from inception.state import Training
from inception.step_result import NonFiniteLossError, StepResult
from inception.weights import save_weights
from minigrad.data import DataLoader


def train(
    training: Training,
    loader: DataLoader,
    test_loader: DataLoader,
    folder: RunFolder,
    report: Report,
    save_every: int = 500,
    keep: int = 1,
) -> bool:
    """Train to the end of the recipe, or until Ctrl-C. Return whether the end was reached.

    Args:
        save_every: write a checkpoint every this many steps within an epoch, too.
        keep: keep the checkpoints of the last ``keep`` epochs.

    Raises:
        NonFiniteLossError: if the loss becomes NaN or infinite, naming the last good checkpoint.
    """
    if not folder.checkpoint.exists():
        training.save(folder.checkpoint)
    with StopAfterThisStep() as stop:

        def after_step(training: Training, result: StepResult) -> bool:
            report.step(training, result)
            if training.global_step % save_every == 0 and training.step < training.steps_per_epoch:
                training.save(folder.checkpoint)
            return stop.requested

        while not training.ended:
            clock = PhaseClock()
            report.begin_epoch(training)
            try:
                ended = train_epoch(training, loader, clock, after_step)
                report.end_steps()
                if ended:
                    _end_epoch(training, test_loader, folder, report, clock)
            except NonFiniteLossError as error:
                raise NonFiniteLossError(f"{error}. The last good checkpoint is kept: {folder.checkpoint}") from None
            finally:
                report.end_steps()
            training.save(folder.checkpoint)
            if ended and keep > 1:
                folder.keep(training.epoch, keep)
            if stop.requested and not training.ended:
                return False
    return True


def _end_epoch(
    training: Training,
    test_loader: DataLoader,
    folder: RunFolder,
    report: Report,
    clock: PhaseClock,
) -> None:
    """Test the model, keep its weights if they are the best so far, and report the epoch."""
    model, recipe = training.tested_model, training.recipe
    with dead_channels(model) as dead:
        test = evaluate(model, shown(test_loader, "validation", unit="batch"), recipe.device, recipe.dtype)
    if not math.isfinite(test.loss):  # the last step may have broken the weights: they must not be saved
        raise NonFiniteLossError(f"the validation loss is {test.loss} after epoch {training.epoch}")
    if training.best.update(training.epoch, test.loss):
        save_weights(model, folder.best, description(training, report.classes))
    report.end_epoch(training, test, clock, dead)
