"""Write the table of floors in docs/architecture.md from the import contract in pyproject.toml.

    python -m scripts.floors

A floor is a line of the contract: what stands on it may import what lies below, and nothing else. Each package and
module is described by the first sentence of its docstring, so the table cannot say anything that the code does not.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/architecture.md"
BEGIN, END = "<!-- floors -->", "<!-- /floors -->"


def contract() -> list[list[str]]:
    """Return the floors from the top down, each as a list of module names."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = (each for each in contracts if each["name"] == "Floors")
    return [re.split(r"\s*[|:]\s*", floor) for floor in layers["layers"]]


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


def entry(module: str) -> str:
    """Return the link and purpose of a module, as Markdown."""
    path = source(module)
    name = path.parent if path.name == "__init__.py" else path
    link = name.relative_to(ROOT).as_posix() + ("/" if name.is_dir() else "")
    return f"[`{link.removeprefix('minigrad/')}`](../{link}) {first_sentence(path)}"


def section() -> str:
    """Return the table between its markers: one row for each floor."""
    floors = contract()
    rows = ["| floor | modules |", "|---:|---|"]
    for height, modules in zip(range(len(floors), 0, -1), floors, strict=True):
        rows.append(f"| {height} | {'<br>'.join(map(entry, sorted(modules)))} |")
    return "\n".join([BEGIN, *rows, END])


def main() -> None:
    """Replace the section in the page."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = page.index(BEGIN), page.index(END) + len(END)
    PAGE.write_text(page[:begin] + section() + page[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
