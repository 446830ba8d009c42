"""The values that a node keeps for its backward, and how they are connected to the graph again.

A node keeps arrays, not tensors: a node that held its own output tensor, which holds the node, would be a cycle, and
only the garbage collector could free it. So each array is kept with what it *is*, the second input or the first
output, and the node's edges give it its place in the graph when backward asks for it. Then a gradient computed from it
has a gradient in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.typing import Array

if TYPE_CHECKING:
    from minigrad.engine.function import Edge, Function
    from minigrad.engine.inplace import Version


class Saved(NamedTuple):
    """An array kept for backward: what it is, and how often its memory had been written at that time."""

    array: Array
    kind: str  # "input", "output", or "intermediate"
    position: int  # which input or output
    version: Version | None
    at_version: int


def packed(
    values: Sequence[Any],  # Any: an operation may save options too, such as a shape or None
    inputs: Sequence[Any],
    arrays: Sequence[Any],
    results: Sequence[Array],
    outputs: Sequence[TensorBase],
) -> list[Any]:
    """Return the values given to ``save_for_backward`` as a node keeps them: each array with what it is."""
    return [_packed(value, inputs, arrays, results, outputs) if hasattr(value, "shape") else value for value in values]


def _packed(
    array: Array, inputs: Sequence[Any], arrays: Sequence[Any], results: Sequence[Array], outputs: Sequence[TensorBase]
) -> Saved:
    for index, result in enumerate(results):
        if array is result:
            version = outputs[index]._storage_version
            return Saved(outputs[index].array, "output", index, version, version.count)
    for index, given in enumerate(arrays):
        if array is given and isinstance(inputs[index], TensorBase):
            version = inputs[index]._storage_version
            return Saved(array, "input", index, version, version.count)
    return Saved(array, "intermediate", 0, None, 0)


def unpacked(node: Function, as_arrays: bool, connect: bool) -> tuple[Any, ...]:
    """Return what ``node`` saved: as arrays, or as tensors, which ``connect`` puts into their place in the graph.

    Raises:
        RuntimeError: if it was freed, or a value was overwritten since.
    """
    if node._saved is None:
        raise RuntimeError(
            "Trying to backward through the graph a second time (or directly access saved tensors after "
            "they have already been freed). Saved intermediate values of the graph are freed when you call "
            ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
            "graph a second time or if you need to access saved tensors after calling backward."
        )
    values = []
    for saved in node._saved:
        if not isinstance(saved, Saved):
            values.append(saved)
            continue
        if saved.version is not None and saved.version.count != saved.at_version:
            _refuse_overwritten(node, saved)
        values.append(saved.array if as_arrays else _connected(node, saved) if connect else wrap(saved.array))
    return tuple(values)


def _connected(node: Function, saved: Saved) -> Any:
    """Return the saved array as a tensor in its place in the graph."""
    edge: Edge | None = None
    if saved.kind == "output":
        edge = (node, saved.position)
    elif saved.kind == "input":
        edge = node.next_functions[saved.position]
    if edge is not None and isinstance(edge[0], TensorBase):
        return edge[0]  # a leaf is its own place in the graph
    tensor = wrap(saved.array)
    if edge is not None:
        tensor.grad_fn, tensor._output_index = edge[0], edge[1]
        tensor._requires_grad = True
    return tensor


def _refuse_overwritten(node: Function, saved: Saved) -> None:
    assert saved.version is not None
    raise RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"{node.name} saved its {saved.kind} {saved.position} of shape {list(saved.array.shape)} at version "
        f"{saved.at_version}, and it is at version {saved.version.count} now. Write the change out of place "
        "(y = y + 1, not y += 1), or to a clone."
    )
