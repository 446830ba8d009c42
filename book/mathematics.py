"""Sphinx extension: formulas as MathML, which browsers draw themselves.

Nothing is fetched and no script runs when a page is read; a screen reader hears the formula; it can be copied.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.typing import ExtensionMetadata

#: The name of a function, and what it stands before without parentheses.
_FUNCTION = re.compile(r"(<mi>(?:exp|ln|log|max|min|sin|cos|tan|tanh)</mi>)(?=<m(?:i|n|sub|sup|row|frac|sqrt)>)")


def mathml(latex: str, display: str) -> str:
    """Return a formula as MathML; refuse one that was not understood completely."""
    found = convert(latex, display=display)
    left_over = [mark for mark in ("<mi>&</mi>", "\\", "<merror", "mathvariant=") if mark in found]
    if left_over:
        raise ExtensionError(f"latex2mathml does not understand {left_over[0]!r} in the formula {latex!r}")
    return _FUNCTION.sub(r'\1<mspace width="0.17em"/>', found)  # log p, rather than logp


def visit_math(self: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_math_block(self: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, with its number if it has a label."""
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    name = f' id="{node["ids"][0]}"' if node["ids"] else ""
    self.body.append(f'<div class="formula"{name} tabindex="0">{mathml(node.astext(), "block")}{number}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Make this the renderer of formulas for HTML."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
