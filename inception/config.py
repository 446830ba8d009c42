"""Settings in a file: read those of ``--config``, and write those that ``--show`` prints.

A file is TOML or JSON, with the names of the options: ``lr = 0.01``, ``weight-decay = 1e-4``. ``recipe`` names the
recipe from which all other settings are taken. The recipe.json of a run is such a file, too.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from inception.options import Field, flag


def read_settings(path: Path, options: Sequence[Field], recipes: Sequence[str]) -> dict[str, object]:
    """Return the settings in a file by name, checked; also ``recipe``, if it names one.

    Args:
        options: those that may be set.
        recipes: the names of the recipes.

    Raises:
        ValueError: for an unreadable file, an unknown name or a value outside its limits, naming the file.
    """
    content = _parsed(path)
    of_a_run = content.get("recipe")  # in recipe.json
    if isinstance(of_a_run, dict):
        content = of_a_run
    by_name = {each.name: each for each in options}
    settings: dict[str, object] = {}
    for key, value in content.items():
        name = key.lstrip("-").replace("-", "_")
        if name == "recipe":
            if value not in recipes:
                raise ValueError(f"{path}: recipe {value!r} is unknown; choose from: {', '.join(recipes)}")
            settings[name] = value
            continue
        if name not in by_name:
            near = difflib.get_close_matches(name, [*by_name, "recipe"], 1)
            raise ValueError(f"{path}: there is no setting {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        try:
            by_name[name].check(value)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        if value is not None:
            settings[name] = by_name[name].kind(value)
    return settings


def _parsed(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file") from None
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        content = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except ValueError as error:  # of both formats
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML (or JSON, in a file named .json)"
        raise ValueError(f"{path} is not {kind}: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} has no settings by name")
    return content


def as_toml(settings: Mapping[str, object]) -> str:
    """Return settings as a file that :func:`read_settings` reads; those that are not set are comments."""
    lines = []
    for name, value in settings.items():
        key = flag(name)[2:]
        if value is None:
            lines.append(f"# {key} is not set")
        elif isinstance(value, float):
            lines.append(f"{key} = {value!r}")
        else:
            plain = value if isinstance(value, bool | int) else str(value)
            lines.append(f"{key} = {json.dumps(plain, ensure_ascii=False)}")
    return "\n".join(lines)
