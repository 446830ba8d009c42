"""The sweep: the chain rule, from the youngest node to the oldest.

                       ┌──> Exp ──> a ──┐
            x ─────────┤      2         ├──> Mul ──> loss         loss = exp(x) · sin(x)
                       └──> Sin ──> b ──┘      4
                              3

The *cotangent* of a tensor t is ∂loss/∂t, its gradient; the sweep starts with ∂loss/∂loss = 1. A node receives the
cotangents of its outputs and returns those of its inputs, which travel along its edges to the nodes that made these
inputs (function.py explains nodes, edges and numbers).

**Gradients add.** x has two paths to the loss. If x changes by dx, both a and b change, and to first order the loss
changes by the sum of the two effects: ∂loss/∂x = ∂loss/∂a · ∂a/∂x + ∂loss/∂b · ∂b/∂x. So every node and leaf has a sum,
to which each gradient that arrives is added.

**The youngest node first.** A node may run only when its sum is complete, that is when every node that used its output
has run. A node that uses an output is recorded after the node that made it, so it has a higher number. Hence of all
nodes that a gradient has reached, the one with the highest number is complete: everything that could still add to it is
younger and was taken before. A heap finds it. (In the drawing: 4, then 3, then 2, and last the leaf x, whose sum is
x.grad.) Nothing here is recursive, so a graph may be millions of nodes deep.

Sources: Griewank & Walther, Evaluating Derivatives, ch. 3; torch documentation, "Autograd mechanics".
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from minigrad.devices import zeros
from minigrad.engine.completed import AwaitedLeaves
from minigrad.engine.function import Edge, Function, Node
from minigrad.engine.grad_mode import is_grad_enabled
from minigrad.engine.hooks import at_outputs
from minigrad.engine.mistakes import explain_backward, matched, refuse_gradient, refuse_shape
from minigrad.engine.ownership import accumulate, add_up, may_accumulate_early
from minigrad.engine.selection import Selection
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.engine.watchers import watched, watchers
from minigrad.typing import Shape, Tensor


def sweep(sums: GradientSums, selection: Selection | None, awaited: AwaitedLeaves | None, retain_graph: bool) -> None:
    """Send the gradients in ``sums`` through the graph, until only those of leaves are left.

    ``selection``, if given, keeps gradients of inner tensors that are wanted, and ends paths that lead to none.
    ``awaited``, if given, are leaves that take their gradients as soon as they are complete.
    ``retain_graph`` keeps what the nodes have saved, for another sweep.
    """
    while sums.nodes:
        node, gradients = sums.pop_youngest()
        if node.tensor_hooks or node.retained:
            gradients = at_outputs(node, gradients)
        if selection is None or selection.leads_on(node, gradients):
            for edge, gradient in zip(node._edges, chain_rule(node, gradients), strict=True):
                if edge is not None and gradient is not None:
                    sums.add(edge, gradient)
            del gradient  # so that a leaf can take over its memory
            if not retain_graph:
                node.release()
        if awaited is not None:
            awaited.passed(node, sums)


def chain_rule(node: Function, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return ∂L/∂x for every input x of ``node``, given ∂L/∂y for every output y."""
    if node.num_outputs > 1:
        gradients = _with_zeros(node, gradients)
    try:
        results = _call_backward(node, gradients)
    except ValueError as error:
        explain_backward(node, error)
        raise
    edges = node._edges
    if isinstance(results, TensorBase):
        results = (results,)
    if not isinstance(results, tuple) or len(results) != len(edges):
        results = matched(node, results)
    fitted = []
    for i, (edge, result) in enumerate(zip(edges, results, strict=True)):
        fitted.append(None if edge is None or result is None else _fitted(node, i, result, edge))
    return fitted


