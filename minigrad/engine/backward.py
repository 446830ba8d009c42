"""The engine: it walks the recorded operations backwards and applies the chain rule.

    x (leaf) ──> Mul ──> Exp ──> loss          forward: left to right, one node an operation
                  <────── <─────               backward: right to left, one gradient an edge

function.py records the graph on the way forward. Here every node gets the gradient of the loss with
respect to its *output* and returns the gradients with respect to its *inputs*, which travel along its
edges to the nodes that made those inputs; at a leaf they are added to ``grad``.

Why in topological order: a tensor that was used twice has two paths to the loss, and its gradient is the
sum over both. A node may therefore run only when **every** node that used its output has run. Everything
here is iterative, so a graph may be millions of nodes deep.

Sources: torch documentation, "Autograd mechanics"; Griewank & Walther, Evaluating Derivatives, ch. 3.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from minigrad import kernels
from minigrad.device import compute_beside, device_of, in_use, zeros
from minigrad.engine import function
from minigrad.engine.function import Edge, Function, Node, TensorBase, gradient_edge, refuse_as_replacement, wrap
from minigrad.engine.grad_mode import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from minigrad.engine.inplace import has_overlap, refuse_stale

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Adds to ``grad`` of every leaf (or of ``inputs`` only) the gradient of ``tensors``.

    ``grad_tensors`` are the cotangents v of the vector-Jacobian product vᵀJ; for a scalar, 1 is meant.

    Raises:
        RuntimeError: if a tensor requires no gradient, a cotangent's shape is wrong or missing, or the
            graph was already freed.
    """
    roots = _as_list(tensors)
    targets = None if inputs is None else _as_list(inputs)
    if targets is not None and not targets:
        raise RuntimeError("'inputs' argument to 'backward' cannot be empty.")
    gradients = _root_gradients(roots, grad_tensors)
    _run_backward(roots, gradients, targets, True, retain_graph, create_graph)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of ``outputs`` with respect to ``inputs``, as a tuple; no ``.grad`` is touched.

    With ``create_graph=True`` the gradients can be differentiated in turn.

    Raises:
        RuntimeError: as for :func:`backward`, and if an input was not used and ``allow_unused`` is false.

    >>> import minigrad
    >>> x = minigrad.tensor(2.0, requires_grad=True)
    >>> (first,) = grad(x ** 3, x, create_graph=True)
    >>> grad(first, x)
    (tensor(12.),)
    """
    roots, targets = _as_list(outputs), _as_list(inputs)
    for i, tensor in enumerate(targets):
        if not tensor._requires_grad:
            raise RuntimeError(f"One of the differentiated Tensors does not require grad: input {i}")
    captured = _run_backward(roots, _root_gradients(roots, grad_outputs), targets, False, retain_graph, create_graph)
    results = []
    for i, tensor in enumerate(targets):
        found = captured.get(gradient_edge(tensor))
        if found is None and materialize_grads:
            found = wrap(np.zeros_like(tensor.array))
            found._requires_grad = create_graph  # zero is the derivative's derivative too, of any order
        elif found is not None and has_overlap(found.array):  # a sum's gradient, one number for all elements
            found = found.clone()
        if found is None and not allow_unused:
            raise RuntimeError(
                f"One of the differentiated Tensors appears to not have been used in the graph: input {i}. "
                "Set allow_unused=True if this is the desired behavior."
            )
        results.append(found)
    return tuple(results)


def _as_list(tensors: Any) -> list[TensorBase]:
    return [tensors] if isinstance(tensors, TensorBase) else list(tensors)


def _root_gradients(roots: Sequence[TensorBase], given: Any) -> list[TensorBase]:
    """The cotangents backward starts from, checked; 1 for a scalar without one."""
    cotangents = [None] * len(roots) if given is None else [given] if isinstance(given, TensorBase) else list(given)
    for cotangent in cotangents:
        if cotangent is not None and not isinstance(cotangent, TensorBase):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(cotangent).__name__}")
    if len(cotangents) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(cotangents)} gradients")
    return [_root_gradient(i, *pair) for i, pair in enumerate(zip(roots, cotangents, strict=True))]


def _root_gradient(i: int, root: TensorBase, cotangent: Any) -> Any:
    """The cotangent of output ``i``, in its dtype.

    Raises:
        RuntimeError: if the output has no gradient, or the cotangent is missing or does not fit.
    """
    if not root._requires_grad:
        raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
    if cotangent is None:
        if root.array.size != 1:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs, "
                f"got an output of shape {list(root.array.shape)}: pass its gradient"
            )
        return wrap(np.ones_like(root.array))
    if cotangent.array.shape != root.array.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {list(cotangent.array.shape)} and output[{i}] "
            f"has a shape of {list(root.array.shape)}."
        )
    if device_of(cotangent.array) != device_of(root.array):
        raise RuntimeError(
            f"invalid gradient at index {i} - expected device {device_of(root.array)} but got "
            f"{device_of(cotangent.array)}"
        )
    return cotangent if cotangent.array.dtype == root.array.dtype else cotangent.to(root.array.dtype)


def topological_order(roots: Iterable[Node]) -> list[Node]:
    """Every node that the roots depend on, each after all the nodes that use its output (Kahn, 1962)."""
    uses: dict[Node, int] = {}  # how many edges lead to the node
    unvisited = list(roots)
    for node in unvisited:
        uses[node] = 0
    unvisited = list(uses)
    while unvisited:
        node = unvisited.pop()
        for edge in node.next_functions:
            if edge is not None:
                if edge[0] not in uses:
                    uses[edge[0]] = 0
                    unvisited.append(edge[0])
                uses[edge[0]] += 1
    order = []
    ready = [node for node, count in uses.items() if count == 0]
    while ready:
        node = ready.pop()
        order.append(node)
        for edge in node.next_functions:
            if edge is not None:
                uses[edge[0]] -= 1
                if uses[edge[0]] == 0:
                    ready.append(edge[0])
    return order


def _run_backward(
    roots: Sequence[TensorBase],
    root_gradients: Sequence[TensorBase],
    inputs: Sequence[TensorBase] | None,
    accumulate: bool,
    retain_graph: bool | None,
    create_graph: bool,
) -> dict[Edge, Any]:
    """Sends gradients from the roots through the graph; returns those that arrived at ``inputs``."""
    retain = create_graph if retain_graph is None else retain_graph
    refuse_stale([*roots, *(inputs or ())])
    order = topological_order(gradient_edge(root)[0] for root in roots)
    wanted = None if inputs is None else {gradient_edge(tensor) for tensor in inputs}
    useful = None if wanted is None else _nodes_on_a_path_to(wanted, order)
    pending = _GradientSums(create_graph)
    captured: dict[Edge, Any] = {}
    observer = function.observer
    with set_grad_enabled(create_graph), nullcontext() if observer is None else observer.phase("backward"):
        for root, gradient in zip(roots, root_gradients, strict=True):
            pending.add(gradient_edge(root), gradient)
        order.reverse()
        while order:  # popping, so that a node the user no longer holds is freed as soon as it has run
            node = order.pop()
            if isinstance(node, TensorBase):
                edge = (node, node._output_index)
                gradient = _run_hooks(node._hooks, pending.pop(edge))
                if gradient is not None and wanted is not None and edge in wanted:
                    captured[edge] = gradient
                if gradient is not None and accumulate and (wanted is None or edge in wanted):
                    _accumulate_into_leaf(node, gradient, create_graph)
                continue
            if node.num_outputs == 1:
                gradients = [_arriving(node, 0, pending.pop((node, 0)))]
            else:
                gradients = [_arriving(node, i, pending.pop((node, i))) for i in range(node.num_outputs)]
            if wanted is not None:
                captured.update(
                    {(node, i): g for i, g in enumerate(gradients) if (node, i) in wanted and g is not None}
                )
            if (useful is None or node in useful) and any(g is not None for g in gradients):
                _run_node(node, gradients, pending)
                if not retain:
                    node.release()
    if accumulate and inputs is not None:
        for tensor in inputs:
            if tensor.grad_fn is not None and gradient_edge(tensor) in captured:
                _accumulate_into_leaf(tensor, captured[gradient_edge(tensor)], create_graph)
    return captured


def _nodes_on_a_path_to(wanted: set[Edge], order: Sequence[Node]) -> set[Node]:
    """The nodes that must run for gradients to reach ``wanted``: an edge of theirs leads there."""
    useful: set[Node] = set()
    for node in reversed(order):
        for edge in node.next_functions:
            if edge is not None and (edge in wanted or edge[0] in useful):
                useful.add(node)
                break
    return useful


def _arriving(node: Function, index: int, gradient: Any) -> Any:
    """The complete gradient of one output of ``node``, after the output tensor's hooks."""
    if gradient is None:
        return None
    if not node.tensor_hooks and not node.retained:
        return gradient
    gradient = _run_hooks(node.tensor_hooks.get(index), gradient)
    reference = node.retained.get(index)
    tensor = reference() if reference is not None else None
    if tensor is not None:
        tensor._grad = gradient.clone() if tensor._grad is None else tensor._grad + gradient
    return gradient


