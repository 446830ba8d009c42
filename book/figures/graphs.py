"""The graph behind a result, drawn from its recorded nodes and edges."""

from __future__ import annotations

import matplotlib.pyplot as plt

from book.figures.style import BLUE, GREY, ORANGE, PALE
from minigrad import Tensor
from minigrad.engine.function import Function

Node = Function | Tensor


def draw_graph(result: Tensor, names: dict[str, Tensor], label: str = "loss") -> None:
    """Draw all nodes and leaves behind ``result``, from left to right; ``names`` are those of the leaves.

    Below each operation stands its place in the order of recording.
    """
    nodes, edges = recorded(result)
    place = places(nodes, edges)
    name_of = {id(tensor): name for name, tensor in names.items()}
    operations = sorted((n for n in nodes if isinstance(n, Function)), key=lambda node: node.number)
    order = {id(node): str(i) for i, node in enumerate(operations, 1)}
    lowest, highest = min(y for _, y in place.values()), max(y for _, y in place.values())

    _, axes = plt.subplots(figsize=(6.4, 1.3 + 0.75 * (highest - lowest)))
    for tail, head in dict.fromkeys((id(tail), id(head)) for tail, head in edges):
        draw_edge(axes, place[tail], place[head])
    for node in nodes:
        x, y = place[id(node)]
        leaf = isinstance(node, Tensor)
        text = (
            name_of.get(id(node), "leaf") if leaf else node.name.replace("ConstantTensor", "").replace("Constant", "")
        )
        colours = {"facecolor": PALE, "edgecolor": GREY} if leaf else {"facecolor": "white", "edgecolor": BLUE}
        axes.text(x, y, text, ha="center", va="center", bbox={"boxstyle": "round,pad=0.35", **colours})
        if not leaf:
            axes.text(x, y - 0.45, order[id(node)], ha="center", va="center", color=ORANGE, fontsize=10)
    x, y = place[id(result.grad_fn)]
    draw_edge(axes, (x, y), (x + 1.6, y))
    axes.text(x + 1.25, y, label, va="center")
    axes.set(xlim=(-0.7, x + 2), ylim=(lowest - 0.7, highest + 0.7))
    axes.axis("off")


def recorded(result: Tensor) -> tuple[list[Node], list[tuple[Node, Node]]]:
    """Return the nodes and leaves behind a result, and the edges between them in the direction of the values."""
    nodes: dict[int, Node] = {}
    edges, unvisited = [], [result.grad_fn]
    while unvisited:
        node = unvisited.pop()
        if id(node) in nodes:
            continue
        nodes[id(node)] = node
        for edge in node.next_functions if isinstance(node, Function) else ():
            if edge is not None:
                edges.append((edge[0], node))
                unvisited.append(edge[0])
    return list(nodes.values()), edges


def places(nodes: list[Node], edges: list[tuple[Node, Node]]) -> dict[int, tuple[float, float]]:
    """Return where each node stands: right of all its inputs; leaves stand just left of their first user."""
    column: dict[int, int] = {}
    for node in sorted((n for n in nodes if isinstance(n, Function)), key=lambda node: node.number):
        inputs = [column.get(id(tail), 0) for tail, head in edges if head is node]
        column[id(node)] = 1 + max(inputs, default=0)
    for leaf in (n for n in nodes if isinstance(n, Tensor)):
        column[id(leaf)] = min(column[id(head)] for tail, head in edges if tail is leaf) - 1
    found = {}
    for x in set(column.values()):
        inside = [n for n in nodes if column[id(n)] == x]
        operations = sorted((n for n in inside if isinstance(n, Function)), key=lambda node: node.number)
        leaves = [n for n in inside if isinstance(n, Tensor)]
        below = -1.2 if operations else (len(leaves) - 1) / 2
        found |= {id(node): (1.55 * x, (len(operations) - 1) / 2 - i) for i, node in enumerate(operations)}
        found |= {id(node): (1.55 * x, below - i) for i, node in enumerate(leaves)}
    return found


def draw_edge(axes: plt.Axes, tail: tuple[float, float], head: tuple[float, float]) -> None:
    """Draw an arrow, in a bow if it passes over other nodes."""
    bow = "arc3,rad=-0.35" if head[0] - tail[0] > 2 and abs(head[1] - tail[1]) < 0.6 else "arc3"
    arrow = {"arrowstyle": "-|>", "color": GREY, "shrinkA": 17, "shrinkB": 19, "connectionstyle": bow}
    axes.annotate("", head, tail, arrowprops=arrow)
