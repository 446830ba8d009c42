"""A page: an empty figure to draw on, written as a PNG at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from minigrad.extras import Later, require
from minigrad.files import writing

if TYPE_CHECKING:
    import matplotlib
    from matplotlib.figure import Figure
else:
    matplotlib = Later("matplotlib", "a figure")

DPI = 110  # pixels per inch
FONT = "DejaVu Sans"  # comes with Matplotlib

# Okabe and Ito's colours, which colour-blind people can tell apart.
BLUE, ORANGE, LIGHT_BLUE, LIGHT_GREY, GREY = "#0072B2", "#D55E00", "#A6CEE8", "#EDEDED", "#666666"
RIGHT, WRONG = BLUE, ORANGE
TRAINING, VALIDATION, EXCEPTION = BLUE, ORANGE, "#7A3E65"


def new_figure(figsize: tuple[float, float], layout: Literal["constrained"] | None = None) -> Figure:
    """Return an empty figure, which needs no screen."""
    require("a figure", "matplotlib")
    from matplotlib.figure import Figure

    return Figure(figsize=figsize, layout=layout)


@contextmanager
def page(
    path: Path,
    size: tuple[float, float],
    layout: Literal["constrained"] | None = None,
    fonts: Sequence[str] = (FONT,),
) -> Iterator[Figure]:
    """Yield an empty figure of a size in inches; at the end, write it to ``path`` and free what it holds.

    Inside, text is never markup, and no setting of the user's changes the drawing.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"text.parse_math": False, "font.family": list(fonts)})
        figure = new_figure(size, layout)
        figure.set_dpi(DPI)
        try:
            yield figure
            with writing(path) as file:
                figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
        finally:
            figure.clear()