def _run_hooks(hooks: dict[int, Callable[..., Any]] | None, gradient: Any) -> Any:
    if hooks and gradient is not None:
        for hook in list(hooks.values()):
            replacement = hook(gradient)
            if replacement is not None:
                refuse_as_replacement(hook, gradient, replacement)
                gradient = replacement
    return gradient


def _run_node(node: Function, gradients: list[Any], pending: _GradientSums) -> None:
    """Calls ``node.backward`` and sends its results along the node's edges."""
    if in_use.several:
        compute_beside(*(g.array for g in gradients if g is not None))
    if node.num_outputs > 1:  # an output that nobody used has gradient zero
        gradients = [
            wrap(zeros(*p)) if g is None and p is not None else g
            for g, p in zip(gradients, node._output_prototypes or (), strict=True)
        ]
    if node.fused_backward is None or is_grad_enabled():
        results = node.backward(*gradients)
    else:
        results = _in_one_pass(node, [None if g is None else g.array for g in gradients])
    if not isinstance(results, tuple):
        results = (results,)
    if len(results) != len(node.next_functions):
        results = _one_for_each_input(node, results)
    for edge, (shape, dtype), result in zip(node.next_functions, node._input_kinds, results, strict=True):
        if edge is None or result is None:
            continue
        try:
            array = result.array
        except AttributeError:
            raise RuntimeError(f"{node.name}.backward: expected a Tensor or None, got {type(result)}") from None
        if array.shape != shape or array.dtype is not dtype:
            result = _fitted(node, result, shape, dtype)
        if node._forward_trace is not None and _has_nan(result):
            raise RuntimeError(
                f"{node.name}.backward returned nan values. The forward call was made here:\n{node._forward_trace}"
            )
        pending.add(edge, result)


