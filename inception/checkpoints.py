"""Checkpoints of a run: what one holds, and reading one that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, cast

from inception.data_summary import DataSummary
from inception.recipes import FIELDS, Recipe
from inception.schema import misfit
from minigrad import Tensor, checkpoint
from minigrad.checkpoint import CheckpointError


class Position(TypedDict):
    """The place between two steps: the attributes of :class:`inception.state.Training` with these names."""

    epoch: int
    validated: int
    step: int
    steps_before: int
    steps_per_epoch: int


class Sums(TypedDict):
    """The sums of :class:`inception.state.EpochSums`."""

    seen: int
    correct: int
    loss_sum: float
    cross_entropy_sum: float


class BestEpoch(TypedDict):
    """The number, loss (None before the first validation) and accuracy of :class:`inception.best.Best`."""

    epoch: int
    loss: float | None
    accuracy: float


class Change(TypedDict):
    """A setting of the recipe that had another value before this step."""

    global_step: int
    setting: str
    before: object
    now: object


class OptimizerState(TypedDict):
    """The state of an optimizer, whose values it checks itself."""

    state: dict[int, dict[str, object]]
    param_groups: list[dict[str, object]]


class Watched(TypedDict):
    """The measurements that :class:`inception.watch.Watch` remembers."""

    norms: list[float]
    losses: list[tuple[float, float, float]]
    overflows: int
    given: list[str]


class Described(TypedDict):
    """The fields of :class:`inception.weights.Description`."""

    classes: list[str]
    image_size: int
    resize: int | None
    normalize: str
    averaged: bool


class Checkpoint(TypedDict):
    """The content of a checkpoint file."""

    recipe: dict[str, object]
    description: Described  # the classes and the preprocessing, as with the weights
    data: DataSummary | None
    model: dict[str, Tensor]
    optimizer: OptimizerState
    scheduler: dict[str, object] | None
    ema: dict[str, Tensor] | None
    scaler: dict[str, object]
    random: dict[str, object]
    position: Position
    progress: Sums
    best: BestEpoch
    watch: Watched
    changes: list[Change]
    minigrad: str


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of :meth:`inception.state.Training.save`.

    Raises:
        FileNotFoundError, CheckpointError: if it is missing, damaged, or not a training checkpoint.
    """
    return _checked(checkpoint.load(path), path)


def read_outline(path: Path) -> Checkpoint:
    """Read a checkpoint without its tensors, in an instant; each is None.

    Raises:
        FileNotFoundError, CheckpointError: as :func:`load_checkpoint`, but for damage of a tensor.
    """
    return _checked(checkpoint.load(path, with_tensors=False), path, with_tensors=False)


def recipe_of(tree: Checkpoint, path: Path) -> Recipe:
    """Return the recipe in a checkpoint that was read from ``path``.

    Raises:
        CheckpointError: if its settings are none.
    """
    saved = tree["recipe"]
    try:
        return Recipe.from_dict({name: saved[name] for name in FIELDS if name in saved})
    except (ValueError, TypeError) as error:
        raise _damaged(path, str(error)) from None


def place_in_words(position: Position) -> str:
    """Return up to where a checkpoint at this position goes."""
    if position["validated"] < position["epoch"]:
        return f"all steps of epoch {position['epoch']}, without its validation"
    if position["step"] == 0 and position["epoch"] > 0:
        return f"epoch {position['epoch']}"
    return f"step {position['step']} of epoch {position['epoch'] + 1}"


def _checked(tree: object, path: Path, with_tensors: bool = True) -> Checkpoint:
    if not isinstance(tree, dict) or "position" not in tree:
        raise CheckpointError(
            f"{path} holds weights only and cannot be resumed; resume from checkpoint.safetensors, or begin a new run "
            f"with --weights {path}"
        )
    if not Checkpoint.__annotations__.keys() <= tree.keys():
        raise CheckpointError(
            f"{path} was written by another version of minigrad ({tree.get('minigrad')}); begin a new run from its "
            f"weights (--weights {path})"
        )
    found = misfit(tree, Checkpoint, with_tensors=with_tensors) or _impossible(tree["position"])
    if found is not None:
        raise _damaged(path, found)
    recipe_of(cast(Checkpoint, tree), path)
    return cast(Checkpoint, tree)


def _impossible(position: Position) -> str | None:
    """Return in words what is wrong with a position, or None."""
    for name, value in position.items():
        if not 0 <= int(str(value)) < 2**63:
            return f"position.{name} is {value}"
    if position["validated"] > position["epoch"] or position["step"] > max(position["steps_per_epoch"], 1):
        return f"position cannot be: {position}"
    return None


def _damaged(path: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{path} is no checkpoint of a run: {what}. Take an earlier one")
