"""The report of a run while it lasts: progress at the terminal, and records in its folder."""

from __future__ import annotations

import time
from textwrap import fill

from inception.board import Board
from inception.clock import PhaseClock
from inception.evaluation import Evaluation
from inception.measurements import gradient_norms, memory_megabytes, weight_norm
from inception.metrics import Record
from inception.progress import Part, Progress, clock_time, result, warn
from inception.run_folder import RunFolder
from inception.state import Training
from inception.step_result import StepResult


class Report:
    """Shows a run at the terminal, and writes it to the metrics and, with a board, for TensorBoard.

    Args:
        folder: where the metrics go.
        classes: the names of the classes.
        log_gradients: record norms of gradients every this many steps.
        board: writes for TensorBoard.

    Attributes: ``validation``, the last one.
    """

    def __init__(
        self, folder: RunFolder, classes: tuple[str, ...], log_gradients: int = 50, board: Board | None = None
    ) -> None:
        self.folder, self.classes, self.log_gradients, self.board = folder, classes, log_gradients, board
        self.validation: Evaluation | None = None
        self.after_steps = 0.0  # seconds from the last step of an epoch to its end: checkpoint and validation
        self.began = self.ended = time.perf_counter()  # the last epoch, and its steps

    def begin_epoch(self, training: Training) -> None:
        """Show the progress of the rest of the epoch."""
        self.began = time.perf_counter()
        what = f"epoch {training.epoch + 1}/{training.recipe.epochs}"
        self.progress = Progress(what, training.steps_per_epoch, "step", training.step)

    def step(self, training: Training, result: StepResult) -> None:
        """Show and record a step."""
        self.progress.update(1, lambda: self._parts(training, result))
        speed = self.progress.speed * sum(result.counts)
        record: Record = {"kind": "step", "epoch": training.epoch + 1, "step": training.step}
        record |= {"global_step": training.global_step, "loss": result.loss, "accuracy": result.accuracy}
        record |= {"cross_entropy": result.cross_entropy}
        record |= {"lr": training.lr, "images_per_second": round(speed, 2), "memory_mb": memory_megabytes()}
        if result.gradient_norm is not None:
            record["gradient_norm"] = result.gradient_norm
        if result.waiting_seconds is not None:
            record["waiting_seconds"] = [round(seconds, 6) for seconds in result.waiting_seconds]
        self._log(record)
        if training.global_step % self.log_gradients == 0 or training.global_step == 1:
            self._measure_gradients(training, result)

    def _measure_gradients(self, training: Training, result: StepResult) -> None:
        recipe, norms = training.recipe, gradient_norms(training.model)
        self._log({"kind": "gradients", "global_step": training.global_step, **norms})
        total = norms["total"] if result.gradient_norm is None else result.gradient_norm
        weights = weight_norm(training.model)
        self._warn(
            training,
            training.watch.gradients(total, weights, result.accuracy, clip=recipe.clip, amp=recipe.amp),
        )

    def _parts(self, training: Training, result: StepResult) -> list[Part]:
        """Return what the line of progress shows, the most important with the lowest rank."""
        sums, steps = training.progress, self.progress
        parts = [Part(steps.head), Part(f"loss {sums.cross_entropy:.3f}", 1), Part(f"acc {sums.accuracy:.1%}", 3)]
        parts.append(Part(f"{steps.speed * sum(result.counts):.1f} images/s", 4))
        if steps.seconds_left is not None:
            rest = training.recipe.epochs - training.epoch - 1  # epochs after this one
            epoch = steps.seconds_left
            whole = epoch + self.after_steps + rest * (training.steps_per_epoch / steps.speed + self.after_steps)
            parts.append(Part(f"{clock_time(epoch)} left", 2))
            parts.append(Part(f"run {clock_time(whole)}", 5))
        parts.append(Part(f"step {training.step}/{training.steps_per_epoch}", 6))
        parts.append(Part(f"lr {training.lr:.1e}", 7))
        if result.gradient_norm is not None:
            parts.append(Part(f"grad {result.gradient_norm:.2g}", 8))
        return parts

    def end_steps(self) -> None:
        """Take the line of progress away: the epoch is over, or the run was stopped."""
        self.progress.close()
        self.ended = time.perf_counter()

    def end_epoch(
        self,
        training: Training,
        found: Evaluation,
        clock: PhaseClock | None = None,
        dead: dict[str, float] | None = None,
    ) -> None:
        """Show and record an epoch, after the model has been validated.

        Args:
            found: the result of the validation.
            clock: the time that each phase took.
            dead: the share of dead channels of each layer.
        """
        self.validation = found
        progress = training.progress
        self.after_steps = time.perf_counter() - self.ended
        seconds = time.perf_counter() - self.began
        _print_epoch(training, found, seconds, clock)
        record: Record = {"kind": "epoch", "epoch": training.epoch, "global_step": training.global_step}
        record |= {"train_loss": progress.loss, "train_accuracy": progress.accuracy}
        record["train_cross_entropy"] = progress.cross_entropy
        record |= {"validation_loss": found.loss, "validation_accuracy": found.accuracy}
        record["validation_top5"] = found.in_top5
        record |= {"validation_accuracy_by_class": dict(zip(self.classes, found.per_class, strict=False))}
        record["seconds"] = round(seconds, 3)
        if clock is not None:
            record["phase_seconds"] = clock.seconds
        self._log(record)
        frozen = [
            name
            for name, child in training.model.named_children()
            if not any(parameter.requires_grad for parameter in child.parameters())
        ]
        self._warn(
            training,
            training.watch.validation(found.loss, progress.loss, training.lr, used=_remedies(training))
            + training.watch.dead(dead or {}, training.epoch, frozen),
        )
        if self.board is not None:
            self.board.histograms(training.model, training.global_step)

    def _warn(self, training: Training, warnings: list[str]) -> None:
        for text in warnings:
            warn(text)
            self._log({"kind": "warning", "global_step": training.global_step, "text": text})

    def _log(self, record: Record) -> None:
        self.folder.log(record)
        if self.board is not None:
            self.board.scalars(record, record["global_step"])


