"""``backward()`` and ``grad()``: torch's arguments and messages around the sweep (backward.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from minigrad.devices import device_of
from minigrad.engine.backward import GradientSums, sweep
from minigrad.engine.completed import awaited_leaves, complete
from minigrad.engine.function import Edge, gradient_edge
from minigrad.engine.grad_mode import set_grad_enabled
from minigrad.engine.hooks import after_hooks
from minigrad.engine.memory import has_overlap
from minigrad.engine.ownership import accumulate
from minigrad.engine.selection import Selection
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.typing import Tensor

if TYPE_CHECKING:
    Tensors: TypeAlias = Tensor | Sequence[Tensor]
    Cotangents: TypeAlias = Tensor | Sequence[Tensor | None] | None


def backward(
    tensors: Tensors,
    grad_tensors: Cotangents = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add to ``grad`` of every leaf (or of ``inputs`` only) the gradient of ``tensors``.

    Args:
        grad_tensors: the cotangents v of the vector-Jacobian product vᵀJ; a scalar needs none, which means 1.
        retain_graph: keep what the graph has saved, for another backward; if not given, as ``create_graph``.
        create_graph: record the computation of the gradients, so that they can be differentiated in turn.

    Raises:
        RuntimeError: if a tensor requires no gradient, a cotangent's shape is wrong or missing, or the
            graph was already freed.
    """
    roots = _as_list(tensors)
    targets = None if inputs is None else _as_list(inputs)
    if targets is not None and not targets:
        raise RuntimeError("'inputs' argument to 'backward' cannot be empty.")
    cotangents = _cotangents(roots, grad_tensors)
    found = _run(roots, cotangents, targets, True, retain_graph, create_graph)
    for tensor in targets or ():
        if tensor.grad_fn is not None and gradient_edge(tensor) in found:
            accumulate(tensor, found[gradient_edge(tensor)], create_graph)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Cotangents = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """Return the gradients of ``outputs`` with respect to ``inputs``, as a tuple; no ``.grad`` is touched.

    The arguments are as in :func:`backward`. With ``allow_unused`` the gradient of an input that was not used is
    ``None``, with ``materialize_grads`` it is zeros. ``only_inputs`` is of old programs, and is true.

    Raises:
        RuntimeError: as :func:`backward`, and if an input was not used and ``allow_unused`` is false.
        NotImplementedError: for ``only_inputs=False`` and ``is_grads_batched=True``.

    >>> import minigrad
    >>> x = minigrad.tensor(2.0, requires_grad=True)
    >>> (first,) = grad(x ** 3, x, create_graph=True)
    >>> grad(first, x)
    (tensor(12.),)
    """
    if not only_inputs or is_grads_batched:
        raise NotImplementedError("grad: only_inputs=False and is_grads_batched=True are not supported; call it again")
    roots, targets = _as_list(outputs), _as_list(inputs)
    for i, tensor in enumerate(targets):
        if not tensor.requires_grad:
            raise RuntimeError(f"One of the differentiated Tensors does not require grad: input {i}")
    found = _run(roots, _cotangents(roots, grad_outputs), targets, False, retain_graph, create_graph)
    results: list[Tensor | None] = []
    for i, tensor in enumerate(targets):
        gradient = found.get(gradient_edge(tensor))
        if gradient is None and materialize_grads:
            gradient = wrap(np.zeros_like(tensor.array))
            gradient._requires_grad = create_graph  # zero is the derivative's derivative too, of any order
        elif gradient is not None and has_overlap(gradient.array):  # of a sum: all elements are one in memory
            gradient = gradient.clone()
        if gradient is None and not allow_unused:
            raise RuntimeError(
                f"One of the differentiated Tensors appears to not have been used in the graph: input {i}. "
                "Set allow_unused=True if this is the desired behavior."
            )
        results.append(gradient)
    return tuple(results)  # type: ignore[arg-type]  # None only with allow_unused; torch's annotation is the same


def _run(
    roots: Sequence[Tensor],
    cotangents: Sequence[Tensor],
    inputs: Sequence[Tensor] | None,
    fill_grad: bool,
    retain_graph: bool | None,
    create_graph: bool,
) -> dict[Edge, Tensor]:
    """Sweep from the roots; return the gradients of ``inputs``. With ``fill_grad``, add to the leaves' ``grad``."""
    selection = None if inputs is None else Selection(roots, inputs)
    sums = GradientSums(fill_grad=selection is None and not create_graph)
    with set_grad_enabled(create_graph):
        for root, cotangent in zip(roots, cotangents, strict=True):
            sums.add(gradient_edge(root), cotangent)
        awaited = awaited_leaves(sums, create_graph) if selection is None else None
        sweep(sums, selection, awaited, create_graph if retain_graph is None else retain_graph)
        for leaf in sums.leaves():
            if selection is None:
                complete(leaf, sums, create_graph)
                continue
            gradient = after_hooks(leaf._hooks, sums.pop_leaf(leaf))
            if selection.takes(leaf, gradient) and fill_grad:
                accumulate(leaf, gradient, create_graph)
    return {} if selection is None else selection.found


def _as_list(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, TensorBase) else list(tensors)


def _cotangents(roots: Sequence[Tensor], given: Cotangents) -> list[Tensor]:
    """Return the cotangents that the sweep starts from, checked; 1 for a scalar without one."""
    cotangents = [None] * len(roots) if given is None else [given] if isinstance(given, TensorBase) else list(given)
    for cotangent in cotangents:
        if cotangent is not None and not isinstance(cotangent, TensorBase):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(cotangent).__name__}")
    if len(cotangents) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(cotangents)} gradients")
    return [_cotangent(i, *pair) for i, pair in enumerate(zip(roots, cotangents, strict=True))]


def _cotangent(i: int, root: Tensor, cotangent: Tensor | None) -> Tensor:
    """Return the cotangent of output ``i``, in its dtype.

    Raises:
        RuntimeError: if the output has no gradient, or the cotangent is missing or does not fit.
    """
    if not root.requires_grad:
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
