"""The command line of training: one line for every mistake, settings from files, and help in groups."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inception.commands.train import main, parse_arguments
from inception.config import as_toml
from inception.ending import OptionError
from inception.recipes import RECIPES, Recipe

WRONG = {
    "infinite": ("--lr inf", "--lr must be above 0 and finite, got inf"),
    "nan": ("--mixup nan", "--mixup must be at least 0 and finite, got nan"),
    "negative": ("--momentum -1", "--momentum must be at least 0 and below 1, got -1.0"),
    "no number": ("--lr abc", "--lr invalid float value: 'abc'"),
    "no whole number": ("--epochs 1.5", "--epochs invalid int value: '1.5'"),
    "unknown choice": ("--optimizer foo", "--optimizer invalid choice: 'foo'"),
    "typing error": ("--optimizr sgd", "there is no option --optimizr sgd; did you mean --optimizer?"),
    "abbreviation": ("--ep 3", "there is no option --ep 3; "),
    "transfer from nothing": ("--recipe transfer --root x", "--head-only (set by --recipe transfer) needs --weights"),
    "head of nothing": ("--head-only", "--head-only needs --weights"),
    "frozen at random": ("--freeze Mixed_6e", "--freeze needs --weights"),
    "half precision on a CPU": ("--amp", "--amp is for GPUs"),
    "a variable that is not set": ("--data folder --root=", "--root is empty; is a variable of the shell not set?"),
    "an output that is not set": ("--output=", "--output is empty; is a variable of the shell not set?"),
    "an address": (
        "--weights https://x.y/z.pth",
        "z.pth is an address; download the files first",
    ),
    "settings of a run": ("--show --resume x", "--show prints the settings of a new run; recipe.json in x has its own"),
    "no file": ("--config /nowhere.toml", "cannot read /nowhere.toml: No such file"),
    "no settings": (f"--config {__file__}", "test_arguments.py is not TOML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_line_and_status_2(name: str, capsys: Any) -> None:
    arguments, message = WRONG[name]
    assert main(arguments.split()) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert message in shown
    assert shown.count("\n") == 1


def test_frozen_layers_are_taken_where_there_are_weights_or_a_run_to_continue() -> None:
    assert parse_arguments(["--head-only", "--weights", "w.safetensors"]).weights == "w.safetensors"
    assert parse_arguments(["--head-only", "--resume", "runs/x"]).head_only
    assert parse_arguments(["--amp", "--device", "gpu"]).amp


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_show_prints_is_a_file_that_config_reads_back(recipe: str, tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit) as end:
        parse_arguments(["--recipe", recipe, "--lr", "0.25", "--show"])
    assert not end.value.code
    file = tmp_path / "recipe.toml"
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    weights = ["--weights", "w"] if recipe == "transfer" else []
    given = vars(parse_arguments(["--config", str(file), *weights]))
    expected = {**RECIPES[recipe].as_dict(), "lr": 0.25, "weights": "w" if weights else None}
    del expected["data"]  # the recipe's own
    assert {name: given[name] for name in expected} == expected


def test_the_command_line_overrides_a_file_and_a_file_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('recipe = "paper"\nlr = 1\nweight-decay = 0.5\nroot = "é"\noutput = "out"\n', encoding="utf-8")
    given = parse_arguments(["--config", str(file), "--lr", "2"])
    assert (given.recipe, given.lr, given.weight_decay, given.root, given.output) == (
        "paper", 2.0, 0.5, "é", Path("out"),
    )  # fmt: skip
    assert given.clip is None  # the recipe's


def test_the_recipe_that_a_run_leaves_is_a_file_with_settings(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    settings = Recipe(lr=0.5, classes=3).as_dict()
    file.write_text(json.dumps({"minigrad": "1", "recipe": settings, "data": {"train": 3}}), encoding="utf-8")
    given = parse_arguments(["--config", str(file)])
    assert (given.lr, given.classes, given.freeze) == (0.5, 3, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"lrr": 1}', "there is no setting 'lrr'; did you mean 'lr'?"),
        ('{"lr": "fast"}', "--lr must be a number, got 'fast'"),
        ('{"epochs": 1.5}', "--epochs must be a whole number, got 1.5"),
        ('{"aux": 1}', "--aux must be true or false, got 1"),
        ('{"lr": NaN}', "--lr must be above 0 and finite, got nan"),
        ('{"recipe": "best"}', "recipe 'best' is unknown; choose from: adam-then-sgd"),
        ("[1]", "has no settings by name"),
        ("{", "is not JSON"),
    ],
)
def test_a_mistake_in_a_file_names_the_file_and_the_setting(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(OptionError) as error:
        parse_arguments(["--config", str(file)])
    assert str(file) in str(error.value)
    assert message in str(error.value)


def test_help_has_groups_examples_and_a_short_usage(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    lines = capsys.readouterr().out.splitlines()
    for group in ("the recipe:", "the data:", "the model:", "the steps:", "the optimizer:", "the device:", "examples:"):
        assert group in lines
    assert lines.index("") <= 2  # the usage


def test_text_in_a_file_may_have_any_characters() -> None:
    assert (
        as_toml({"root": 'a "b" \\ 猫', "clip": None, "aux": True})
        == 'root = "a \\"b\\" \\\\ 猫"\n# clip is not set\naux = true'
    )
