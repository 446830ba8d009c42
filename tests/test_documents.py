"""Links, anchors and file names in documents, docstrings and comments lead to something, and tables are fresh."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.faults_elsewhere import __main__ as faults_elsewhere
from benchmarks.faults_elsewhere.trial import FAULTS
from minigrad.testing.pages import with_section
from scripts import architecture

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "book").rglob("*.md")])
FOLDERS = ("minigrad", "inception", "examples", "book", "tests", "parity_tests", "benchmarks", "scripts")
SOURCES = [ROOT / "conftest.py", *sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]


def files() -> set[str]:
    """Return all files and folders of the repository, without environments, caches and results."""
    found = set()
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name[0] not in "._" and name not in ("runs", "build")]
        found |= {(Path(folder) / name).relative_to(ROOT).as_posix() for name in (*folders, *names)}
    return found


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name} links to {target}, which has no such heading"


def test_the_glossary_has_no_word_twice_and_none_unexplained() -> None:
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    entries = re.findall(r"^### (.+)\n(.+)", text, re.MULTILINE)
    words = [word for word, _ in entries]
    assert len(words) == len(set(words)) == text.count("\n### ")
    assert all(explanation and not explanation.startswith("#") for _, explanation in entries)


def prose(path: Path) -> Iterator[str]:
    """Yield the docstrings and comments of a source file, or the whole text of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield text
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def named_files(text: str) -> set[str]:
    """Return the files that a text names, and the folders that it names between backticks."""
    files = re.findall(r"(?<![\w./*<{\\-])((?:[\w-]+/)*[\w-]+\.(?:py|md|cu|sh|toml))\b(?![/*])", text)
    folders = re.findall(r"`((?:" + "|".join(FOLDERS) + r"|docs)/[\w/]*)`", text)
    return {*files, *(folder.rstrip("/") for folder in folders)}


def test_every_file_that_a_text_names_exists() -> None:
    endings = {path[i:] for path in files() for i in [0, *(m.end() for m in re.finditer("/", path))]}
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (*PAGES, *SOURCES, ROOT / "Makefile", ROOT / "pyproject.toml")
        if not named_files(path.read_text(encoding="utf-8")) <= endings  # its code may name others; parsing takes long
        for text in prose(path)
        for name in named_files(text)
        if name not in endings
    }
    assert not missing, "\n".join(sorted(missing))


def test_the_tables_of_the_architecture_are_up_to_date() -> None:
    page = architecture.PAGE.read_text(encoding="utf-8")
    assert page == architecture.updated(page), "run: python -m scripts.architecture"


def test_the_table_of_faults_elsewhere_is_that_of_the_results() -> None:
    page = faults_elsewhere.PAGE.read_text(encoding="utf-8")
    saved = json.loads(faults_elsewhere.SAVED.read_text(encoding="utf-8"))
    expected = with_section(page, "faults-elsewhere", faults_elsewhere.table(saved))
    assert page == expected, "run: python -m benchmarks.faults_elsewhere write-table"
    assert set(saved["faults"]) == set(FAULTS)
