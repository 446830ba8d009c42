"""Sphinx extension: an example for every public name whose docstring has none, run when the book is built.

The examples stand in reference/examples/, a file for each module: a name, and below it, indented, what one would type
at a prompt. What it prints is computed, never written down. An example with the comment "not run" needs what a build
does not have, such as a GPU or a downloaded file.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import pkgutil
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

import minigrad
from minigrad import data, nn, optim
from minigrad.data import datasets, transforms
from minigrad.nn import functional as F

_NOT_RUN = re.compile(r"(?<=# )not run: |  # not run$")
FOLDER = Path(__file__).parent / "reference/examples"
#: What an example may use without importing it; reference/index.md says so.
NAMES = {
    "minigrad": minigrad, "nn": nn, "F": F, "optim": optim,
    "data": data, "transforms": transforms, "datasets": datasets,
}  # fmt: skip


@functools.cache
def examples() -> dict[str, str]:
    """Return the code of every example, by the path of the public name."""
    found = {}
    for path in sorted(FOLDER.glob("*.txt")):
        for block in path.read_text(encoding="utf-8").split("\n\n"):
            name, _, code = block.strip("\n").partition("\n")
            found[name] = textwrap.dedent(code).rstrip() + "\n"
    return found


@functools.cache
def _by_object() -> dict[int, str]:
    """Return the path of the example of each object, since a name may be public in several places."""
    return {id(pkgutil.resolve_name(name)): name for name in examples()}


def example_of(path: str, value: object) -> str | None:
    """Return the code of a name's example."""
    return examples().get(path) or examples().get(_by_object().get(id(value), ""))


def session(code: str) -> list[str]:
    """Return the lines of a session at the prompt: the code, and what it prints.

    >>> session("x = minigrad.ones(2)\\nx * 3")
    ['>>> x = minigrad.ones(2)', '>>> x * 3', 'tensor([3., 3.])']
    """
    names: dict[str, object] = {**NAMES}
    written = code.rstrip().split("\n")
    statements = ast.parse(code).body
    starts = [min([s.lineno, *(d.lineno for d in getattr(s, "decorator_list", ()))]) - 1 for s in statements]
    lines = []
    for statement, start, end in zip(statements, starts, [*starts[1:], len(written)], strict=True):
        first, *more = [_NOT_RUN.sub("", line) for line in written[start:end]]
        lines += [f">>> {first}", *[f"... {line}" for line in more]]
        if not _NOT_RUN.search(code):
            lines += _printed(statement, names)
    return lines


def _printed(statement: ast.stmt, names: dict[str, object]) -> list[str]:
    """Run a statement as the prompt does; return the lines that it prints."""
    printed, hook = io.StringIO(), sys.displayhook
    sys.displayhook = lambda value: None if value is None else print(repr(value))
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(ast.Interactive([statement]), "<example>", "single"), names)
    finally:
        sys.displayhook = hook
    return printed.getvalue().rstrip("\n").split("\n") if printed.getvalue() else []


def add_example(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Add the example of a public name to a docstring that has none."""
    code = None if any(line.lstrip().startswith(">>>") for line in lines) else example_of(name, value)
    if code is not None:
        lines += ["", ".. code-block:: pycon", "", *[f"   {line}" for line in session(code)], ""]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the examples after the docstring was prepared (reference.py), and before napoleon reads its sections."""
    app.connect("autodoc-process-docstring", add_example, priority=200)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
