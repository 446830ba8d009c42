"""Idle options: those that were given, and have no effect beside the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from inception.data_source import WITHOUT_ROOT, DataSource
from inception.options import flag
from inception.recipes import Recipe


def _of_data(source: DataSource) -> str:
    return f"with --data {source.data}"


def _of_optimizer(recipe: Recipe) -> str:
    return f"with --optimizer {recipe.optimizer}"


#: By the name of an option: returns why it has no effect, or None if it has one.
DATA_RULES: dict[str, Callable[[DataSource], str | None]] = {
    "root": lambda source: _of_data(source) if source.data in WITHOUT_ROOT else None,
    "skip_corrupt": lambda source: None if source.data == "folder" else _of_data(source),
}
RECIPE_RULES: dict[str, Callable[[Recipe], str | None]] = {
    "momentum": lambda r: None if r.optimizer in ("sgd", "rmsprop") or r.sgd_after else _of_optimizer(r),
    "alpha": lambda r: None if r.optimizer == "rmsprop" else _of_optimizer(r),
    "eps": lambda r: _of_optimizer(r) if r.optimizer in ("sgd", "lion") else None,
    "decay_norms": lambda r: None if r.weight_decay else "without --weight-decay",
    "warmup": lambda r: None if r.schedule == "onecycle" else f"with --schedule {r.schedule}",
    "sgd_lr": lambda r: None if r.sgd_after else "without --sgd-after",
}


def idle_options(source: DataSource, given: Mapping[str, object], defaults: Mapping[str, object]) -> list[str]:
    """Return a line for each option that was given, differs from its default and has no effect.

    >>> idle_options(Recipe(optimizer="sgd", eps=0.1), {"eps": 0.1}, {"eps": None})
    ['--eps has no effect with --optimizer sgd']
    """
    changed = [name for name, value in given.items() if value is not None and value != defaults.get(name)]
    reasons = {name: DATA_RULES[name](source) for name in changed if name in DATA_RULES}
    if isinstance(source, Recipe):
        reasons |= {name: RECIPE_RULES[name](source) for name in changed if name in RECIPE_RULES}
    return [f"{flag(name)} has no effect {reason}" for name, reason in reasons.items() if reason is not None]
