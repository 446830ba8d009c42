"""The graph behind a tensor, as data: operations and leaves, with plumbing folded into the arrows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from minigrad.engine.function import Function, Node, gradient_edge
from minigrad.engine.tensor_base import TensorBase
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.typing import Shape
from minigrad.viewer.plumbing import PLUMBING
from minigrad.viewer.sources import source_of


@dataclass
class Box:
    """An operation or a leaf."""

    name: str
    shape: Shape
    inputs: list[int] = field(default_factory=list)  #: other boxes, by their positions in the graph
    is_leaf: bool = False
    formula: str = ""


def graph_of(tensor: Tensor, model: Module | None = None) -> list[Box]:
    """Return the boxes behind a tensor; each stands after all of its inputs, and the last one made the tensor.

    Args:
        model: gives leaves the names of its parameters.
    """
    names = {id(p): name for name, p in model.named_parameters()} if model is not None else {}
    root, _ = gradient_edge(tensor)
    shapes: dict[Node, Shape] = {root: tuple(tensor.shape)}
    order = _topological(root, shapes)
    position: dict[Node, int] = {}
    boxes: list[Box] = []
    for node in order:
        if node is not root and isinstance(node, PLUMBING):
            continue
        position[node] = len(boxes)
        boxes.append(_box(node, shapes[node], names))
        for edge in node._edges:
            if edge is not None:
                maker = _before_plumbing(edge[0])
                if maker in position:
                    boxes[-1].inputs.append(position[maker])
    return boxes


def _topological(root: Node, shapes: dict[Node, Shape]) -> list[Node]:
    """Return the nodes that lead to ``root``, leaves first, in the order in which they were recorded."""
    nodes, unseen = {root}, [root]
    while unseen:
        for edge in unseen.pop()._edges:
            if edge is not None:
                kind = edge[0]._output_kinds[edge[1]]
                shapes.setdefault(edge[0], () if kind is None else kind[0])
                if edge[0] not in nodes:
                    nodes.add(edge[0])
                    unseen.append(edge[0])
    seen_as: dict[Node, int] = {}
    for node in sorted((n for n in nodes if isinstance(n, Function)), key=lambda n: n.number):
        for edge in node._edges:  # a leaf stands in front of the first operation that uses it
            if edge is not None and isinstance(edge[0], TensorBase):
                seen_as.setdefault(edge[0], node.number)
    return sorted(nodes, key=lambda n: (seen_as.get(n, n.number), isinstance(n, Function)))


def _before_plumbing(node: Node) -> Node:
    while isinstance(node, PLUMBING):
        edge = next((each for each in node._edges if each is not None), None)
        if edge is None:
            return node
        node = edge[0]
    return node


def _box(node: Node, shape: Shape, names: Mapping[int, str]) -> Box:
    if isinstance(node, Function):
        return Box(node.name, shape, formula=source_of(type(node)).formula)
    return Box(names.get(id(node), "leaf"), tuple(node.array.shape), is_leaf=True)
