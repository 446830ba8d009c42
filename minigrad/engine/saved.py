"""The values that a node keeps for its backward, and how they are connected to the graph again.

A node keeps arrays, not tensors: a node that held its own output tensor, which holds the node, would be a cycle, and
only the garbage collector could free it. So each array is kept with what it *is*, the second input or the first
output, and the node's edges give it its place in the graph when backward asks for it. Then a gradient computed from it
has a gradient in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.typing import Array

if TYPE_CHECKING:
    from minigrad.engine.function import Edge, Function
    from minigrad.engine.memory import Version


# A value kept for backward; what it is ("input", "output", or "constant": neither); which input or output; the version
# of its memory (memory.py), and how often that had been written when the value was kept.
Saved: TypeAlias = "tuple[Any, str, int, Version | None, int]"  # Any: options may be saved too, such as a shape


def packed(
    values: Sequence[object],
    inputs: Sequence[object],
    arrays: Sequence[object],
    results: Sequence[Array],
    outputs: Sequence[TensorBase],
) -> list[Saved]:
    """Return the values given to ``save_for_backward`` with what each of them is."""
    return [
        _packed(value, inputs, arrays, results, outputs) if hasattr(value, "shape") else (value, "constant", 0, None, 0)
        for value in values
    ]


def _packed(
    array: object,
    inputs: Sequence[object],
    arrays: Sequence[object],
    results: Sequence[Array],
    outputs: Sequence[TensorBase],
) -> Saved:
    for index, result in enumerate(results):
        if array is result:
            version = outputs[index]._storage_version
            return outputs[index].array, "output", index, version, version.count
    for index, given in enumerate(arrays):
        if array is given and isinstance(tensor := inputs[index], TensorBase):
            version = tensor._storage_version
            return array, "input", index, version, version.count
    return array, "constant", 0, None, 0


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
    for value, kind, position, version, count in node._saved:
        if version is not None and version.count != count:
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: "
                f"{node.name} saved its {kind} {position} of shape {list(value.shape)} at version {count}, and it is "
                f"at version {version.count} now. Write the change out of place (y = y + 1, not y += 1), or to a clone."
            )
        if as_arrays or not hasattr(value, "shape"):
            values.append(value)
        else:
            values.append(_connected(node, value, kind, position) if connect else wrap(value))
    return tuple(values)


def _connected(node: Function, array: Array, kind: str, position: int) -> TensorBase:
    """Return a saved array as a tensor in its place in the graph."""
    edge: Edge | None = None
    if kind == "output":
        edge = (node, position)
    elif kind == "input":
        edge = node._edges[position]
    if edge is None:
        return wrap(array)
    maker, index = edge
    if isinstance(maker, TensorBase):
        return maker  # a leaf is its own place in the graph
    tensor = wrap(array)
    tensor._grad_fn, tensor._output_index, tensor._requires_grad = maker, index, True
    return tensor
