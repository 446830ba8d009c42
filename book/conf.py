"""Configuration of Sphinx; build with `make docs`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

BOOK = Path(__file__).parent
ROOT = BOOK.parent
sys.path.insert(0, str(ROOT))  # for the reference, and for extensions in this folder
os.environ["PYTHONPATH"] = str(ROOT)  # for the code cells, which run in processes of their own
os.environ["MINIGRAD_KERNELS"] = "numpy"  # no cell needs compiled kernels, so none waits for a compiler

import minigrad  # noqa: E402

project = "minigrad"
author = copyright = "the minigrad authors"
version = release = minigrad.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "book.mathematics",
    "book.exercises",
    "book.reference",
    "book.reference_examples",
    "book.notebooks",
    "book.training_step",
]
exclude_patterns = ["notebooks", "extra"]

# A reference that leads nowhere is a warning, and `make docs` turns warnings into errors.
nitpicky = True
nitpick_ignore_regex = [
    ("py:class", r"(?!minigrad\.(?!kernels)).*"),  # types in signatures, as the source abbreviates them
    ("py:obj", r"typing\..*"),
]
autodoc_typehints = "none"  # book/reference.py writes them into the signatures

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath", "smartquotes"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

# Every code cell runs in every build, and a cell that fails ends it. `-D nb_execution_mode=cache` is for writing.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True

html_theme = "furo"
html_title = "minigrad"
html_static_path = ["_static"]
(BOOK / "extra").mkdir(exist_ok=True)  # Sphinx looks for it before book/training_step.py writes the page into it
html_extra_path = ["extra"]
html_css_files = ["book.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
