"""The look of all figures: vector graphics, one font, few colours that are told apart without red and green."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats

BLUE, ORANGE, GREY, PALE = "#1f5fa8", "#d9730d", "#8a8f98", "#eef1f5"

set_matplotlib_formats("svg")
plt.rcParams.update(
    {
        "figure.figsize": (6.4, 3.2),
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, "#5b8c5a", "#7d4f9e", GREY]),
        "svg.hashsalt": "minigrad",  # the same figure gives the same file
    }
)
