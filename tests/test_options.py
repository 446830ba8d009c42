"""An option is stated once: the command line, the checks and the documentation follow from its field."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from inception.idle_options import idle_options
from inception.options import Field, add_options, check, option, options_of, table
from inception.recipes import Recipe, with_given

TRAINING = Path(__file__).parent.parent / "docs" / "training.md"


@dataclass(frozen=True)
class Settings:
    """One option of each kind."""

    rate: float = option(0.5, "how fast", above=0)
    count: int | None = option(None, "how many", at_least=1)
    share: float = option(0.0, "how much", between=(0, 1))
    mode: str = option("slow", "which way", choices=("slow", "fast"))
    folder: Path | None = option(None, "where")
    careful: bool = option(False, "be careful")

    def __post_init__(self) -> None:
        check(self)


def parse(*arguments: str, defaults_from: str | None = None) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_options(parser, Settings, "settings", defaults_from)
    return vars(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0.0}, "--rate must be above 0, got 0.0"),
        ({"rate": float("nan")}, "--rate must be above 0 and finite, got nan"),
        ({"rate": float("inf")}, "--rate must be above 0 and finite, got inf"),
        ({"rate": "fast"}, "--rate must be a number, got 'fast'"),
        ({"rate": True}, "--rate must be a number, got True"),
        ({"count": 0}, "--count must be at least 1, got 0"),
        ({"count": 1.5}, "--count must be a whole number, got 1.5"),
        ({"share": 1.5}, "--share must be between 0 and 1, got 1.5"),
        ({"mode": "quick"}, "--mode 'quick' is unknown; choose from: slow, fast"),
        ({"careful": 1}, "--careful must be true or false, got 1"),
    ],
)
def test_a_value_outside_the_limits_of_its_field_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as error:
        Settings(**settings)  # type: ignore[arg-type]
    assert str(error.value) == message


def test_the_parser_takes_types_and_defaults_from_the_fields() -> None:
    given = parse("--rate", "2", "--count", "3", "--folder", "x", "--careful")
    assert given == {
        "rate": 2.0, "count": 3, "share": 0.0, "mode": "slow", "folder": Path("x"), "careful": True,
    }  # fmt: skip
    with pytest.raises(SystemExit):
        parse("--mode", "quick")


def test_with_defaults_from_elsewhere_options_that_are_not_given_are_none() -> None:
    given = parse("--no-careful", defaults_from="quick")
    assert given.pop("careful") is False
    assert set(given.values()) == {None}


@pytest.mark.parametrize(
    "each", [each for each in options_of(Recipe) if each.kind is float], ids=lambda each: each.name
)
def test_no_number_of_a_recipe_may_be_infinite_nan_or_negative(each: Field) -> None:
    for value in (float("nan"), float("inf"), -1.0):
        with pytest.raises(ValueError, match=f"{each.flag} must be .*, got {value}"):
            each.check(value)
    each.check(each.default)


def test_the_table_of_options_in_the_documentation_is_that_of_the_fields() -> None:
    shown = TRAINING.read_text(encoding="utf-8").split("<!-- options -->\n")[1].split("\n<!-- /options -->")[0]
    assert shown == table(Recipe), "run: python scripts/write_option_table.py"


def test_an_option_without_effect_is_named() -> None:
    given: dict[str, object] = {"eps": 0.1, "momentum": 0.5, "warmup": 0.3, "sgd_lr": 0.1, "alpha": 0.5, "lr": 0.1}
    recipe = replace(Recipe(), optimizer="sgd", schedule="cosine", **given)
    assert idle_options(recipe, given, Recipe().as_dict()) == [
        "--eps has no effect with --optimizer sgd",
        "--warmup has no effect with --schedule cosine",
        "--sgd-lr has no effect without --sgd-after",
        "--alpha has no effect with --optimizer sgd",
    ]
    assert idle_options(Recipe(root="pets"), {"root": "pets"}, {}) == ["--root has no effect with --data embedded"]
    assert idle_options(Recipe(), {"momentum": 0.9}, Recipe().as_dict()) == []


def test_a_root_alone_means_a_folder_of_images() -> None:
    assert with_given("quick", {"root": "pets"})["data"] == "folder"
    assert with_given("quick", {"root": "pets", "data": "mnist"})["data"] == "mnist"
    assert with_given("rocm-guide", {"root": "pets"})["data"] == "tiny-imagenet"
