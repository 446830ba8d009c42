"""Leaves whose gradients are complete: their hooks run at once, while the sweep is still on its way to other leaves.

A leaf's gradient is complete when every node that has an edge to it has run. So the edges that lead to leaves with
such hooks are counted before the sweep, and counted down as their nodes run. (Without such hooks nothing is counted,
and leaves take their gradients when the sweep is over.) This lets gradients travel to other machines while backward is
still computing: see minigrad/distributed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigrad.engine.hooks import after_hooks
from minigrad.engine.ownership import accumulate
from minigrad.engine.tensor_base import TensorBase, hooked_leaves

if TYPE_CHECKING:
    from minigrad.engine.backward import GradientSums
    from minigrad.engine.function import Function


def awaited_leaves(sums: GradientSums, create_graph: bool) -> AwaitedLeaves | None:
    """Return the leaves with such hooks behind the nodes in ``sums``; None if there are none."""
    if not hooked_leaves:
        return None
    edges: dict[TensorBase, int] = {}
    unvisited = [node for _, node in sums.nodes]
    seen = set(map(id, unvisited))
    while unvisited:
        for edge in unvisited.pop()._edges:
            if edge is None:
                continue
            node = edge[0]
            if isinstance(node, TensorBase):
                if node._hooks_after_accumulation:
                    edges[node] = edges.get(node, 0) + 1
            elif id(node) not in seen:
                seen.add(id(node))
                unvisited.append(node)
    return AwaitedLeaves(edges, create_graph) if edges else None


class AwaitedLeaves:
    """The leaves with such hooks, each with the number of edges along which a gradient may still arrive."""

    def __init__(self, edges: dict[TensorBase, int], create_graph: bool) -> None:
        self._edges, self._create_graph = edges, create_graph

    def passed(self, node: Function, sums: GradientSums) -> None:
        """Note that ``node`` has run, and complete the leaves to which it had the last edge."""
        for edge in node._edges:
            if edge is not None and edge[0] in self._edges:
                leaf = edge[0]
                assert isinstance(leaf, TensorBase)
                self._edges[leaf] -= 1
                if self._edges[leaf] == 0 and sums.has(leaf):
                    complete(leaf, sums, self._create_graph)


def complete(leaf: TensorBase, sums: GradientSums, create_graph: bool) -> None:
    """Move the whole gradient of a leaf from ``sums`` to its ``grad``, and run its hooks."""
    gradient = after_hooks(leaf._hooks, sums.pop_leaf(leaf))
    accumulate(leaf, gradient, create_graph)
    for hook in list(leaf._hooks_after_accumulation.values()) if leaf._hooks_after_accumulation else ():
        hook(leaf)  # type: ignore[arg-type]
