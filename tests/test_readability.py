"""Readers of the files that README names meet the idea in at least half of the code lines, and a short engine.

A *code line* is a line of code, without blank lines, comments and docstrings. It is *plumbing* if it belongs to

- an import, or a block for type checkers;
- an error: a ``raise`` with its text, the ``if`` or ``except`` around it, a function that exists to raise, its calls;
- bookkeeping for what torch promises beside the gradient: hooks, views, versions and writes in place, several devices,
  profiling, anomaly mode, and the names and texts by which objects introduce themselves.

All other code lines are idea: formulas, what is kept for backward, the graph, the sweep, the loops over taps.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Functions that exist to raise, by the beginning of their names.
RAISING = re.compile(r"_?(refuse|check|explain|why|require|matched)(_|$)")
#: Names of bookkeeping. A simple statement, or the head of a compound one, that contains one of them is plumbing.
BOOKKEEPING = {
    "in_place", "makes_view", "_views", "_history", "_version_cell", "note_write", "share_memory",
    "tensor_hooks", "retained", "at_outputs", "forward_trace", "watched", "watchers",
    "in_use", "compute_beside", "device_of", "__repr__", "extra_repr", "name",
}  # fmt: skip


def reading_order() -> list[str]:
    """Return the source files that README's section on reading links to."""
    section = (ROOT / "README.md").read_text().split("## What to read")[1].split("\n## ")[0]
    return list(dict.fromkeys(re.findall(r"\]\(((?:minigrad|inception)/[\w/]+\.py)\)", section)))


def code_lines(source: str) -> set[int]:
    """Return the numbers of the code lines."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            lines |= set(range(token.start[0], token.end[0] + 1)) if token.type != tokenize.ENDMARKER else set()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and _is_text(body[0].value):
            lines -= _span(body[0])  # a docstring
    return lines


def plumbing(source: str) -> set[int]:
    """Return the numbers of the lines that are plumbing."""
    lines: set[int] = set()
    unvisited: list[ast.stmt] = list(ast.parse(source).body)
    while unvisited:
        statement = unvisited.pop()
        if _is_plumbing(statement):
            lines |= _span(statement)
            continue
        inner = [s for field in ("body", "orelse", "finalbody") for s in getattr(statement, field, [])]
        handlers = getattr(statement, "handlers", [])
        head = range(statement.lineno, min((s.lineno for s in inner), default=statement.end_lineno + 1))
        if inner and not isinstance(statement, ast.ClassDef | ast.FunctionDef) and _names(_head(statement)):
            lines |= set(head)
        for handler in handlers:
            lines |= _span(handler)
        if isinstance(statement, ast.Try):
            lines.add(statement.lineno)
        unvisited += inner
    return lines


def _is_plumbing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.Raise | ast.Assert):
        return True
    if isinstance(statement, ast.FunctionDef):
        return bool(RAISING.match(statement.name)) or statement.name in BOOKKEEPING
    if isinstance(statement, ast.If):
        test = ast.unparse(statement.test)
        return test == "TYPE_CHECKING" or (not statement.orelse and all(_is_plumbing(s) for s in statement.body))
    if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return):
        return _calls_what_raises(statement) or _names(statement)
    return False


def _calls_what_raises(statement: ast.stmt) -> bool:
    call = getattr(statement, "value", None)
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and bool(RAISING.match(call.func.id))


def _names(node: ast.AST | None) -> bool:
    """Whether a name of bookkeeping occurs in the code."""
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} if node is not None else set()
    if node is not None:
        found |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)} - {"name"}
    return bool(found & BOOKKEEPING)


def _head(statement: ast.stmt) -> ast.AST | None:
    return getattr(statement, "test", None) or getattr(statement, "iter", None)


def _span(node: ast.AST) -> set[int]:
    return set(range(node.lineno, node.end_lineno + 1))  # type: ignore[attr-defined]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_the_reading_order_is_found() -> None:
    assert {"minigrad/engine/function.py", "minigrad/engine/backward.py", "minigrad/ops/conv.py"} <= set(
        reading_order()
    )


@pytest.mark.parametrize("path", reading_order())
def test_at_least_half_of_the_code_is_idea(path: str) -> None:
    source = (ROOT / path).read_text()
    code = code_lines(source)
    idea = code - plumbing(source)
    assert len(idea) >= len(code) / 2, f"{len(idea)} of {len(code)} code lines are idea"


@pytest.mark.parametrize("name", ["function", "backward"])
def test_each_of_the_two_files_with_the_idea_of_the_engine_is_short(name: str) -> None:
    assert len(code_lines((ROOT / f"minigrad/engine/{name}.py").read_text())) <= 130


def test_the_count_tells_idea_from_plumbing() -> None:
    source = '''"""Text."""
import math


class Op:
    """y = x"""

    def forward(self, x):
        if x < 0:
            raise ValueError(
                "negative"
            )
        refuse_nothing(x)
        if self.in_place:
            return x
        return math.exp(x)  # a comment


def refuse_nothing(x):
    return None
'''
    lines = source.splitlines()
    idea = [lines[i - 1].strip() for i in sorted(code_lines(source) - plumbing(source))]
    assert idea == ["class Op:", "def forward(self, x):", "return x", "return math.exp(x)  # a comment"]
