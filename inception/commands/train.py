"""``python -m inception train``: train by a recipe, continue a run, or look for a learning rate."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import minigrad
from inception import ending, figures, output, resume
from inception.advice import how_to_continue, started_as
from inception.arguments import parse
from inception.balance import class_weights, training_loader
from inception.board import Board
from inception.checkpoints import Change, load_checkpoint
from inception.classes import class_names
from inception.data import Data, load_data
from inception.data_summary import summary
from inception.first_step import FirstStep, refuse_unless_explainable
from inception.idle_options import idle_options
from inception.lr_finder import find_learning_rate, suggestion
from inception.options import check, option
from inception.plan import Plan, how_it_has_finished, planned
from inception.progress import messages_in_own_words, result, say, warn
from inception.ranks import in_words, is_first, ranks, together, use_own_gpu
from inception.recipes import FIELDS, Recipe, settings_of
from inception.report import Report, SilentReport
from inception.results import write_results
from inception.run import train
from inception.run_folder import RunFolder
from inception.same_ranks import refuse_other_ranks
from inception.sharded_step import shard_loader
from inception.state import Training
from inception.weights import save_weights
from inception.wording import counted
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
    explain: bool = option(False, "also write a page that tells the first step by its own numbers")
    find_lr: bool = option(False, "do not train: try learning rates, and draw the losses")
    debug: bool = option(False, "show the traceback of an error")

    def __post_init__(self) -> None:
        check(self)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse a command line. Options of the recipe that are not given are None."""
    return parse(arguments, RunOptions, started_as(), resume.MAY_CHANGE)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    system.never_fail_to_print()
    with output.that_may_be_lost():  # a run of hours does not end because nobody reads what it prints
        return together(lambda: _run(arguments), "--debug" in (sys.argv if arguments is None else arguments))


def _run(arguments: list[str] | None) -> int:
    given = vars(parse_arguments(arguments))
    settings = {name: given[name] for name in FIELDS if given[name] is not None}
    with ending.checking_options():
        options = RunOptions(**{field.name: given[field.name] for field in fields(RunOptions)})
    board = ["tensorboardX"] if options.tensorboard else []
    require(started_as(), "PIL", "safetensors", "tqdm", "matplotlib", *board)  # before training, not hours later
    with messages_in_own_words():
        return run(given["recipe"], settings, options)


def run(recipe_name: str | None, settings: dict[str, object], options: RunOptions) -> int:
    """Train, continue a run, or look for a learning rate.

    Args:
        recipe_name: the recipe that was named; None for "quick".
        settings: those that replace the recipe's.
    """
    plan = planned(recipe_name, settings, options.resume, options.output)
    for line in idle_options(plan.recipe, settings, settings_of(recipe_name)):
        say(line)
    try:
        return carry_out(plan, options)
    finally:
        plan.folder.release()


def carry_out(plan: Plan, options: RunOptions) -> int:
    """Do what was planned; return the exit status."""
    recipe, folder = plan.recipe, plan.folder
    if plan.has_finished and folder.complete:
        result(how_it_has_finished(plan))
        return 0
    if options.explain:
        refuse_unless_explainable(recipe, options.find_lr)
    if options.find_lr and ranks().size > 1:
        raise ending.OptionError("--find-lr tries learning rates in one process: start it without mpiexec")
    use_own_gpu(recipe.device)
    training, loader, validation_loader, data = prepared(plan, options)
    introduce(training, folder)
    train_count, held_out = len(data.train), counted(len(data.validation), "validation image")
    result(f"{train_count:,} training and {held_out} of {counted(len(data.classes), 'class')}")
    if options.find_lr:
        look_for_rate(training, loader, folder)
        return 0
    folder.write_recipe(all_settings(training, options))
    board = Board(folder.board, training.global_step) if options.tensorboard and is_first() else None
    if board is not None and training.global_step == 0:
        board.begin(recipe.as_dict(), f"minigrad {minigrad.__version__}, {parameter_count(training):,} parameters")
    reporting = Report if is_first() else SilentReport
    report = reporting(folder, data.classes, options.log_gradients, board)
    around = FirstStep(training.model, folder.first_step) if options.explain else nullcontext
    if options.explain:
        result(f"the first step will be explained in {folder.first_step}")
    if not train(training, loader, validation_loader, folder, report, options.save_every, options.keep, around):
        result(f"\nstopped; saved {folder.checkpoint}\ncontinue with: {how_to_continue(folder)}")
        return 130
    if not is_first():
        return 0
    try:
        write_results(training, validation_loader, data.validation, folder, report)
    except BaseException as error:
        if folder.checkpoint.is_file():
            error.add_note(f"The trained model is saved; write the results again with: {how_to_continue(folder)}")
        else:
            error.add_note(f"The trained model is where {folder.path} has gone, if anywhere")
        raise
    return 0


def all_settings(training: Training, options: RunOptions) -> dict[str, object]:
    """Return everything that was decided about a run, for its recipe.json."""
    return {
        "minigrad": minigrad.__version__,
        "recipe": training.recipe.as_dict(),
        "run": vars(options),
        "changes": training.changes,
        "data": training.data,
    }


class Prepared(NamedTuple):
    """A run between two steps, and its data."""

    training: Training
    loader: DataLoader
    validation_loader: DataLoader
    data: Data


