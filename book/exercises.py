"""Sphinx extension: the directive `exercises`, which lists the exercises of a chapter (python -m minigrad.learn)."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

TABLE = Path(__file__).parent.parent / "minigrad/learn/README.md"
ROW = re.compile(r"^\| *(\d+) *\| *`(\w+)` *\| *([^|]+?) *\| *(\d+) *\| *(.+?) *\|$", re.MULTILINE)


class Exercises(SphinxDirective):
    """List the exercises of the chapter whose number is the argument."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(TABLE))
        rows = ROW.findall(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else []
        chosen = [row for row in rows if row[3] == self.arguments[0]]
        lines = [f"- **{number} · {title}**: write {what} (`{name}`)" for number, name, title, _, what in chosen]
        if not lines:
            lines = ["This chapter has no exercise of its own; the experiment above is one."]
        else:
            start = "python -m minigrad.learn start     # writes all exercises into ./learn, once"
            lines += ["", "```shell", start, f"python -m minigrad.learn check {chosen[0][1]}", "```"]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the directive."""
    app.add_directive("exercises", Exercises)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
