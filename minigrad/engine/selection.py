"""``inputs=``: gradients with respect to some tensors only, and only the nodes that lead to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from minigrad.engine.function import gradient_edge
from minigrad.engine.tensor_base import TensorBase
from minigrad.typing import Tensor

if TYPE_CHECKING:
    from minigrad.engine.function import Edge, Node


class Selection:
    """The edges whose gradients are wanted, the nodes that lead there, and the gradients found so far."""

    def __init__(self, roots: Sequence[TensorBase], inputs: Sequence[TensorBase]) -> None:
        self.wanted: set[Edge] = {gradient_edge(tensor) for tensor in inputs}
        self.found: dict[Edge, Tensor] = {}
        self._leading: set[Node] = set()
        for node in sorted(reachable(roots), key=lambda node: node.number):  # the oldest first: inputs before users
            for edge in node._edges:
                if edge is not None and (edge in self.wanted or edge[0] in self._leading):
                    self._leading.add(node)
                    break

    def leads_on(self, node: Node, gradients: Sequence[Tensor | None]) -> bool:
        """Keep those of the gradients of ``node`` that are wanted; return whether another one lies behind it."""
        for index, gradient in enumerate(gradients):
            if gradient is not None and (node, index) in self.wanted:
                self.found[node, index] = gradient
        return node in self._leading

    def takes(self, leaf: TensorBase, gradient: Tensor) -> bool:
        """Keep the gradient of a leaf if it is wanted; return whether it is."""
        self.leads_on(leaf, [gradient])
        return (leaf, 0) in self.wanted


def reachable(roots: Iterable[TensorBase]) -> list[Node]:
    """Return every node and leaf of the graphs of the roots."""
    nodes = list(dict.fromkeys(gradient_edge(root)[0] for root in roots))
    seen = set(nodes)
    for node in nodes:  # the list grows on the way
        for edge in node._edges:
            if edge is not None and edge[0] not in seen:
                seen.add(edge[0])
                nodes.append(edge[0])
    return nodes
