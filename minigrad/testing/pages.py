"""Sections of Markdown pages that commands write: the text between ``<!-- name -->`` and ``<!-- /name -->``."""

from __future__ import annotations

from pathlib import Path

from minigrad.files import write_atomically


def replace_section(page: Path, name: str, text: str) -> None:
    """Replace the text between ``<!-- name -->`` and ``<!-- /name -->`` in a Markdown page.

    Raises:
        ValueError: if the page has no such section.
    """
    try:
        content = with_section(page.read_text(encoding="utf-8"), name, text)
    except ValueError as error:
        raise ValueError(f"{page} has {error}") from None
    write_atomically(page, content.encode())


def with_section(content: str, name: str, text: str) -> str:
    """Return the content of a Markdown page with ``text`` between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises:
        ValueError: if it has no such section.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if start not in content or end not in content:
        raise ValueError(f"no section {start} … {end}")
    before, rest = content.split(start, 1)
    return f"{before}{start}\n{text}\n{end}{rest.split(end, 1)[1]}"