def _in_one_pass(node: Function, gradients: list[Any]) -> tuple[Any, ...]:
    """What ``node.fused_backward`` returns, as tensors."""
    assert node.fused_backward is not None
    start = time.perf_counter()
    results = node.fused_backward(*gradients)
    if function.observer is not None:
        function.observer.ran(f"{node.name}Backward", gradients, results, start)
    return tuple([None if result is None else wrap(result) for result in results])


def _one_for_each_input(node: Function, results: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients without what ``node.backward`` returned too many of: ``None`` at the end means nothing.

    Raises:
        RuntimeError: if their number is another than that of the inputs.
    """
    count = len(node.next_functions)
    if len(results) < count or any(extra is not None for extra in results[count:]):
        raise RuntimeError(f"{node.name}.backward returned {len(results)} gradients for {count} inputs")
    return results[:count]


def _fitted(node: Function, result: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A gradient in the shape and dtype of the input that it is for: broadcasting undone, and rounded.

    Raises:
        RuntimeError: if it cannot be brought into the shape.
    """
    if result.array.shape != shape:
        if not node.broadcasts:
            raise RuntimeError(
                f"{node.name}.backward gave a gradient of shape {list(result.array.shape)} for an input of shape "
                f"{list(shape)}"
            )
        result = sum_to_shape(result, shape)
    return result if result.array.dtype == dtype else result.to(dtype)


def sum_to_shape(gradient: Any, shape: tuple[int, ...]) -> Any:
    """Undoes broadcasting: an element that was copied n times receives the sum of its n gradients."""
    new = gradient.array.ndim - len(shape)  # dimensions that broadcasting put in front
    stretched = [new + i for i, n in enumerate(shape) if n == 1 and gradient.array.shape[new + i] != 1]
    dims = tuple(range(new)) + tuple(stretched)
    return gradient.sum(dims).reshape(shape) if dims else gradient.reshape(shape)


def _has_nan(tensor: Any) -> bool:
    return bool(np.isnan(tensor.array).any())


class _GradientSums:
    """The gradients on their way: for each edge the sum of what has arrived so far."""

    def __init__(self, create_graph: bool) -> None:
        self._sums: dict[Edge, Any] = {}
        self._ours: set[Edge] = set()  # sums in arrays that we made, which may be added to in place
        self._create_graph = create_graph

    def add(self, edge: Edge, gradient: Any) -> None:
        if in_use.several:
            compute_beside(gradient.array)
        total = self._sums.get(edge)
        if total is None:
            self._sums[edge] = gradient
        elif self._create_graph or total.array.dtype != gradient.array.dtype:
            self._sums[edge] = total + gradient
        else:
            ours = total.array if edge in self._ours else None
            self._sums[edge] = wrap(kernels.of(total.array).add(total.array, gradient.array, out=ours))
            self._ours.add(edge)

    def pop(self, edge: Edge) -> Any:
        self._ours.discard(edge)
        return self._sums.pop(edge, None)


def _accumulate_into_leaf(leaf: TensorBase, gradient: Any, create_graph: bool) -> None:
    """``leaf.grad += gradient``: gradients add up over calls until the user clears them."""
    if in_use.several:
        compute_beside(gradient.array)
    if gradient.array.dtype != leaf.array.dtype:
        gradient = gradient.to(leaf.array.dtype)
    total = leaf._grad
    if total is None and not create_graph:
        leaf._grad = wrap(gradient.array if _is_sole_owner(gradient) else np.copy(gradient.array, order="K"))
    elif total is None:
        leaf._grad = gradient
    elif create_graph or has_overlap(total.array):
        leaf._grad = total + gradient
    else:
        np.add(total.array, gradient.array, out=total.array)
        total._written_in_place()


def _is_sole_owner(gradient: TensorBase) -> bool:
    """Whether nothing else refers to this gradient's memory, so that ``.grad`` may take it over.

    Two leaves of ``x + y`` receive the same array, and a user may hold the cotangent: those must be
    copied, or ``x.grad.zero_()`` would clear both. A fresh result of a convolution need not be, which
    saves a copy of all parameters a step. CPython's reference counts tell the two apart.
    """
    if has_overlap(gradient.array):
        return False
    return all(count <= alone for count, alone in zip(_reference_counts(gradient), _ALONE, strict=True))


def _reference_counts(gradient: TensorBase) -> tuple[int, int, int]:
    """How many references there are to the tensor, to its array, and to the array that this is a view of."""
    array = gradient.array
    base = array.base
    return sys.getrefcount(gradient), sys.getrefcount(array), 0 if base is None else sys.getrefcount(base)


def _count_references_of_a_sole_owner() -> tuple[int, int, int]:
    gradient = wrap(np.zeros((2, 3)).T)
    return (lambda argument: (lambda argument: _reference_counts(argument))(argument))(gradient)  # as deep as above


_ALONE = _count_references_of_a_sole_owner()
