"""``python -m inception train``: train by a recipe, continue a run, or look for a learning rate."""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import minigrad
from inception import figures
from inception.board import Board
from inception.data import load_data
from inception.lr_finder import find_learning_rate, suggestion
from inception.options import add_options, check, option
from inception.recipes import FIELDS, RECIPE_DATA, RECIPES, Recipe
from inception.report import Report
from inception.results import write_results
from inception.run import train
from inception.run_folder import RunFolder, new_folder
from inception.state import Checkpoint, Training, load_checkpoint
from minigrad import system
from minigrad.data import DataLoader
from minigrad.extras import require


@dataclass(frozen=True)
class RunOptions:
    """Settings that do not change the result of a run."""

    output: Path | None = option(None, "folder of the run (default: runs/DATE-TIME)")
    resume: Path | None = option(None, "continue the run in this folder, or of this checkpoint", metavar="RUN")
    workers: int = option(0, "processes that load images ahead; 0 loads them in this one", at_least=0)
    save_every: int = option(500, "write a checkpoint every N steps within an epoch, too", at_least=1)
    keep: int = option(1, "keep the checkpoints of the last N epochs", at_least=1)
    log_gradients: int = option(50, "record norms of gradients every N steps", at_least=1)
    tensorboard: bool = option(False, "also write for TensorBoard, into the run's folder")
    find_lr: bool = option(False, "do not train: try learning rates, and draw the losses")

    def __post_init__(self) -> None:
        check(self)


