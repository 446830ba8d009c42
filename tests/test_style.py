"""Texts keep to the style of the project: plain words, and docstrings in the imperative.

A rule lists its offenders.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Beginnings that make a docstring a noun clause: "What is kept", "Whether it fits".
CLAUSE = re.compile(r"(What|Whatever|Whether|How|Where|Wherever|Which|When|Who|Why|As|Of|That|By)\b")
#: Beginnings of a noun phrase, where a function should say what it does: "Return the gradient", not "The gradient".
NOUN = re.compile(r"(A|An|The|One|Two|Three|All|Any|Both|Each|Every|Its|Their|This|No|For)\b")
#: "Returns", but not "Pass" or "Process", which are imperatives.
THIRD_PERSON = re.compile(r"[A-Z][a-z]*[^s\W]s\b(?!')")

#: Words that are not plain English here: tests prove nothing, and a machine is nobody.
ODD = re.compile(r"\b(proofs?|proven?|proves|shall|whoever|one number|so many)\b", re.IGNORECASE)


def sources() -> Iterator[Path]:
    for folder in ("minigrad", "inception", "examples", "book"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def docstrings(path: Path) -> Iterator[tuple[ast.AST, int, str]]:
    """Yield every node with a docstring, its line, and the docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node, getattr(node, "lineno", 1), text


def is_property(node: ast.AST) -> bool:
    """Return whether a function is read as an attribute, so that its docstring may name what it holds."""
    decorators = {ast.unparse(decorator).split(".")[-1] for decorator in getattr(node, "decorator_list", ())}
    return any("property" in decorator for decorator in decorators)


def lines() -> Iterator[tuple[Path, int, str]]:
    """Yield every line of the sources and the documents."""
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "book").rglob("*.md")]
    for path in (*sources(), *sorted(texts)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield path, number, line.strip()


def says_picture() -> Iterator[tuple[Path, int, str]]:
    """Yield the lines that say "picture": it is an image, a figure, a drawing or a plot."""
    return ((path, number, line) for path, number, line in lines() if "picture" in line.lower())


def says_odd_words() -> Iterator[tuple[Path, int, str]]:
    """Yield the lines with words that the style replaces: tested, a scalar, this many, whichever thread, must."""
    return ((path, number, line) for path, number, line in lines() if ODD.search(line))


def begins_with_a_clause() -> Iterator[tuple[Path, int, str]]:
    """Yield the docstrings that begin with a noun clause."""
    for path in sources():
        for _, number, text in docstrings(path):
            if CLAUSE.match(text):
                yield path, number, text.splitlines()[0]


def is_not_imperative() -> Iterator[tuple[Path, int, str]]:
    """Yield the docstrings of functions that do not begin with a verb in the imperative."""
    for path in sources():
        for node, number, text in docstrings(path):
            wrong = NOUN.match(text) or THIRD_PERSON.match(text)
            if wrong and isinstance(node, ast.FunctionDef) and not is_property(node):
                yield path, number, text.splitlines()[0]


RULES = {rule.__name__: rule for rule in (says_picture, says_odd_words, begins_with_a_clause, is_not_imperative)}


@pytest.mark.parametrize("rule", RULES)
def test_no_text_offends_a_rule(rule: str) -> None:
    offenders = [f"{path.relative_to(ROOT)}:{line}: {text}" for path, line, text in RULES[rule]()]
    assert not offenders, f"{RULES[rule].__doc__}\n" + "\n".join(offenders)
