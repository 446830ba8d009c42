"""Advice after an error in a run: what is saved, and the command that goes on."""

from __future__ import annotations

import shlex

from inception.checkpoints import place_in_words, read_outline
from inception.ending import NO_ROOM
from inception.run_folder import RunFolder
from inception.state import Training
from inception.step_result import NonFiniteLossError
from minigrad import system
from minigrad.checkpoint import CheckpointError
from minigrad.data.datasets.images import CorruptImageError
from minigrad.data.workers import WorkerError

USUAL = 0.01  # learning rate; no recipe's is more than ten times as high


def started_as() -> str:
    """Return what to type to train."""
    return f"{system.started_as('inception')} train"


def how_to_continue(folder: RunFolder, *options: str) -> str:
    """Return the command that continues a run, in a form that a shell takes as it is."""
    return " ".join([started_as(), "--resume", shlex.quote(str(folder.path)), *options])


def how_to_go_on(error: BaseException, training: Training, folder: RunFolder, saved: bool = True) -> str:
    """Return what is saved after ``error`` has ended a run, and the command to type next.

    Args:
        saved: whether there is a checkpoint.
    """
    if not saved:
        return f"Nothing is saved yet in {folder.path}: make room there, or choose another --output"
    try:
        place = place_in_words(read_outline(folder.checkpoint)["position"])
    except (OSError, CheckpointError) as lost:
        return f"The work of this run is where {folder.path} has gone, if anywhere: {lost}"
    if isinstance(error, NonFiniteLossError):
        return f"The last good checkpoint is kept: {folder.checkpoint}, of {place}. {_after_nan(training, folder)}"
    return f"Saved up to {place} in {folder.checkpoint}. {_next(error, folder)}"


def _next(error: BaseException, folder: RunFolder) -> str:
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return f"Make room on the disk, then continue with: {how_to_continue(folder)}"
    if isinstance(error, CorruptImageError):
        without = how_to_continue(folder, "--skip-corrupt")
        return f"Repair the image and continue with: {how_to_continue(folder)}; or leave it out with: {without}"
    if isinstance(error, WorkerError):
        fewer = how_to_continue(folder, "--workers", "0")
        return f"Continue with: {how_to_continue(folder)}; or, without other processes, with: {fewer}"
    return f"Continue with: {how_to_continue(folder)}"


def _after_nan(training: Training, folder: RunFolder) -> str:
    option, rate = ("--lr", training.recipe.lr)
    if training.recipe.sgd_after is not None and training.epoch >= training.recipe.sgd_after:
        option, rate = ("--sgd-lr", training.recipe.sgd_lr)
    lower = (option, f"{USUAL if rate > 1 else rate / 10:.1g}")  # a tenth of a slip would be another
    advice = f"Continue from it with a lower learning rate: {how_to_continue(folder, *lower)}"
    if folder.best.exists():
        best = shlex.quote(str(folder.best))
        advice += f" (if that ends in the same way, begin a new run from the best weights: --weights {best})"
    return advice