def started_as() -> str:
    """Return what to type to train."""
    return f"{system.started_as('inception')} train"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse a command line. Options of the recipe that are not given are None."""
    parser = argparse.ArgumentParser(
        prog=started_as(),
        description="Train Inception V3. The recipe gives every option its default.",
        epilog="Ctrl-C stops after the current step, saves a checkpoint and prints the command to continue.",
    )
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="quick", help="source of the defaults (quick)")
    add_options(parser.add_argument_group("the recipe (decides the result of the run)"), Recipe, "quick")
    add_options(parser.add_argument_group("the run (does not change its result)"), RunOptions)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    system.never_fail_to_print()
    given = vars(parse_arguments(arguments))
    try:
        options = RunOptions(**{field.name: given[field.name] for field in fields(RunOptions)})
        settings = {name: given[name] for name in FIELDS if given[name] is not None}
        board = ["tensorboardX"] if options.tensorboard else []
        require(started_as(), "PIL", "safetensors", "tqdm", "matplotlib", *board)  # before training, not hours later
        return run(given["recipe"], settings, options)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def run(recipe_name: str, settings: dict[str, object], options: RunOptions) -> int:
    """Train, continue a run, or look for a learning rate.

    Args:
        settings: those that replace the recipe's.
    """
    recipe, folder, tree, path = plan(recipe_name, settings, options)
    try:
        data = load_data(recipe)
        print(*data.notes, sep="\n", end="\n" if data.notes else "", file=sys.stderr)
        loader = DataLoader(
            data.train,
            recipe.batch_size,
            shuffle=True,
            seed=recipe.seed,
            drop_last=True,
            num_workers=options.workers,
            pin_memory=recipe.device != "cpu",
        )
        test_loader = DataLoader(data.validation, recipe.batch_size, seed=recipe.seed, num_workers=options.workers)
        training = Training.from_recipe(recipe, recipe.classes or len(data.classes), steps_of(loader, recipe))
    except Exception:
        folder.discard_if_empty()
        raise
    if tree is not None:
        training.restore(path, tree)
        del tree  # a second copy of all weights
        folder.forget_after(training.global_step, training.epoch)
        print(f"resumed {path} after step {training.step} of epoch {training.epoch + 1}")
    introduce(training, folder)
    print(f"{len(data.train):,} training and {len(data.validation):,} validation images of {len(data.classes)} classes")
    if options.find_lr:
        look_for_rate(training, loader, folder)
        return 0

    board = Board(folder.board, training.global_step) if options.tensorboard else None
    if board is not None and training.global_step == 0:
        board.begin(recipe.as_dict(), f"minigrad {minigrad.__version__}, {parameter_count(training):,} parameters")
    report = Report(folder, data.classes, options.log_gradients, board)
    if not train(training, loader, test_loader, folder, report, options.save_every, options.keep):
        print(f"\nstopped; saved {folder.checkpoint}\ncontinue with: {how_to_continue(folder)}")
        return 130
    write_results(training, test_loader, data.validation, folder, report)
    return 0


def plan(
    recipe_name: str, settings: dict[str, object], options: RunOptions
) -> tuple[Recipe, RunFolder, Checkpoint | None, Path]:
    """Return the recipe and folder of the run; to continue one, also its checkpoint and where that was read from."""
    if options.resume is not None:
        path = options.resume / "checkpoint.safetensors" if options.resume.is_dir() else options.resume
        tree = load_checkpoint(path)
        recipe = resumed_recipe(tree["recipe"], settings, path)
        return recipe, RunFolder(options.output or path.parent, resuming=True), tree, path
    defaults = RECIPES[recipe_name].as_dict()
    if recipe_name in RECIPE_DATA:
        defaults["data"] = RECIPE_DATA[recipe_name]
    recipe = Recipe.from_dict({**defaults, **settings})
    folder = RunFolder(options.output or new_folder())
    return recipe, folder, None, folder.checkpoint


def resumed_recipe(saved: dict[str, object], settings: dict[str, object], path: Path) -> Recipe:
    """Return the recipe of a checkpoint.

    Raises:
        ValueError: for settings that contradict it, since the run would not be the same.
    """
    # A checkpoint of an older version may have fewer settings.
    recipe = Recipe.from_dict({name: saved[name] for name in FIELDS if name in saved})
    differ = [
        f"{name}: {getattr(recipe, name)} there, {value} here"
        for name, value in settings.items()
        if getattr(recipe, name) != value
    ]
    if differ:
        raise ValueError(f"{path} was made with other options ({'; '.join(differ)}); leave them out to continue it")
    return recipe


def steps_of(loader: DataLoader, recipe: Recipe) -> int:
    """Return the number of steps per epoch.

    Raises:
        ValueError: if there are too few images for one.
    """
    steps = len(loader) // recipe.accumulate
    if steps == 0:
        what = f"one batch of {recipe.batch_size}" if len(loader) == 0 else f"{recipe.accumulate} batches"
        raise ValueError(f"{len(loader.dataset)} training images do not fill {what}")
    return steps


def introduce(training: Training, folder: RunFolder) -> None:
    """Print what is about to be trained."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("minigrad").setLevel(logging.INFO)  # shows a line while kernels are compiled, in the first run
    recipe = training.recipe
    parameters, trained = parameter_count(training), parameter_count(training, trained=True)
    print(f"Inception V3, {parameters:,} parameters, {recipe.dtype} on {recipe.device}, into {folder.path}")
    if trained < parameters:
        print(f"{trained:,} of them are trained, the others are frozen")


def parameter_count(training: Training, trained: bool = False) -> int:
    """Return the number of parameters of the model, or of those that are trained."""
    return sum(p.numel() for p in training.model.parameters() if p.requires_grad or not trained)


def how_to_continue(folder: RunFolder) -> str:
    """Return the command that continues a run."""
    return f"{started_as()} --resume {folder.path}"


def look_for_rate(training: Training, loader: DataLoader, folder: RunFolder) -> None:
    """Try learning rates, print a suggestion and draw the losses. The model is of no use afterwards."""
    rates, losses = find_learning_rate(training, loader)
    found = suggestion(rates, losses)
    figures.draw_rates(rates, losses, found, folder.lr_finder)
    if found is None:
        print("the loss fell at no rate: look at the data, or try another optimizer")
    else:
        print(f"the loss falls fastest at a learning rate of about {found:.1e}: try --lr {found:.1e}")
    print(f"  {folder.lr_finder}")
