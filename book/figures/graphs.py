"""The graph behind a result, drawn from its recorded nodes and edges."""

from __future__ import annotations

import matplotlib.pyplot as plt

from book.figures.style import BLUE, GREY, ORANGE, PALE
from minigrad import Tensor


def draw_graph(result: Tensor, names: dict[str, Tensor], label: str = "loss") -> None:
    """Draw all nodes and leaves behind ``result``, from left to right; ``names`` are those of the leaves.

    Below each operation stands its number: the order in which it was recorded.
    """
    known = {id(tensor): name for name, tensor in names.items()}
    edges, texts, depth, unvisited = [], {}, {}, [result.grad_fn]
    while unvisited:
        node = unvisited.pop()
        if id(node) in texts:
            continue
        is_leaf = isinstance(node, Tensor)
        texts[id(node)] = (node, known.get(id(node), "leaf") if is_leaf else node.name, is_leaf)
        for edge in () if is_leaf else node.next_functions:
            if edge is not None:
                edges.append((id(edge[0]), id(node)))
                unvisited.append(edge[0])
    inputs = {key: [a for a, b in edges if b == key] for key in texts}

    def column(key: int) -> int:
        if key not in depth:
            depth[key] = 1 + max((column(k) for k in inputs[key]), default=-1)
        return depth[key]

    columns: dict[int, list[int]] = {}
    for key in sorted(texts, key=lambda key: getattr(texts[key][0], "number", 0)):
        columns.setdefault(column(key), []).append(key)
    place = {key: (1.7 * x, (len(keys) - 1) / 2 - y) for x, keys in columns.items() for y, key in enumerate(keys)}
    tallest = max(map(len, columns.values()))
    _, axes = plt.subplots(figsize=(6.4, 0.9 + 0.8 * tallest))
    for tail, head in edges:
        twice = edges.count((tail, head)) > 1
        axes.annotate(
            "", place[head], place[tail],
            arrowprops={"arrowstyle": "-|>", "color": GREY, "shrinkA": 18, "shrinkB": 20, "lw": 2.4 if twice else 1.2},
        )  # fmt: skip
    for key, (node, text, is_leaf) in texts.items():
        colours = {"facecolor": PALE, "edgecolor": GREY} if is_leaf else {"facecolor": "white", "edgecolor": BLUE}
        axes.text(*place[key], text, ha="center", va="center", bbox={"boxstyle": "round,pad=0.35", **colours})
        if not is_leaf:
            x, y = place[key]
            axes.text(x, y - 0.42, str(node.number), ha="center", va="center", color=ORANGE, fontsize=10)
    x, y = place[id(result.grad_fn)]
    axes.annotate("", (x + 1.0, y), (x, y), arrowprops={"arrowstyle": "-|>", "color": GREY, "shrinkA": 24})
    axes.text(x + 1.05, y, label, va="center")
    axes.set(xlim=(-0.7, x + 1.6), ylim=(-tallest / 2 - 0.35, tallest / 2 + 0.1))
    axes.axis("off")
