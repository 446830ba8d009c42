"""The first step of a run, explained: a page that tells it by its own numbers (minigrad.viewer)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from inception.ending import OptionError
from inception.recipes import Recipe
from minigrad import nn, viewer


class FirstStep:
    """Around each step: records the first one, and none after it.

    Args:
        path: the page to write.
    """

    def __init__(self, model: nn.Module, path: Path) -> None:
        self.model, self.path = model, path
        self._is_due = True

    def __call__(self) -> AbstractContextManager[object]:
        """Return the context in which the next step runs."""
        if not self._is_due:
            return nullcontext()
        self._is_due = False
        return viewer.record(self.model, self.path, f"The first training step in {self.path.parent.name}")


def refuse_unless_explainable(recipe: Recipe, find_lr: bool) -> None:
    """Refuse ``--explain`` for a run without a single step of one batch.

    Raises:
        OptionError: if gradients of several batches are added up, or nothing is trained.
    """
    if find_lr:
        raise OptionError("--explain shows a training step, and --find-lr trains nothing: leave one of them out")
    if recipe.shards is not None:
        raise OptionError(
            f"--explain shows the four phases of one batch, and --shards {recipe.shards} cuts it into parts: start it "
            "without --shards and mpiexec"
        )
    if recipe.accumulate > 1:
        raise OptionError(
            f"--explain shows the four phases of one batch, and --accumulate {recipe.accumulate} adds up the gradients "
            "of several: leave one of them out"
        )
