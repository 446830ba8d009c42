"""A run: epochs, a validation after each, checkpoints, and stopping between two steps.

Work is saved before anything that may fail: after the last step of an epoch before its validation, and after an error
if the state is whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress

from inception.advice import how_to_go_on
from inception.clock import PhaseClock
from inception.interrupt import StopAfterThisStep, not_interrupted
from inception.loop import train_epoch
from inception.measurements import dead_channels, is_finite
from inception.ranks import anywhere, is_first
from inception.report import Report
from inception.run_folder import RunFolder
from inception.shared_evaluation import alive_anywhere, evaluate_together
from inception.state import Training
from inception.step_result import NonFiniteLossError, StepResult
from inception.weights import save_weights
from minigrad.data import DataLoader


class Saving:
    """Writes the checkpoints of a run, and knows where the last one was written."""

    def __init__(self, training: Training, folder: RunFolder) -> None:
        self.training, self.folder, self.path = training, folder, folder.checkpoint
        self.saved_at = self._place() if self.path.exists() else None

    def save(self) -> None:
        """Write a checkpoint. Ctrl-C waits for it.

        Raises:
            NonFiniteLossError: if weights are NaN or infinite, since the last good checkpoint must stay.
            OSError: if it cannot be written; the last one stays.
        """
        training = self.training
        if not is_finite(training.model):
            raise NonFiniteLossError(
                f"weights are nan or infinite after step {training.global_step} (learning rate {training.lr:.3g})"
            )
        with not_interrupted():
            if is_first():
                self.folder.refuse_another_owner()
                training.save(self.path, self.folder.previous)
            self.saved_at = self._place()

    def save_what_is_whole(self) -> None:
        """After an error: write a checkpoint, unless the state is in the middle of a step, or already saved.

        If the folder is gone, it is made again.
        """
        gone = not self.folder.path.is_dir()
        if is_first() and not self.training.within_step and (gone or self.saved_at != self._place()):
            with suppress(OSError, NonFiniteLossError):
                self.folder.make_again()
                self.save()

    def _place(self) -> tuple[int, int]:
        return self.training.global_step, self.training.validated


def train(
    training: Training,
    loader: DataLoader,
    validation_loader: DataLoader,
    folder: RunFolder,
    report: Report,
    save_every: int = 500,
    keep: int = 1,
    around_step: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> bool:
    """Train to the end of the recipe, or until Ctrl-C. Return whether the end was reached.

    Args:
        save_every: write a checkpoint every this many steps within an epoch, too.
        keep: keep the checkpoints of the last ``keep`` epochs.
        around_step: returns the context in which the next step runs.

    Raises:
        NonFiniteLossError: if the loss becomes NaN or infinite.
        Exception: any other that ended the run. Its notes say what is saved, and how to go on.
    """
    saving = Saving(training, folder)
    with StopAfterThisStep() as stop:

        def stopping() -> bool:
            stop.requested = anywhere(stop.requested)  # all ranks stop between the same two steps
            return stop.requested

        def after_step(training: Training, result: StepResult) -> bool:
            report.step(training, result)  # before the checkpoint: what it records of later steps is dropped
            if training.global_step % save_every == 0 and training.step < training.steps_per_epoch:
                saving.save()
            return stopping()

        try:
            if saving.saved_at is None:
                saving.save()
            while (training.validation_due or not training.ended) and not stopping():
                clock = None
                if not training.validation_due:
                    clock = PhaseClock()
                    report.begin_epoch(training)
                    try:
                        train_epoch(training, loader, clock, after_step, around_step)
                    finally:
                        report.end_steps()
                    saving.save()
                if training.validation_due and not stopping():
                    _validate(training, validation_loader, folder, report, clock)
                    saving.save()
                    if keep > 1:
                        folder.keep(training.epoch, keep)
        except BaseException as error:
            saving.save_what_is_whole()
            error.add_note(how_to_go_on(error, training, folder, saved=saving.saved_at is not None))
            raise
    return training.ended and not training.validation_due


def _validate(
    training: Training,
    validation_loader: DataLoader,
    folder: RunFolder,
    report: Report,
    clock: PhaseClock | None,
) -> None:
    """Validate the model after an epoch, keep its weights if they are the best so far, and report the epoch.

    Args:
        clock: of the epoch; None if its steps were taken by another process, which was stopped before the validation.
    """
    model, recipe = training.validated_model, training.recipe
    with dead_channels(model, alive_anywhere) as dead:
        found = evaluate_together(model, validation_loader, recipe.device, recipe.dtype)
    if not math.isfinite(found.loss):
        raise NonFiniteLossError(f"the validation loss is {found.loss} after epoch {training.epoch}")
    if training.best.is_beaten_by(found.loss, found.accuracy) and is_first():
        save_weights(model, folder.best, training.description)
    training.finish_validation(found.loss, found.accuracy)
    report.end_epoch(training, found, clock, dead)
