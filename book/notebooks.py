"""Write chapters as notebooks, from the same source: `python -m book.notebooks FOLDER`. The site offers them as files.

A notebook knows no directives of Sphinx, so excerpts of the source become code to read, and boxes become quotations.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from pathlib import Path

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from book.exercises import lines_of_chapter

BOOK = Path(__file__).parent
HOW_TO_RUN = "*To run this notebook, start Jupyter in a clone of minigrad: `PYTHONPATH=$PWD jupyter lab`.*"
_EXCERPT = re.compile(r"```\{literalinclude\} (?P<path>\S+)\n:pyobject: (?P<symbol>\S+)\n(?::dedent: 4\n)?```")
CHAPTERS = ("01-four-phases", "05-convolution", "07-batch-norm", "11-inception")


def excerpt(source: str, symbol: str) -> str:
    """Return the lines of a class, a function or a method, named as in `Class.method`."""
    found: ast.AST = ast.parse(source)
    for name in symbol.split("."):
        found = next(node for node in ast.iter_child_nodes(found) if getattr(node, "name", None) == name)
    return ast.get_source_segment(source, found, padded=True) or ""


def for_notebook(markdown: str, folder: Path) -> str:
    """Return the text of a chapter without directives and roles of Sphinx."""

    def code(match: re.Match[str]) -> str:
        path = (folder / match["path"]).resolve()
        lines = textwrap.dedent(excerpt(path.read_text(encoding="utf-8"), match["symbol"]))
        return f"`{path.relative_to(BOOK.parent).as_posix()}`\n\n```python\n{lines}\n```"

    def box(match: re.Match[str]) -> str:
        title = match["title"].strip() or match["kind"].capitalize()
        text = re.sub(r"^:class:.*\n", "", match["text"], flags=re.MULTILINE).strip()
        return "\n".join([f"> **{title}**", ">", *[f"> {line}" for line in text.splitlines()]])

    text = _EXCERPT.sub(code, markdown)
    text = re.sub(r"^:::\{(?P<kind>\w+)\}(?P<title>.*)\n(?P<text>(?:.|\n)*?)^:::$", box, text, flags=re.MULTILINE)
    text = re.sub(r"```\{code-block\} (\w+)", r"```\1", text)
    text = re.sub(r"```\{exercises\} (\d+)\n```", lambda match: "\n".join(lines_of_chapter(int(match[1]))), text)
    text = re.sub(r"\$\$ \([\w-]+\)$", "$$", text, flags=re.MULTILINE)  # labels of formulas
    text = re.sub(r'<a href="\.\./[\w-]+\.html">([^<]+)</a>', r"\1", text)
    text = re.sub(r"^This chapter as a notebook: .*\n?", "", text, flags=re.MULTILINE)
    text = re.sub(r"\{doc\}`([^<`]+) <[^>]+>`", r"\1", text)
    text = re.sub(r"\{doc\}`(?:.*/)?(\d+)-([\w-]+)`", lambda m: f"chapter {int(m[1])}", text)
    text = re.sub(r"\{eq\}`[\w-]+`", "the formula above", text)
    return re.sub(r"\{(?:doc|ref|download)\}`([^`]+)`", r"\1", text)


def notebook(chapter: str) -> nbformat.NotebookNode:
    """Return a chapter as a notebook without outputs."""
    path = BOOK / "chapters" / f"{chapter}.md"
    found = read_myst_markdown_notebook(path.read_text(encoding="utf-8"))
    for number, cell in enumerate(found.cells):
        cell["id"] = f"{chapter}-{number}"  # the same file gives the same notebook
        if cell.cell_type == "markdown":
            cell["source"] = for_notebook(cell["source"], path.parent)
        cell["metadata"] = {}
    title, _, text = found.cells[0]["source"].partition("\n")
    found.cells[0]["source"] = f"{title}\n\n{HOW_TO_RUN}\n{text}"
    found["metadata"] = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.validate(found)
    return found


def write(folder: Path) -> list[Path]:
    """Write the notebooks into a folder; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{chapter}.ipynb" for chapter in CHAPTERS]
    for chapter, path in zip(CHAPTERS, paths, strict=True):
        nbformat.write(notebook(chapter), path)
    return paths


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write the notebooks before the chapters that link to them are read."""
    app.connect("builder-inited", lambda app: write(BOOK / "notebooks") and None)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "notebooks")):
        print(path)
