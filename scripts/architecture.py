"""Write the tables in docs/architecture.md from the import contract and from docstrings.

    python -m scripts.architecture

The floors are the lines of the contract in pyproject.toml: what stands on one may import what lies below, and nothing
else. Each package and module is described by the first sentence of its docstring, so a table cannot disagree with the
code.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from minigrad.testing.pages import with_section

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/architecture.md"
#: Folders whose files the page lists one by one, beside the floors of the contracts.
LISTED = ("minigrad/engine",)


def contracts() -> dict[str, list[list[str]]]:
    """Return for each contract its floors from the top down, each as a list of module names."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        found = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    levels = {}
    for contract in found:
        (container,) = contract.get("containers", [""])
        prefix = f"{container}." if container else ""
        floors = [re.split(r"\s*[|:]\s*", floor) for floor in contract["layers"]]
        levels[contract["name"]] = [[prefix + module for module in floor] for floor in floors]
    return levels


def source(module: str) -> Path:
    """Return the file of a module, or the ``__init__.py`` of a package."""
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def first_sentence(path: Path) -> str:
    """Return the first sentence of a file's docstring, as Markdown."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    text = " ".join(text.split("\n\n")[0].split())
    text = re.sub(r":\w+:``?([^`]+)``?", r"`\1`", text).replace("``", "`")
    return re.split(r"(?<=[^.][.:])\s+(?=[A-Z`]|$)", text)[0].rstrip(".:").replace("|", r"\|")


def link(path: Path) -> str:
    """Return a link to a file or package, and its purpose, as Markdown."""
    name = path.parent if path.name == "__init__.py" else path
    target = name.relative_to(ROOT).as_posix() + ("/" if name.is_dir() else "")
    return f"[`{name.name}{'/' if name.is_dir() else ''}`](../{target}) {first_sentence(path)}"


def table(floors: list[list[str]]) -> str:
    """Return a table with one row for each floor."""
    rows = ["| floor | modules |", "|---:|---|"]
    for height, modules in zip(range(len(floors), 0, -1), floors, strict=True):
        rows.append(f"| {height} | {'<br>'.join(link(source(module)) for module in sorted(modules))} |")
    return "\n".join(rows)


def files(folder: str) -> str:
    """Return a list of the modules in a folder."""
    modules = sorted(path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py")
    return "\n".join(f"- {link(path)}" for path in modules)


def sections() -> dict[str, str]:
    """Return the generated parts of the page, by the name in their markers."""
    return {
        **{name: table(floors) for name, floors in contracts().items()},
        **{folder: files(folder) for folder in LISTED},
    }


def updated(page: str) -> str:
    """Return the text of the page with every generated part replaced."""
    for name, text in sections().items():
        page = with_section(page, name, text)
    return page


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