def _call_backward(node: Function, gradients: Sequence[Tensor | None]) -> object:  # anything, if it is the reader's own
    """Call ``backward``, or ``fused_backward`` on arrays if there is one and the gradients need no graph."""
    if node.fused_backward is None or is_grad_enabled():
        backward = watched(node, "backward") if watchers else node.backward
        return backward(*gradients)
    fused_backward = watched(node, "fused_backward") if watchers else node.fused_backward
    arrays = fused_backward(*[None if g is None else g.array for g in gradients])
    return tuple([None if array is None else wrap(array) for array in arrays])


def _with_zeros(node: Function, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return the gradients with zeros for every output that nobody used."""
    arrived = next(g.array for g in gradients if g is not None)
    return [
        wrap(zeros(arrived, *kind)) if g is None and kind is not None else g
        for g, kind in zip(gradients, node._output_kinds, strict=True)
    ]


def _fitted(node: Function, i: int, gradient: Tensor, edge: Edge) -> Tensor:
    """Return the gradient of input ``i`` in the shape and dtype of that input: broadcasting undone, and rounded."""
    if not isinstance(gradient, TensorBase):
        refuse_gradient(node, i, gradient)
    maker, output = edge
    kind, array = maker._output_kinds[output], gradient.array
    assert kind is not None  # or there would be no edge
    shape, dtype = kind
    if array.shape != shape:
        if not node.broadcasts:
            refuse_shape(node, i, array.shape, shape)
        gradient = sum_to_shape(gradient, shape)
    return gradient if array.dtype is dtype or array.dtype == dtype else gradient.to(dtype)


def sum_to_shape(gradient: Tensor, shape: Shape) -> Tensor:
    """Undo broadcasting: an element that was copied n times receives the sum of its n gradients."""
    new = gradient.array.ndim - len(shape)  # dimensions that broadcasting put in front
    stretched = [new + i for i, n in enumerate(shape) if n == 1 and gradient.array.shape[new + i] != 1]
    dims = tuple(range(new)) + tuple(stretched)
    return gradient.sum(dims).reshape(shape) if dims else gradient.reshape(shape)


class GradientSums:
    """The gradients on their way: for each node the sum of what has arrived so far for each of its outputs."""

    def __init__(self, fill_grad: bool) -> None:
        self._fill_grad = fill_grad  # leaves may take their gradients as they arrive
        self.nodes: list[tuple[int, Function]] = []  # a heap of (−number, node): the youngest is first
        self._sums: dict[Node, list[Tensor | None]] = {}
        self._own: set[Edge] = set()  # sums in arrays that were made here, which may be added to in place

    def add(self, edge: Edge, gradient: Tensor) -> None:
        """Add a gradient that arrives along ``edge``."""
        node, output = edge
        sums = self._sums.get(node)
        if sums is None:
            if isinstance(node, Function):
                heappush(self.nodes, (-node.number, node))
            elif self._fill_grad and may_accumulate_early(node):
                accumulate(node, gradient, create_graph=False)  # its memory is free now, not after the sweep
                return
            sums = self._sums[node] = [None] * node.num_outputs
        total = sums[output]
        if total is None:
            sums[output] = gradient
        elif is_grad_enabled():
            sums[output] = total + gradient
        else:
            sums[output] = add_up(total, gradient, in_place=edge in self._own)
            self._own.add(edge)

    def pop_youngest(self) -> tuple[Function, list[Tensor | None]]:
        """Remove the node with the highest number; return it and the gradient of each of its outputs."""
        node = heappop(self.nodes)[1]
        return node, self._sums.pop(node)

    def leaves(self) -> list[TensorBase]:
        """Return the leaves that a gradient has reached."""
        return [node for node in self._sums if isinstance(node, TensorBase)]

    def has(self, leaf: TensorBase) -> bool:
        """Return whether a gradient has reached a leaf."""
        return leaf in self._sums

    def pop_leaf(self, leaf: TensorBase) -> Tensor:
        """Remove a leaf; return its gradient."""
        (gradient,) = self._sums.pop(leaf)
        assert gradient is not None
        return gradient
