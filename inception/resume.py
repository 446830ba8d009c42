"""Continuing a run: what may differ from its recipe and its data, and what is refused.

A run goes on only as the run that it was. What may change is where things lie and how they are computed (another folder
or device), and what a user must be able to change half-way: a lower learning rate, more epochs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from inception.checkpoints import Change, Checkpoint, recipe_of
from inception.data_summary import DataSummary
from inception.ending import OptionError, checking_options
from inception.recipes import Recipe
from inception.state import Training
from inception.wording import counted

PLACES = ("root", "weights")
#: What may change, with what that means for the rest of the run.
MAY_CHANGE = {
    "root": "the images are read from there",
    "weights": "not read: the run goes on with its own",
    "device": "computed there from now on",
    "amp": "from now on",
    "skip_corrupt": "images that cannot be read are left out",
    "patience": "from now on",
    "clip": "from now on",
    "lr": "from now on, as the schedule has it for this rate",
    "sgd_lr": "from now on, as the schedule has it for this rate",
    "epochs": "in all",
}
#: What no recipe sets.
OWN = (*PLACES, "data", "device")
MOST_NAMES = 10  # in a message


def with_absolute_places(recipe: Recipe) -> Recipe:
    """Return the recipe with the full paths of its files, so that the run can be continued from any folder."""
    return Recipe.from_dict({name: _absolute(name, value) for name, value in recipe.as_dict().items()})


def _absolute(name: str, value: object) -> object:
    return os.path.abspath(str(value)) if name in PLACES and value is not None else value


def continued(
    tree: Checkpoint, settings: Mapping[str, object], path: Path, recipe_name: str | None = None
) -> tuple[Recipe, list[Change]]:
    """Return the recipe with which a run goes on, and what the settings change in it.

    Args:
        tree: the checkpoint, read from ``path``.
        settings: those that were given.
        recipe_name: the recipe that was named, whose settings are among ``settings``.

    Raises:
        OptionError: for a setting that may not change, saying what to do instead.
    """
    recipe = recipe_of(tree, path)
    new = {name: _absolute(name, value) for name, value in settings.items()}
    differ = {name: value for name, value in new.items() if value != getattr(recipe, name)}
    if recipe_name is not None and differ:
        raise OptionError(
            f"{path} is of a run with other settings than --recipe {recipe_name} ({_differences(recipe, differ)}). A "
            "run is continued with its own: leave out --recipe"
        )
    refused = {name: value for name, value in differ.items() if name not in MAY_CHANGE}
    if refused:
        flags = ", ".join("--" + name.replace("_", "-") for name in MAY_CHANGE)
        raise OptionError(
            f"{path} was made with other options ({_differences(recipe, refused)}). Leave them out to continue it, "
            f"or begin a new run from its weights (--weights {path}). In a continued run only {flags} may change"
        )
    position = tree["position"]
    begun = position["epoch"] + (position["step"] > 0)
    if "epochs" in differ and int(str(differ["epochs"])) < begun:
        raise OptionError(f"epochs {differ['epochs']} is too few: {path} is in epoch {begun} already")
    step = position["steps_before"] + position["step"]
    changes: list[Change] = [
        {"global_step": step, "setting": name, "before": getattr(recipe, name), "now": value}
        for name, value in differ.items()
    ]
    with checking_options():
        return Recipe.from_dict({**recipe.as_dict(), **differ}), changes


def _differences(recipe: Recipe, settings: Mapping[str, object]) -> str:
    found = [f"{name}: {getattr(recipe, name)} there, {value} here" for name, value in settings.items()]
    return "; ".join(found[:MOST_NAMES]) + ("; …" if len(found) > MOST_NAMES else "")


def refuse_other_classes(description: Mapping[str, object], now: Sequence[str], path: Path) -> None:
    """Compare the names of the classes in a checkpoint's description with those of the data.

    Raises:
        ValueError: if they differ in any way: a label is the number of a class, so the classifier's outputs would mean
            other classes than those for which they were trained.
    """
    saved = cast(Sequence[str], description["classes"])
    if tuple(saved) == tuple(now):
        return
    before, after = set(saved), set(now)
    gone, new = [name for name in saved if name not in after], [name for name in now if name not in before]
    found = f"the classes were {_listed(saved)}; now they are {_listed(now)}"
    if max(len(saved), len(now)) > MOST_NAMES:
        found = f"of {counted(len(saved), 'class')} there, {len(now):,} here, "
        found += f"missing: {_listed(gone)}; new: {_listed(new)}" if gone or new else "the order differs"
    raise ValueError(
        f"{path} was trained with other classes: {found}. Restore the names of the folders, or begin a new run from "
        f"its weights (--weights {path})"
    )


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "none"
    return ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")


def what_changed(saved: DataSummary, now: DataSummary) -> str | None:
    """Return in one line how the data differ from those of the checkpoint, by their summaries; None if they do not."""
    parts = []
    for split, before, after in (
        ("training", saved["train"], now["train"]),
        ("validation", saved["validation"], now["validation"]),
    ):
        pairs = zip(now["classes"], before["per_class"], after["per_class"], strict=True)
        classes = [f"{name} {old:,} → {new:,}" for name, old, new in pairs if old != new]
        if classes:
            parts.append(f"{before['images']:,} → {counted(after['images'], f'{split} image')} ({_listed(classes)})")
        elif before["digest"] != after["digest"]:
            size = f" ({before['bytes']:,} → {after['bytes']:,} bytes)" if before["bytes"] != after["bytes"] else ""
            parts.append(f"as many {split} images as before, but not the same ones{size}")
    return f"the data have changed since the checkpoint: {'; '.join(parts)}" if parts else None


def in_words(changes: Sequence[Change]) -> list[str]:
    """Return a line for each setting that has changed."""
    return [
        f"{change['setting'].replace('_', ' ')}: {change['before']} → {change['now']}, {MAY_CHANGE[change['setting']]}"
        for change in changes
    ]


def how_the_schedule_goes_on(training: Training, tree: Checkpoint) -> str | None:
    """Return a line if the learning rate of the next step is not that of the checkpoint."""
    recipe, lr, before = training.recipe, training.lr, tree["optimizer"]["param_groups"][0].get("lr")
    if lr == before or not isinstance(before, float):
        return None
    longer = recipe.epochs != tree["recipe"]["epochs"]
    whole = f", as in a run of {counted(recipe.epochs, 'epoch')} from the beginning" if longer else ""
    return f"learning rate of the next step: {lr:.2e}, where it was {before:.2e} (schedule {recipe.schedule}{whole})"
