"""Puts measured figures into README.md, between two comments that name the section."""

from __future__ import annotations

from pathlib import Path

from minigrad.checkpoint import write_atomically

README = Path(__file__).parent.parent / "README.md"


def replace_section(name: str, text: str) -> None:
    """Replaces what stands between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises:
        ValueError: if the README has no such section.
    """
    content = README.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if start not in content or end not in content:
        raise ValueError(f"{README} has no section {start} … {end}")
    before, rest = content.split(start, 1)
    after = rest.split(end, 1)[1]
    write_atomically(README, f"{before}{start}\n{text}\n{end}{after}".encode())
