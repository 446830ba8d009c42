"""Verification: read every file of a run, and say of each whether it is whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inception.checkpoints import Checkpoint, load_checkpoint, place_in_words, read_outline
from inception.measurements import are_finite
from inception.metrics import read_metrics
from inception.recipes import Recipe
from inception.run_folder import CHECKPOINT, CHECKPOINTS, DAMAGED, PREVIOUS
from inception.state import has_ended
from inception.weights import read_weights
from inception.wording import counted
from minigrad.checkpoint import CheckpointError
from minigrad.extras import Later
from minigrad.files import PARTIAL

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image", "a figure")

WHOLE, WRONG, UNCHECKED = "whole", "WRONG", "not checked"
FIGURES = ("curves.png", "predictions.png", "confusion.png")


class Finding(NamedTuple):
    """A file of a run, and what was found in it."""

    file: str
    size: int | None  # bytes; None for a file that is missing
    state: str
    text: str


def verify(run: Path) -> list[Finding]:
    """Return what is found in the folder of a run, file by file.

    Raises:
        FileNotFoundError: if there is no such folder, or no run in it.
    """
    if not run.is_dir():
        raise FileNotFoundError(f"no run at {run}: expected the folder of one")
    if not any((run / name).exists() for name in (CHECKPOINT, PREVIOUS, "metrics.jsonl", "weights.safetensors")):
        raise FileNotFoundError(f"{run} holds no run: neither {CHECKPOINT} nor metrics.jsonl nor weights.safetensors")
    tree = _outline(run)
    found = [*_checkpoints(run), *_weights(run, tree), *_texts(run, tree), *_figures(run, tree)]
    known = {finding.file for finding in found}
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        name = path.relative_to(run).as_posix()
        if name not in known:
            found.append(Finding(name, path.stat().st_size, UNCHECKED, _about(path)))
    return found


def table(found: list[Finding]) -> list[str]:
    """Return the findings as the lines of a table."""
    rows = [("file", "bytes", "", "")]
    rows += [(each.file, "" if each.size is None else f"{each.size:,}", each.state, each.text) for each in found]
    name, size, state = (max(len(row[column]) for row in rows) for column in range(3))
    return [f"{row[0]:{name}}  {row[1]:>{size}}  {row[2]:{state}}  {row[3]}".rstrip() for row in rows]


def _outline(run: Path) -> Checkpoint | None:
    try:
        return read_outline(run / CHECKPOINT)
    except (OSError, CheckpointError):
        return None


def _finding(path: Path, run: Path, check: Callable[[], str]) -> Finding:
    """Return what ``check`` says about a file, or the error that it raises."""
    name = path.relative_to(run).as_posix()
    try:
        size = path.stat().st_size
    except OSError:
        return Finding(name, None, WRONG, "missing")
    try:
        return Finding(name, size, WHOLE, check())
    except (OSError, CheckpointError, ValueError, SyntaxError) as error:
        text = " ".join(str(error).removeprefix(f"{path}: ").removeprefix(f"{path} ").split())
        return Finding(name, size, WRONG, text or type(error).__name__)


def _checkpoints(run: Path) -> Iterator[Finding]:
    kept = sorted((run / CHECKPOINTS).glob("epoch-*.safetensors"))
    for path in (run / CHECKPOINT, run / PREVIOUS, *kept):
        if path.exists() or path.name == CHECKPOINT:
            yield _finding(path, run, partial(_checkpoint, path))


def _checkpoint(path: Path) -> str:
    tree = load_checkpoint(path)
    if not are_finite(tree["model"].values()):
        raise ValueError("it has weights that are nan or infinite")
    return place_in_words(tree["position"])


def _weights(run: Path, tree: Checkpoint | None) -> Iterator[Finding]:
    has_best = tree is not None and tree["best"]["epoch"] > 0
    for name, expected in (("best.safetensors", has_best), ("weights.safetensors", _has_ended(tree))):
        if expected or (run / name).exists():
            yield _finding(run / name, run, partial(_weights_in, run / name, tree))


def _weights_in(path: Path, tree: Checkpoint | None) -> str:
    weights = read_weights(path)
    if not are_finite(weights.state.values()):
        raise ValueError("it has weights that are nan or infinite")
    if tree is not None and list(weights.description.classes) != tree["description"]["classes"]:
        raise ValueError("it is for other classes than the checkpoint")
    return f"{counted(len(weights.state), 'tensor')}, {weights.description}"


def _has_ended(tree: Checkpoint | None) -> bool:
    if tree is None:
        return False
    position, recipe = tree["position"], Recipe.from_dict(tree["recipe"])
    epoch, validated = position["epoch"], position["validated"]
    return epoch == validated and has_ended(recipe, epoch, validated, tree["best"]["epoch"])


def _texts(run: Path, tree: Checkpoint | None) -> Iterator[Finding]:
    yield _finding(run / "recipe.json", run, lambda: _recipe(run / "recipe.json", tree))
    steps = 0 if tree is None else tree["position"]["steps_before"] + tree["position"]["step"]
    if steps or (run / "metrics.jsonl").exists():
        yield _finding(run / "metrics.jsonl", run, lambda: _metrics(run / "metrics.jsonl", steps))


def _recipe(path: Path, tree: Checkpoint | None) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("recipe"), dict):
        raise ValueError("it holds no recipe")
    try:
        recipe = Recipe.from_dict(content["recipe"])
    except TypeError as error:
        raise ValueError(str(error)) from None
    if tree is not None and recipe.as_dict() != tree["recipe"]:
        raise ValueError("its settings are not those of the checkpoint")
    return f"{recipe.data}, {counted(recipe.epochs, 'epoch')}, {recipe.optimizer}"


def _metrics(path: Path, steps: int) -> str:
    found = read_metrics(path)
    if found.damaged:
        lines = counted(len(found.damaged), "damaged line")
        raise ValueError(f"{lines}, the first is line {found.damaged[0]}")
    numbers = [record["global_step"] for record in found.records if record["kind"] == "step"]
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError("its steps do not follow one another")
    if len(numbers) < steps:
        raise ValueError(f"it has {len(numbers)} of the {counted(steps, 'step')} of the checkpoint")
    return counted(len(numbers), "step")


def _figures(run: Path, tree: Checkpoint | None) -> Iterator[Finding]:
    for name in FIGURES:
        if _has_ended(tree) or (run / name).exists():
            yield _finding(run / name, run, partial(_figure, run / name))


def _figure(path: Path) -> str:
    with Image.open(path) as image:
        image.load()
        return f"{image.width} x {image.height} pixels"


def _about(path: Path) -> str:
    if path.name == DAMAGED:
        return "a damaged checkpoint, which --resume replaced by an earlier one"
    if path.match(PARTIAL):
        return "left by a process that was killed while writing; --resume removes it"
    return {"run.lock": "names the process that owns the folder"}.get(path.name, "")
