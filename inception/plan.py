"""The plan of a training command: by which recipe to train, in which folder, and from which checkpoint on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import minigrad
from inception import ending, resume
from inception.advice import how_to_continue
from inception.checkpoints import Change, Checkpoint, load_checkpoint, place_in_words, read_outline
from inception.ending import OptionError
from inception.image_sets import refuse_among_images
from inception.progress import say
from inception.ranks import ranks
from inception.recipes import Recipe, settings_of, with_given
from inception.run_folder import CHECKPOINT, CHECKPOINTS, DAMAGED, PREVIOUS, RunFolder, claimed, new_folder
from inception.state import has_ended
from inception.wording import counted
from minigrad.checkpoint import CheckpointError
from minigrad.distributed.launcher import launched
from minigrad.distributed.tree import refuse_uneven

SHARDS = 4  # of a batch, for runs that mpiexec starts


class Plan(NamedTuple):
    """The work to be done: the recipe and the folder of the run; to continue one, also its checkpoint.

    ``tree`` is the checkpoint without its tensors, which would be a second copy of all weights.
    """

    recipe: Recipe
    folder: RunFolder
    checkpoint: Path | None = None
    tree: Checkpoint | None = None
    changes: Sequence[Change] = ()
    source: Path | None = None  # the folder in which the run has been until now, if it goes on in another

    @property
    def best_is_in_source(self) -> bool:
        """True if the best weights in the folder that the run leaves are those of its checkpoint's best epoch."""
        latest = None if self.source is None else self.source / CHECKPOINT
        if latest is None or self.tree is None or not latest.is_file():
            return False
        with suppress(OSError, CheckpointError):
            return read_outline(latest)["best"] == self.tree["best"]
        return False

    @property
    def has_finished(self) -> bool:
        """True if the run to continue has ended, by the recipe with which it would go on."""
        if self.tree is None:
            return False
        epoch, validated = self.tree["position"]["epoch"], self.tree["position"]["validated"]
        return validated == epoch and has_ended(self.recipe, epoch, validated, self.tree["best"]["epoch"])


def planned(recipe_name: str | None, settings: dict[str, object], resumed: Path | None, output: Path | None) -> Plan:
    """Return what is to be done, with the folder of the run claimed.

    Args:
        recipe_name: the recipe that was named; None for "quick".
        settings: those that replace the recipe's.
        resumed: a run to continue: its folder, or a checkpoint.
        output: the folder that was named.

    Raises:
        OptionError: for settings that are wrong, or not those of the run to continue, or a device that is not there.
        OSError: for a folder that cannot be used, or a checkpoint that is missing.
    """
    with ending.checking_options():
        defaults = settings_of(recipe_name)
        if resumed is None:
            if launched() is not None:
                settings = {"shards": SHARDS, **settings}
            recipe = resume.with_absolute_places(Recipe.from_dict(with_given(recipe_name, settings)))
            refuse_ranks(recipe)
    if resumed is None:
        target = output or new_folder()
        refuse_missing_device(recipe)
        refuse_among_images(target, recipe, "the run's folder")
        return Plan(recipe, claimed(target))
    path, tree, damage = newest_whole(resumed)
    if recipe_name is not None:
        settings = {**{name: value for name, value in defaults.items() if name not in resume.OWN}, **settings}
    recipe, changes = resume.continued(tree, settings, path, recipe_name)
    with ending.checking_options():
        refuse_ranks(recipe, path)
    own = own_folder(checkpoint_of(resumed) if damage else path)
    target = output or own or new_folder()
    refuse_missing_device(recipe)
    refuse_among_images(target, recipe, "the run's folder")
    stays = own is not None and target.resolve() == own.resolve()
    folder = claimed(target, resuming=stays)
    if damage is not None:
        say(damage)
        if stays:
            path = folder.put_back(path)
    source = None if stays else path.parent.parent if path.parent.name == CHECKPOINTS else path.parent
    return Plan(recipe, folder, path, tree, changes, source)


def refuse_ranks(recipe: Recipe, path: Path | None = None) -> None:
    """Refuse several ranks for a recipe whose batches cannot be shared out among them.

    Args:
        path: the checkpoint of a run to continue.

    Raises:
        ValueError: saying what would do.
    """
    count = ranks().size
    if recipe.shards is not None:
        refuse_uneven(recipe.shards, count)
    elif count > 1:
        raise ValueError(
            f"{path} is of a run without --shards, which one process continues: start it without mpiexec (batches that "
            "are cut into shards give other results)"
        )


def refuse_missing_device(recipe: Recipe) -> None:
    """Refuse a device on which nothing can be computed, before any image is read.

    Raises:
        OptionError: if it is unknown, or not in this machine.
    """
    try:
        minigrad.zeros(1, device=recipe.device)
    except RuntimeError as error:
        raise OptionError(f"--device {recipe.device}: {error}") from None


def checkpoint_of(run: Path) -> Path:
    """Return the path of the newest checkpoint of a run's folder; a file is one itself."""
    return run / CHECKPOINT if run.is_dir() else run


class Found(NamedTuple):
    """A checkpoint that is whole, without its tensors, and a line about the newer one that is not."""

    path: Path
    tree: Checkpoint
    damage: str | None


def newest_whole(run: Path) -> Found:
    """Return the newest checkpoint of a run that is not damaged, with all checksums compared.

    Args:
        run: the folder of the run, or its newest checkpoint; any other checkpoint is the only one that will do.

    Raises:
        FileNotFoundError, CheckpointError: if there is none; the error is that of the newest one.
    """
    newest = checkpoint_of(run)
    try:
        load_checkpoint(newest)
        return Found(newest, read_outline(newest), None)
    except (OSError, CheckpointError) as error:
        if newest.name != CHECKPOINT:
            raise
        for earlier in earlier_checkpoints(newest.parent):
            with suppress(OSError, CheckpointError):
                tree = load_checkpoint(earlier) and read_outline(earlier)
                where = f"continuing from {earlier.name}, of {place_in_words(tree['position'])}"
                kept = f" (kept as {DAMAGED})" if newest.is_file() else ""
                return Found(earlier, tree, f"{str(error).rstrip('.')}{kept}: {where}")
        raise


def earlier_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run before its newest one, the latest first."""
    kept = sorted((folder / CHECKPOINTS).glob("epoch-*.safetensors"), reverse=True)
    return [path for path in (folder / PREVIOUS, *kept) if path.is_file()]


def own_folder(path: Path) -> Path | None:
    """Return the folder of the run whose latest checkpoint this is; None for the checkpoint of an earlier epoch.

    From an earlier one a run goes on in another folder, so that what came after it in its own is not lost.
    """
    return path.parent if path.name == CHECKPOINT else None


def how_it_has_finished(plan: Plan) -> str:
    """Return that a run has finished, and how to train it longer."""
    recipe, folder = plan.recipe, plan.folder
    done = plan.tree["position"]["epoch"] if plan.tree is not None else 0
    longer = f"--epochs {done + recipe.epochs}" if done >= recipe.epochs else f"--patience {2 * (recipe.patience or 1)}"
    return (
        f"{folder.path} has finished, with {done} of {counted(recipe.epochs, 'epoch')}; its weights are in "
        f"{folder.weights}\n"
        f"train it longer with: {how_to_continue(folder, longer)}"
    )
