"""The report of a run while it lasts: progress at the terminal, and records in its folder."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from inception.board import Board
from inception.clock import PhaseClock
from inception.evaluation import Evaluation
from inception.measurements import gradient_norms, memory_megabytes, weight_norm
from inception.run_folder import Record, RunFolder
from inception.state import Training
from inception.step_result import StepResult
from minigrad.extras import Later

if TYPE_CHECKING:
    import tqdm
else:
    tqdm = Later("tqdm", "the progress bar")


class Report:
    """Shows a run at the terminal, and writes it to the metrics and, with a board, for TensorBoard.

    Args:
        folder: where the metrics go.
        classes: the names of the classes.
        log_gradients: record norms of gradients every this many steps.
        board: writes for TensorBoard.

    Attributes: ``test``, the last evaluation.
    """

    def __init__(
        self, folder: RunFolder, classes: tuple[str, ...], log_gradients: int = 50, board: Board | None = None
    ) -> None:
        self.folder, self.classes, self.log_gradients, self.board = folder, classes, log_gradients, board
        self.test: Evaluation | None = None
        self.norm: float | None = None  # of all gradients, when it was last computed

    def begin_epoch(self, training: Training) -> None:
        """Show a progress bar for the rest of the epoch."""
        self.started, self.seen_before = time.perf_counter(), training.progress.seen if training.step else 0
        self.bar = tqdm.tqdm(
            total=training.steps_per_epoch,
            initial=training.step,
            desc=f"epoch {training.epoch + 1}/{training.recipe.epochs}",
            unit="step",
            mininterval=0.5,
            dynamic_ncols=True,
        )

    def step(self, training: Training, result: StepResult) -> None:
        """Show and record a step."""
        progress = training.progress
        speed = (progress.seen - self.seen_before) / (time.perf_counter() - self.started)
        shown = {"loss": f"{progress.loss:.3f}", "acc": f"{progress.accuracy:.1%}", "img_s": f"{speed:.1f}"}
        if self.norm is not None:
            shown["grad"] = f"{self.norm:.2g}"
        self.bar.set_postfix(shown, lr=f"{training.lr:.2e}", refresh=False)
        self.bar.update(1)
        record: Record = {"kind": "step", "epoch": training.epoch + 1, "step": training.step}
        record |= {"global_step": training.global_step, "loss": result.loss, "accuracy": result.accuracy}
        record |= {"lr": training.lr, "images_per_second": round(speed, 2), "memory_mb": memory_megabytes()}
        if result.gradient_norm is not None:
            record["gradient_norm"] = result.gradient_norm
        self._log(record)
        if training.global_step % self.log_gradients == 0 or training.global_step == 1:
            norms = gradient_norms(training.model)
            self.norm = norms["total"]
            self._log({"kind": "gradients", "global_step": training.global_step, **norms})
            self._warn(training, training.watch.gradients(norms["total"], weight_norm(training.model)))

    def end_steps(self) -> None:
        """Close the progress bar: the epoch is over, or the run was stopped."""
        self.bar.close()

    def end_epoch(
        self,
        training: Training,
        test: Evaluation,
        clock: PhaseClock | None = None,
        dead: dict[str, float] | None = None,
    ) -> None:
        """Show and record an epoch, after the model has been tested.

        Args:
            clock: the time that each phase took.
            dead: the share of dead channels of each layer.
        """
        self.test = test
        progress = training.progress
        memory = memory_megabytes()
        if clock is not None:
            print(f"  time: {clock}" + ("" if memory is None else f" · memory {memory:,.0f} MB"))
        print(
            f"  train loss {progress.loss:.3f}, accuracy {progress.accuracy:.1%} · "
            f"test loss {test.loss:.3f}, {test.shares}",
            flush=True,
        )
        record: Record = {"kind": "epoch", "epoch": training.epoch, "global_step": training.global_step}
        record |= {"train_loss": progress.loss, "train_accuracy": progress.accuracy}
        record |= {"test_loss": test.loss, "test_accuracy": test.accuracy, "test_top5": test.in_top5}
        record |= {"test_accuracy_by_class": dict(zip(self.classes, test.per_class, strict=False))}
        if clock is not None:
            record["phase_seconds"] = clock.seconds
        self._log(record)
        self._warn(training, training.watch.validation(test.loss) + training.watch.dead(dead or {}))
        if self.board is not None:
            self.board.histograms(training.model, training.global_step)

    def _warn(self, training: Training, warnings: list[str]) -> None:
        for text in warnings:
            tqdm.tqdm.write(f"  warning: {text}")
            self._log({"kind": "warning", "global_step": training.global_step, "text": text})

    def _log(self, record: Record) -> None:
        self.folder.log(record)
        if self.board is not None:
            self.board.scalars(record, record["global_step"])
