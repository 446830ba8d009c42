"""An option is stated once: the command line, the checks and the documentation follow from its field."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import pytest

from inception.options import add_options, check, option, table
from inception.recipes import Recipe

TRAINING = Path(__file__).parent.parent / "docs" / "training.md"


@dataclass(frozen=True)
class Settings:
    """One option of each kind."""

    rate: float = option(0.5, "how fast", above=0, meaning="learning rate")
    count: int | None = option(None, "how many", at_least=1)
    share: float = option(0.0, "how much", between=(0, 1))
    mode: str = option("slow", "which way", choices=("slow", "fast"))
    folder: Path | None = option(None, "where")
    careful: bool = option(False, "be careful")

    def __post_init__(self) -> None:
        check(self)


def parse(*arguments: str, defaults_from: str | None = None) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_options(parser, Settings, defaults_from)
    return vars(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0.0}, "learning rate must be above 0, got 0.0"),
        ({"rate": float("nan")}, "learning rate must be above 0, got nan"),
        ({"count": 0}, "count must be at least 1, got 0"),
        ({"share": 1.5}, "share must be between 0 and 1, got 1.5"),
        ({"mode": "quick"}, "mode 'quick' is unknown; choose from: slow, fast"),
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


def test_the_table_of_options_in_the_documentation_is_that_of_the_fields() -> None:
    shown = TRAINING.read_text(encoding="utf-8").split("<!-- options -->\n")[1].split("\n<!-- /options -->")[0]
    assert shown == table(Recipe), "run: python scripts/write_option_table.py"