class SilentReport(Report):
    """The report of a rank other than 0: it shows and writes nothing, and keeps the last validation."""

    def begin_epoch(self, training: Training) -> None:
        """Do nothing."""

    def step(self, training: Training, result: StepResult) -> None:
        """Do nothing."""

    def end_steps(self) -> None:
        """Do nothing."""

    def end_epoch(
        self,
        training: Training,
        found: Evaluation,
        clock: PhaseClock | None = None,
        dead: dict[str, float] | None = None,
    ) -> None:
        """Keep the validation."""
        self.validation = found


def _print_epoch(training: Training, found: Evaluation, seconds: float, clock: PhaseClock | None) -> None:
    memory, sums = memory_megabytes(), training.progress
    used = "" if memory is None else f", memory {memory:,.0f} MB"
    result(f"epoch {training.epoch}/{training.recipe.epochs}: {clock_time(seconds)}{used}")
    minimised = _minimised(training)
    result(_filled(f"  training    loss {sums.cross_entropy:.3f}, accuracy {sums.accuracy:.1%}{minimised}"))
    result(f"  validation  loss {found.loss:.3f}, {found.shares}")
    if clock is not None:
        result(_filled(f"  time        {clock}"))


def _filled(text: str) -> str:
    return fill(text, 79, subsequent_indent=" " * 14)


def _minimised(training: Training) -> str:
    """Return the loss that is minimised, in words, if it is another one than that of validation."""
    recipe = training.recipe
    more = {
        "label smoothing": recipe.label_smoothing,
        "mixup": recipe.mixup,
        "cutmix": recipe.cutmix,
        "the aux head": recipe.aux,
        "class weights": recipe.class_weights,
    }
    used = [name for name, value in more.items() if value]
    return f"; minimised {training.progress.loss:.3f}, with {', '.join(used)}" if used else ""


def _remedies(training: Training) -> list[str]:
    """Return the options against overfitting that a run uses."""
    recipe = training.recipe
    used = {
        "--augment": recipe.augment != "none",
        "--weight-decay": recipe.weight_decay > 0,
        "--mixup": recipe.mixup > 0,
        "--patience": recipe.patience is not None,
    }
    return [name for name, given in used.items() if given]
