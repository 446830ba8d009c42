"""Sphinx extension: chapters as notebooks, from the same source."""

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
