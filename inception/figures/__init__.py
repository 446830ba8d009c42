"""Figures of a run: curves, images with predictions, the confusion matrix.

Each ``draw_…`` writes one PNG, the same bytes for the same input. Names of classes may hold any text, and are drawn as
they are; what no installed font can draw gets a readable stand-in.
"""

from inception.figures.answer import draw_answer
from inception.figures.bars import draw_classes
from inception.figures.choice import evenly_chosen
from inception.figures.confusion import draw_confusion
from inception.figures.curves import draw_curves
from inception.figures.grid import IMAGE_SIDE, draw_predictions, draw_worst
from inception.figures.page import new_figure
from inception.figures.rates import draw_rates

__all__ = [
    "IMAGE_SIDE",
    "draw_answer",
    "draw_classes",
    "draw_confusion",
    "draw_curves",
    "draw_predictions",
    "draw_rates",
    "draw_worst",
    "evenly_chosen",
    "new_figure",
]
