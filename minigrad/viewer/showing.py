"""Showing the graph of a tensor: as a tree of text in a terminal, as a drawing in a notebook."""

from __future__ import annotations

from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.viewer.drawing import svg
from minigrad.viewer.graph import Box, graph_of
from minigrad.viewer.text_tree import text_tree


class Shown:
    """The graph of a tensor, which prints as text, and which a notebook draws."""

    def __init__(self, boxes: list[Box]) -> None:
        self.boxes = boxes

    def __repr__(self) -> str:
        return text_tree(self.boxes)

    def _repr_svg_(self) -> str:
        """Return the drawing."""
        return svg(self.boxes)

    def _repr_html_(self) -> str:
        """Return the drawing that a notebook shows, which scrolls if it is larger than the page."""
        return f'<div style="overflow:auto;max-height:48em">{svg(self.boxes)}</div>'


def show(tensor: Tensor, model: Module | None = None) -> Shown:
    """Return the graph behind a tensor, such as a loss: print it, or let a notebook draw it.

    Each operation stands above what it was computed from. In the text, an operation that was met before is named by
    its number.

    Args:
        tensor: the result of recorded operations.
        model: gives its parameters their names.

    Raises:
        TypeError: if ``tensor`` is not a tensor.
        ValueError: if there is no graph behind it: it is a leaf, or was computed without gradients.

    >>> import minigrad
    >>> from minigrad import viewer
    >>> x = minigrad.ones(3, requires_grad=True)
    >>> viewer.show((x.exp() * x.sin()).sum())
    Sum   scalar
    Mul   3
    ├─ Exp   3   of leaf (3)
    └─ Sin   3   of leaf (3)
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"show() takes a tensor, such as a loss, and got {type(tensor).__name__}")
    if tensor.grad_fn is None:
        reason = "is a leaf" if tensor.requires_grad else "requires no gradient"
        raise ValueError(
            f"there is no graph behind this tensor of shape {tuple(tensor.shape)}, which {reason}: pass the result of "
            "operations on tensors that require gradients, computed outside no_grad()"
        )
    return Shown(graph_of(tensor, model))
