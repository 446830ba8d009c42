"""Exercise: the order in which backward visits the nodes of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from minigrad.engine.backward import GradientSums
from minigrad.engine.function import Function, Node
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.outcome import kind
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.tensor import Tensor

Graph = Mapping[str, Sequence[str]]

DIAMOND: Graph = {"loss": ["left", "right"], "left": ["x"], "right": ["x"], "x": []}
#: Graphs in which one path is longer than another.
GRAPHS: dict[str, Graph] = {
    "a chain": {"loss": ["b"], "b": ["a"], "a": []},
    "a diamond": DIAMOND,
    "a short cut": {"loss": ["a", "b"], "b": ["a"], "a": ["x"], "x": []},
    "a short cut, the other way round": {"loss": ["b", "a"], "b": ["a"], "a": ["x"], "x": []},
    "x * x": {"loss": ["z"], "z": ["x", "x"], "x": []},
    "two residual blocks": {
        "loss": ["h2"], "h2": ["h1", "f2"], "f2": ["h1"], "h1": ["x", "f1"], "f1": ["x"], "x": [], "unused": ["x"],
    },
}  # fmt: skip


def probes(random: np.random.Generator) -> list[Probe]:
    stages = ("one element", "one element", *["numbers"] * 4)
    return [
        Probe(("loss", graph), stage, f"The graph is {name}:\n{drawn(graph)}")
        for stage, (name, graph) in zip(stages, GRAPHS.items(), strict=True)
    ]


def drawn(graph: Graph) -> str:
    return "\n".join(f"    {node} is made from {', '.join(made)}" for node, made in graph.items() if made)


def accepts(arguments: tuple[object, ...], result: object) -> str | None:
    """Return None for an order in which every node comes after all of its users."""
    loss, graph = cast(tuple[str, Graph], arguments)
    if not isinstance(result, list | tuple):
        return f"Your function returned {kind(result)}, where a list of nodes must be."
    shown = "Your order: " + ", ".join(map(str, result))
    reached = _reached(loss, graph)
    for node in result:
        if list(result).count(node) > 1:
            return f"{shown}\n{node} is there {list(result).count(node)} times; each node runs once."
        if node not in reached:
            return f"{shown}\n{node} is no node that the loss was made from."
    for node in reached:
        if node not in result:
            return f"{shown}\n{node} is missing."
    place = {node: i for i, node in enumerate(result)}
    for user in reached:
        for node in graph[user]:
            if place[node] < place[user]:
                return (
                    f"{shown}\n{node} comes before {user}, which uses it. So {node} would run before its sum is whole."
                )
    return None


def _reached(loss: str, graph: Graph) -> list[str]:
    reached = [loss]
    for node in reached:
        reached += [n for n in dict.fromkeys(graph[node]) if n not in reached]
    return reached


def _random_graphs(function: Written, random: np.random.Generator) -> str | None:
    for size in (3, 6, 12, 12, 12):
        graph: dict[str, list[str]] = {"n0": []}
        for i in range(1, size):
            graph[f"n{i}"] = [f"n{k}" for k in random.integers(0, i, random.integers(1, 4))]
        arguments = (f"n{size - 1}", graph)
        reason = accepts(arguments, function(*arguments))
        if reason:
            return f"not for this graph:\n{drawn(graph)}\n{reason}"
    return None


def replaces(function: Written) -> list[Swap]:
    def pop_youngest(sums: GradientSums) -> tuple[Function, list[Tensor | None]]:
        """Remove the node that is next in the learner's order; return it and the gradients of its outputs."""
        waiting = vars(sums).get("_order")
        if waiting is None:
            roots = [node for _, node in sums.nodes]
            graph: dict[object, list[object]] = {"loss": list(roots)}
            unvisited = list(roots)
            while unvisited:
                node = unvisited.pop()
                graph[node] = list(dict.fromkeys(edge[0] for edge in node._edges if edge is not None))
                for made in graph[node]:
                    if isinstance(made, Function) and made not in graph:
                        unvisited.append(made)
                    elif made not in graph:
                        graph[made] = []
            order = cast(Sequence[Node], function("loss", graph))
            waiting = [node for node in order if isinstance(node, Function)]
            vars(sums)["_order"] = waiting
        node = next(n for n in waiting if n in sums._sums)
        waiting.remove(node)
        sums.nodes[:] = [entry for entry in sums.nodes if entry[1] is not node]
        return node, sums._sums.pop(node)

    return [Swap(GradientSums, "pop_youngest", pop_youngest)]


