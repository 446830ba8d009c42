"""The command line of training: options in groups, their checks, and files with settings."""

from __future__ import annotations

import argparse
import difflib
import textwrap
from collections.abc import Collection
from typing import TYPE_CHECKING, NoReturn

from inception.config import as_toml, read_settings
from inception.ending import OptionError, checking_options
from inception.options import add_options, as_path, flag, options_of
from inception.recipes import FIELDS, RECIPES, Recipe, with_given

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

USAGE = """%(prog)s [--data NAME] [--root FOLDER] [--recipe NAME] [option …]
       %(prog)s --resume RUN [option …]"""

EXAMPLES = """examples:
  {program}
  {program} --data folder --root MY_IMAGES
  {program} --data folder --root MY_IMAGES --find-lr
  {program} --recipe transfer --root MY_IMAGES --weights FILE.pth
  {program} --recipe paper --show > paper.toml
  {program} --config paper.toml --root IMAGENET --lr 0.02
  {program} --resume runs/NAME

MY_IMAGES has the images in train/CLASS and val/CLASS. Ctrl-C stops after the
current step, saves a checkpoint and prints the command to continue."""


class Parser(argparse.ArgumentParser):
    """A parser that raises its errors, with the nearest option for one that is unknown."""

    def error(self, message: str) -> NoReturn:
        """Raise an OptionError."""
        message = message.removeprefix("argument ").replace(": ", " ", 1) if "argument --" in message else message
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            known = [option for action in self._actions for option in action.option_strings]
            near = difflib.get_close_matches(unknown.split()[0].partition("=")[0], known, 1)
            message = f"there is no option {unknown}" + (
                f"; did you mean {near[0]}?" if near else f"; {self.prog} --help lists all"
            )
        raise OptionError(message)


def parse(
    arguments: list[str] | None, run_options: type[DataclassInstance], program: str, may_change: Collection[str] = ()
) -> argparse.Namespace:
    """Parse a command line. Options of the recipe that are given neither there nor in a file are None.

    Args:
        run_options: the options that do not change the result of a run.
        program: what was typed to start the command.
        may_change: the settings of the recipe that may be given with ``--resume``.

    Raises:
        OptionError: for an unknown option, a value outside its limits, or options that contradict each other.
    """
    parser = _parser(run_options, program, may_change)
    options = (*options_of(Recipe), *options_of(run_options))
    with checking_options():
        config = parser.parse_args(arguments).config
        if config is not None:
            parser.set_defaults(**read_settings(config, options, sorted(RECIPES)))
        given = parser.parse_args(arguments)
        for each in options:
            each.check(getattr(given, each.name))
        if given.show:
            if given.resume is not None:
                raise ValueError(f"--show prints the settings of a new run; recipe.json in {given.resume} has its own")
            print(as_toml(_effective(given)))
            parser.exit()
        _refuse_contradictions(given)
    return given


def _parser(run_options: type[DataclassInstance], program: str, may_change: Collection[str]) -> Parser:
    flags = ", ".join(flag(name) for name in may_change)
    resumed = f"A run is continued with its own settings: with --resume, only {flags} and the options of the run count."
    parser = Parser(
        prog=program,
        usage=USAGE,
        description="Train Inception V3. The recipe gives every option its default; the value of quick\nis shown.",
        epilog=EXAMPLES.format(program=program) + (f"\n\n{textwrap.fill(resumed, 80)}" if flags else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    recipe = parser.add_argument_group("the recipe")
    recipe.add_argument("--recipe", choices=sorted(RECIPES), help="source of the defaults (quick)")
    recipe.add_argument("--config", type=as_path, metavar="FILE", help="read settings from a TOML or JSON file")
    recipe.add_argument("--show", action="store_true", help="print all settings, as a file for --config, and stop")
    add_options(parser, Recipe, "the data", "quick")
    add_options(parser, run_options, "the run (does not change its result)")
    return parser


def _effective(given: argparse.Namespace) -> dict[str, object]:
    """Return the value of every setting of the recipe."""
    return with_given(given.recipe, {name: value for name in FIELDS if (value := getattr(given, name)) is not None})


def _refuse_contradictions(given: argparse.Namespace) -> None:
    """Raise ValueError for options that make no sense together, although each run by itself could be carried out."""
    settings = _effective(given)
    if settings["amp"] and settings["device"] == "cpu":
        raise ValueError("--amp is for GPUs and makes a CPU many times slower: give --device gpu, or leave it out")
    if given.resume is not None:
        return
    frozen = "--head-only" if settings["head_only"] else "--freeze" if settings["freeze"] is not None else None
    if frozen is not None and settings["weights"] is None:
        because = " (set by --recipe transfer)" if given.recipe == "transfer" and not given.head_only else ""
        raise ValueError(
            f"{frozen}{because} needs --weights FILE: without trained weights, the layers that are not trained stay "
            "random. Give torchvision's inception_v3 .pth, or the weights of a run"
        )
