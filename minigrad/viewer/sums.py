"""The sums of gradients that are waiting, as the sweep sees them (engine/backward.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.engine.function import Edge, Function, Node
from minigrad.typing import Array, Shape
from minigrad.viewer.samples import Index, number, place, strongest
from minigrad.viewer.story import Waiting


class WaitingSums:
    """For each tensor that a gradient has reached: how many have arrived, of how many, and one element of each.

    Args:
        name_of: returns the name of an operation or of a leaf.
    """

    def __init__(self, name_of: Callable[[Node], str]) -> None:
        self._name_of = name_of
        self._expected: dict[Edge, int] = {}
        self._arrived: dict[Edge, list[float]] = {}
        self._at: dict[Edge, Index] = {}
        self.numbers: dict[Function, int] = {}  # of the operations in the story
        self.followed: dict[Edge, Index] = {}  # the element of an output that was worked out

    def expect(self, root: Function) -> None:
        """Count, for every tensor of the graph, the gradients that will arrive."""
        nodes, seen = [root], {root}
        while nodes:
            node = nodes.pop()
            for edge in node._edges:
                if edge is not None:
                    self._expected[edge] = self._expected.get(edge, 0) + 1
                    if isinstance(edge[0], Function) and edge[0] not in seen:
                        seen.add(edge[0])
                        nodes.append(edge[0])

    def add(self, edge: Edge, gradient: Array) -> None:
        """Note a gradient that arrives along an edge."""
        if edge not in self._at:
            followed = self.followed.get(edge)
            self._at[edge] = strongest(gradient) if followed is None else followed
        self._arrived.setdefault(edge, []).append(float(gradient[self._at[edge]]))

    def pass_on(self, node: Function, gradients: Sequence[Array | None]) -> list[list[str]]:
        """Note the gradients that a node sends along its edges; return what had been added up for its outputs."""
        parts = self._take(node)
        for edge, gradient in zip(node._edges, gradients, strict=False):
            if edge is not None and gradient is not None:
                self.add(edge, gradient)
        return parts

    def _take(self, node: Function) -> list[list[str]]:
        """Remove the sums of a node whose turn has come; return what was added up, output by output."""
        taken = [self._arrived.pop((node, output), []) for output in range(node.num_outputs)]
        return [[number(value) for value in parts] for parts in taken]

    def snapshot(self) -> list[Waiting]:
        """Return the sums that are waiting now; a leaf is waiting only while a gradient is to come."""
        found = []
        for edge, parts in self._arrived.items():
            node, output = edge
            expected = max(self._expected.get(edge, 0), len(parts))
            if isinstance(node, Function) or len(parts) < expected:
                maker = self.numbers.get(node) if isinstance(node, Function) else None
                element = place("", self._at[edge])
                texts = [number(value) for value in parts]
                total = number(float(np.sum(parts)))
                found.append(Waiting(maker, output, self._name_of(node), len(parts), expected, element, texts, total))
        return found


def undo_broadcasting(gradient: Array, shape: Shape) -> Array:
    """Return a gradient summed over the copies that broadcasting made, in the shape of its input."""
    if gradient.shape == tuple(shape):
        return gradient
    new = gradient.ndim - len(shape)
    stretched = [new + i for i, n in enumerate(shape) if n == 1 and gradient.shape[new + i] != 1]
    dims: Sequence[int] = (*range(new), *stretched)
    return np.asarray(gradient.sum(tuple(dims)).reshape(shape), gradient.dtype)