EXERCISE = Exercise(
    slug="order",
    title="Users before makers",
    chapter=2,
    function="backward_order",
    text=prose("""
        The engine has recorded a graph: for each node, the nodes it was made from.
        A diamond, for example: loss is made from left and right, and each of them
        from x. In which order may the nodes run backward?

        A node may run only when its gradient is complete: when every node that
        *uses* it has run. x must wait for left *and* right.

        Given: loss, the node to start from; inputs, a dictionary that gives for
            each node the list of nodes it was made from (empty for a leaf).
        Write: return a list of all nodes that loss was made from, loss first, each
            node once, and each after all nodes that use it.

        Such an order is called topological. Names here are strings; in the engine
        they are nodes, and there your function gets those.

        order.append(node) adds to a list, seen.add(node) to a set; `node in seen` tells
        whether it is there. set() makes an empty one.
    """),
    template=code('''
        def backward_order(loss, inputs):
            """Return the nodes behind loss, each after all nodes that use it."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "Think forward first: in which order could the values be computed? A node after everything it is made from. "
        "Backward is just the reverse of that.",
        "A function that calls itself: to visit a node, visit its inputs first, and then append the node to a list. "
        "Remember in a set which nodes were visited, and visit none twice.",
        "Within your function:\n\n    def visit(node):\n        if node not in seen:\n            seen.add(node)\n"
        "            ...                  # visit all of inputs[node]\n            order.append(node)\n\n"
        "After visit(loss), return order[::-1].",
    ),
    solution=code('''
        def backward_order(loss, inputs):
            """Return the nodes behind loss, each after all nodes that use it."""
            order, seen = [], set()

            def visit(node):
                if node in seen:
                    return
                seen.add(node)
                for made_from in inputs[node]:
                    visit(made_from)
                order.append(node)

            visit(loss)
            return order[::-1]
    '''),
    why=prose("""
        The list that visit makes has every node after its inputs (post-order).
        Reversed, it has every node before its inputs: users first. Walking down from
        the loss and appending on the way (pre-order) looks right for a chain, but in
        a diamond with one longer side it takes a node before its last user.

        The engine needs no search: it numbers the nodes as it records them, and a
        user is always younger than what it uses. So it takes the youngest node
        that has a gradient. Now yours decides, in every backward of a milestone.

        In the engine: GradientSums.pop_youngest in minigrad/engine/backward.py.
    """),
    returns=("order",),
    plain=True,
    accepts=accepts,
    probes=probes,
    mistakes=(
        Mistake(
            "post-order instead of topological order",
            {"order[::-1]": "order"},
            "This order has the inputs first: it is the one for the forward pass. Reverse it.",
        ),
        Mistake(
            "pre-order instead of topological order",
            {
                "        seen.add(node)\n": "        seen.add(node)\n        order.append(node)\n",
                "            visit(made_from)\n        order.append(node)\n": "            visit(made_from)\n",
                "order[::-1]": "order",
            },
            "A node is appended when it is first met. It may have another user, which is met later. Append it after "
            "its inputs, and reverse at the end.",
        ),
        Mistake(
            "pre-order instead of topological order",
            {
                "        seen.add(node)\n": "        seen.add(node)\n        order.append(node)\n",
                "            visit(made_from)\n        order.append(node)\n": "            visit(made_from)\n",
                "in inputs[node]": "in inputs[node][::-1]",
                "order[::-1]": "order",
            },
            "A node is appended when it is first met. It may have another user, which is met later. Append it after "
            "its inputs, and reverse at the end.",
        ),
        Mistake(
            "nodes visited twice",
            {"        if node in seen:\n            return\n": ""},
            "A node that is used twice is in the list twice. Remember in a set what was visited.",
        ),
        Mistake(
            "breadth first",
            {
                "    visit(loss)\n    return order[::-1]": (
                    "    order = [loss]\n    for node in order:\n        for made_from in inputs[node]:\n"
                    "            if made_from not in order:\n                order.append(made_from)\n    return order"
                ),
            },
            "This goes by the distance from the loss (breadth first). With a short cut past a node that is wrong: a "
            "node may be near the loss on one path, and used again at the end of a longer one.",
        ),
        Mistake(
            "loss forgotten",
            {"order[::-1]": "order[::-1][1:]"},
            "The loss itself is missing: it runs first.",
        ),
        Mistake(
            "leaves forgotten",
            {"        order.append(node)": "        if inputs[node]:\n            order.append(node)"},
            "The leaves are missing: nodes without inputs belong into the list, too.",
        ),
        Mistake(
            "first input only",
            {"for made_from in inputs[node]:": "for made_from in inputs[node][:1]:"},
            "Only the first input of each node is visited. A node may be made of several: visit all of inputs[node].",
        ),
        Mistake(
            "alphabetical",
            {"return order[::-1]": "return sorted(order)"},
            "The nodes are in the order of their names. What counts is who uses whom.",
        ),
        Mistake(
            "all nodes of the graph",
            {
                "order[::-1]": "list(inputs)",
            },
            "These are all nodes, in the order in which they stand in inputs. Begin at loss, and go from node to node.",
        ),
    ),
    teaches=frozenset({"set", ".add", ".append"}),
    terms=frozenset({"topological", "diamond"}),
    properties=(Property("in random graphs each node comes after all of its users", _random_graphs),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x, y: (x * y).tanh() * x + (x * y), numbers(2, 3), numbers(2, 3, seed=3)),
    replaced="GradientSums.pop_youngest",
)
