"""Write the table of a recipe's options in docs/training.md anew, from the fields of ``Recipe``."""

from pathlib import Path

from inception.options import table
from inception.recipes import Recipe
from minigrad.testing.pages import replace_section

if __name__ == "__main__":
    replace_section(Path(__file__).parent.parent / "docs/training.md", "options", table(Recipe))