def prepared(plan: Plan, options: RunOptions) -> Prepared:
    """Load the data, build the model, and restore the checkpoint of a run to continue."""
    recipe, folder, tree = plan.recipe, plan.folder, plan.tree
    try:
        data = load_data(recipe)
    except FileNotFoundError as error:
        if tree is not None:
            error.add_note(f"If the data have moved: {how_to_continue(folder)} --root FOLDER")
        raise
    loader = training_loader(data.train, recipe, recipe.batch_size, options.workers, recipe.device != "cpu")
    steps = steps_of(loader, recipe)
    validation_loader = DataLoader(data.validation, recipe.batch_size, seed=recipe.seed, num_workers=options.workers)
    count = recipe.classes or len(data.classes)
    if tree is not None and plan.checkpoint is not None:
        resume.refuse_other_classes(tree["description"], class_names(data.classes, count), plan.checkpoint)
    training = Training.from_recipe(recipe, count, steps, data.classes, summary(data), resuming=tree is not None)
    if training.gradients is not None and options.find_lr:
        training.gradients.close()  # the search takes whole batches
        training.gradients = None
    elif training.gradients is not None:
        shard_loader(loader, recipe.batch_size, training.gradients.shards, training.gradients.own)
    if recipe.class_weights is not None:
        training.class_weights = class_weights(data.train, count).to(recipe.device, dtype=recipe.dtype)
    if tree is not None and plan.checkpoint is not None:
        restore(training, plan.checkpoint, plan.changes)
        if plan.source is not None:
            folder.continue_from(plan.source, with_best=plan.best_is_in_source)
        damaged = folder.forget_after(training.global_step, training.validated).damaged
        if damaged:
            lines = f"line {damaged[0]}" + (f" and {len(damaged) - 1:,} more" if damaged[1:] else "")
            warn(f"{folder.metrics}: left out what is damaged ({lines})")
        best_is_here = training.best.epoch == training.epoch > 0 and training.step == 0
        if is_first() and best_is_here and not folder.best.exists():
            save_weights(training.validated_model, folder.best, training.description)
        if is_first() and training.best.epoch > 0 and not folder.best.exists():
            warn(f"{folder.best} is gone: the weights of epoch {training.best.epoch}, the best one so far, are lost")
    refuse_other_ranks(training, options.find_lr)
    for note in data.notes:
        say(note)
    return Prepared(training, loader, validation_loader, data)


def restore(training: Training, path: Path, changes: Sequence[Change]) -> None:
    """Restore a checkpoint, and say where the run goes on and what has changed."""
    tree = load_checkpoint(path)
    training.restore(path, tree)
    training.changes += changes
    place = f"step {training.step} of epoch {training.epoch + 1}"
    if training.step == 0 and training.epoch > 0:
        place = f"epoch {training.epoch}" + (", before its validation" if training.validation_due else "")
    result(f"resumed {path} after {place}")
    lines = [*resume.in_words(changes), resume.how_the_schedule_goes_on(training, tree)]
    if tree["data"] is not None and training.data is not None:
        lines.append(resume.what_changed(tree["data"], training.data))
    for line in lines:
        if line is not None:
            result(f"  {line}")


def steps_of(loader: DataLoader, recipe: Recipe) -> int:
    """Return the number of steps per epoch.

    Raises:
        OptionError: if there are too few images for one.
    """
    steps = len(loader) // recipe.accumulate
    if steps == 0:
        none = len(loader) == 0
        what = f"one batch of {recipe.batch_size}" if none else counted(recipe.accumulate, "batch")
        lower = "--batch-size" if none else "--accumulate or --batch-size"
        raise ending.OptionError(f"{counted(len(loader.dataset), 'training image')} cannot fill {what}: lower {lower}")
    return steps


def introduce(training: Training, folder: RunFolder) -> None:
    """Print what is about to be trained."""
    recipe = training.recipe
    parameters, trained = parameter_count(training), parameter_count(training, trained=True)
    result(f"Inception V3, {parameters:,} parameters, {recipe.dtype} on {recipe.device}, into {folder.path}")
    if recipe.shards is not None:
        each = recipe.batch_size // recipe.shards
        result(f"each batch in {counted(recipe.shards, 'shard')} of {counted(each, 'image')}, on {in_words(ranks())}")
    if trained < parameters:
        result(f"{trained:,} of them are trained, the others are frozen")


def parameter_count(training: Training, trained: bool = False) -> int:
    """Return the number of parameters of the model, or of those that are trained."""
    return sum(p.numel() for p in training.model.parameters() if p.requires_grad or not trained)


def look_for_rate(training: Training, loader: DataLoader, folder: RunFolder) -> None:
    """Try learning rates, print a suggestion and draw the losses. The model is of no use afterwards."""
    rates, losses = find_learning_rate(training, loader)
    found = suggestion(rates, losses)
    figures.draw_rates(rates, losses, found, folder.lr_finder)
    if found is None:
        result("the loss fell at no rate: look at the data, or try another optimizer")
    else:
        result(f"the loss falls fastest at a learning rate of about {found:.1e}: try --lr {found:.1e}")
    result(f"  {folder.lr_finder}")
