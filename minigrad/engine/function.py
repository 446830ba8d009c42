"""Recording: an operation is a :class:`Function`, and running one may add a node to the graph.

``Function.apply`` runs ``forward`` on arrays and, if any input requires a gradient, keeps the instance as
a *node*: ``output.grad_fn`` is the node, and the node's ``next_functions`` are the edges to the nodes that
made its inputs. A tensor that no operation made is a *leaf*; edges that reach one end there. autograd.py
walks the same edges backwards. No node refers to its own output tensor, so there are no reference cycles
and dropping the output frees the graph at once.
"""

from __future__ import annotations

import time
import traceback
import weakref
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple, TypeVar

import numpy as np

from minigrad import dtypes
from minigrad.device import compute_beside, device_of, in_use
from minigrad.engine.grad_mode import anomaly_enabled, grad_enabled
from minigrad.engine.inplace import (
    Version,
    Views,
    history_changed,
    is_stale,
    refuse_stale,
    refuse_untrackable_write,
    share_memory,
)
from minigrad.typing import Array


class RemovableHandle:
    """What ``register_hook`` returns: ``remove()``, or the end of a ``with`` block, takes the hook off again."""

    _numbers = count()  # never the same again: a second ``remove()`` must not take off a later hook

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self._hooks = hooks
        self._key = next(number for number in RemovableHandle._numbers if number not in hooks)
        hooks[self._key] = hook

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Removes the hook; a second call does nothing."""
        self._hooks.pop(self._key, None)


class TensorBase:
    """An array and its place in the graph. ``Tensor`` (tensor.py) adds every method that computes.

    The defaults are class attributes: making a tensor sets only what differs from them.
    """

    array: Any  #: the NumPy (or CuPy) array that holds the values
    _grad: Any = None
    grad_fn: Function | None = None
    _output_index = 0  # which of grad_fn's outputs this is
    _requires_grad = False
    _version_cell: Version | None = None  # made when somebody first asks
    _views: Views | None = None  # made when the first view is taken, and shared with it
    _history = 0  # which history of the memory ``grad_fn`` is: the latest, if it equals ``_views.history``
    _hooks: dict[int, Callable[..., Any]] | None = None
    retains_grad = False
    next_functions: tuple[Edge | None, ...] = ()  # a leaf ends every path; no inner tensor is ever a node

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self.grad_fn is None

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can flow to this tensor."""
        return self._requires_grad or is_stale(self)  # its base has a gradient, of which it does not know

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self.grad_fn is not None and not value:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. "
                "If you want to use a computed variable in a subgraph that doesn't require differentiation "
                "use var_no_grad = var.detach()."
            )
        if value and not dtypes.is_floating(self.array.dtype):
            raise RuntimeError(f"only Tensors of floating point dtype can require gradients, got {self.array.dtype}")
        self._requires_grad = bool(value)

    @property
    def grad(self) -> Any:
        """The gradient that backward has added up so far, or ``None``."""
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        refuse_as_gradient_of(self, value)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def _storage_version(self) -> Version:
        if self._version_cell is None:
            self._version_cell = Version()
        return self._version_cell

    @property
    def _version(self) -> int:
        return self._storage_version.count

    def _written_in_place(self) -> None:
        """Tells everyone who saved this storage for backward that its values have changed."""
        self._storage_version.count += 1

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """``hook(grad)`` runs when this tensor's gradient is computed; what it returns replaces it."""
        if not self._requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._hooks is None:
            self._hooks = {}
        if self.grad_fn is not None:  # the node must find the hooks without keeping the tensor alive
            self.grad_fn.tensor_hooks = {**self.grad_fn.tensor_hooks, self._output_index: self._hooks}
        return RemovableHandle(self._hooks, hook)

    def retain_grad(self) -> None:
        """Makes backward leave ``grad`` on this tensor although it is not a leaf."""
        if not self._requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self.grad_fn is not None:
            self.retains_grad = True
            self.grad_fn.retained = {**self.grad_fn.retained, self._output_index: weakref.ref(self)}


observer: Any = None  # who is told of every operation, if anyone is: a profile (profiler.py), an export (onnx.py)
Class = TypeVar("Class", bound=TensorBase)
_tensor_class: type[TensorBase] = TensorBase


def tensor_class(cls: type[Class]) -> type[Class]:
    """Class decorator: names the class of the tensors that ``apply`` returns (a floor above this one)."""
    global _tensor_class
    _tensor_class = cls
    return cls


def wrap(array: Any) -> Any:
    """A tensor, outside any graph, around ``array``."""
    tensor = _tensor_class.__new__(_tensor_class)
    tensor.array = np.asarray(array) if isinstance(array, np.generic) else array  # NumPy's 0-d results are scalars
    return tensor


Node = Any  # a Function, or a leaf tensor, where a path ends
Edge = tuple[Node, int]  # the node that made an input, and which of its outputs that was


_NO_KIND: tuple[Any, Any] = (None, None)
_NO_NEEDS = [(False,) * count for count in range(9)]  # that no input needs a gradient, by how many there are


class Function:
    """One operation: ``forward`` on arrays, ``backward`` on tensors.

    Subclass it to define an operation of your own, then call ``YourOp.apply(x, y, option=3)``:

    - ``forward(self, *inputs, **options)`` gets an array for each tensor and returns an array (or a
      tuple of them). The instance is its own context: set attributes, and keep with
      ``self.save_for_backward`` the arrays that ``backward`` needs.
    - ``backward(self, *grad_outputs)`` gets a tensor for each output and returns one gradient for each
      positional input (``None`` where there is none). Written in differentiable operations, it gives
      gradients of gradients too. ``self.needs_input_grad`` says which gradients anyone wants.

    >>> import minigrad
    >>> class Square(Function):
    ...     '''y = x²        ∂L/∂x = ∂L/∂y · 2x'''
    ...     def forward(self, x):
    ...         self.save_for_backward(x)
    ...         return x * x
    ...     def backward(self, grad):
    ...         (x,) = self.saved_tensors
    ...         return grad * 2 * x
    >>> x = minigrad.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    broadcasts = False  #: inputs may be broadcast; the engine sums their gradients back to shape
    makes_view = False  #: the output may share the first input's memory
    in_place = False  #: ``forward`` writes into its first input and returns it

    fused_backward: Callable[..., tuple[Array | None, ...]] | None = None

    num_outputs = 1
    needs_input_grad: tuple[bool, ...] = ()
    next_functions: tuple[Edge | None, ...] = ()
    tensor_hooks: dict[int, dict[int, Callable[..., Any]]] = {}
    retained: dict[int, weakref.ref[TensorBase]] = {}
    _input_kinds: Sequence[Any] = ()  # the shape and dtype of each input that needs a gradient
    _non_differentiable: tuple[Any, ...] = ()
    _output_prototypes: list[Any] | None = None
    _saved: Sequence[Any] | None = ()  # values in forward, then _Saved records; None once freed
    _forward_trace: str | None = None

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Computes the output arrays from the input arrays."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def backward(self, *grad_outputs: Any) -> Any:
        """Computes the gradients of the inputs from the gradients of the outputs."""
        raise NotImplementedError(f"{type(self).__name__} must define backward to be differentiated")

    def __init_subclass__(cls) -> None:
        """A new ``backward`` does not go with an inherited ``fused_backward``."""
        if "backward" in vars(cls) and "fused_backward" not in vars(cls):
            cls.fused_backward = None

    def save_for_backward(self, *values: Any) -> None:
        """Keeps inputs, outputs or other arrays for ``backward``, where ``saved_tensors`` has them."""
        self._saved = values

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """Says that no gradient flows through these outputs."""
        self._non_differentiable = outputs

    @property
    def name(self) -> str:
        """The operation's name."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name}Backward>"

    @classmethod
    def apply(cls, *inputs: Any, **options: Any) -> Any:
        """Runs the operation and, if a gradient may be wanted, records it. Returns tensors."""
        node = cls()
        arrays, needs, viewed = [], [], False
        for x in inputs:
            if isinstance(x, TensorBase):
                arrays.append(x.array)
                needs.append(x._requires_grad)
                if x._views is not None:
                    viewed = True
            else:
                arrays.append(x)
                needs.append(False)
        enabled = grad_enabled.get()
        recording = enabled and True in needs
        if viewed and enabled:
            refuse_stale(inputs)
        if recording:
            node.needs_input_grad = tuple(needs)
        else:
            node.needs_input_grad = _NO_NEEDS[len(inputs)] if len(inputs) < len(_NO_NEEDS) else (False,) * len(inputs)
        if cls.in_place:
            refuse_untrackable_write(inputs[0], cls.__name__, enabled, recording)

        start = time.perf_counter() if observer is not None else 0.0
        try:
            if in_use.several:
                compute_beside(*arrays)
                refuse_mixed_devices(arrays)
            results = node.forward(*arrays, **options)
        except ValueError as error:
            if cls.broadcasts and "broadcast" in str(error):
                raise RuntimeError(why_not_broadcast(cls.__name__, arrays)) from None
            raise
        except TypeError:
            refuse_mixed_devices(arrays)
            raise

        single = not isinstance(results, tuple)
        if single:
            results = (results,)
        if observer is not None:
            observer.ran(node, arrays, results, start)
        outputs = [wrap(results[0])] if single else [wrap(result) for result in results]
        if cls.in_place:
            outputs[0] = inputs[0]
            inputs[0]._written_in_place()
        elif cls.makes_view or (arrays and outputs[0].array is arrays[0]):
            share_memory(outputs[0], inputs[0])
        if recording:
            node._record(inputs, arrays, results, outputs)
        return outputs[0] if single else tuple(outputs)

    def _record(
        self, inputs: Sequence[Any], arrays: Sequence[Any], results: Sequence[Any], outputs: Sequence[Any]
    ) -> None:
        """Makes this instance a node: edges to what made the inputs, and marks on the outputs."""
        edges: list[Edge | None] = []
        kinds: list[Any] = []
        for x, array, need in zip(inputs, arrays, self.needs_input_grad, strict=True):
            edges.append(gradient_edge(x) if need else None)
            kinds.append((array.shape, array.dtype) if need else _NO_KIND)
        self.next_functions, self._input_kinds = tuple(edges), kinds
        if self._saved:
            self._saved = [_saved_record(value, inputs, arrays, results, outputs) for value in self._saved]
        if len(outputs) > 1:
            self.num_outputs = len(outputs)
            self._output_prototypes = [(np.empty_like(o.array, shape=(0,)), o.array.shape) for o in outputs]
        for index, output in enumerate(outputs):
            fixed = self._non_differentiable and any(results[index] is array for array in self._non_differentiable)
            if fixed or output.array.dtype.kind != "f":
                if self._output_prototypes is not None:
                    self._output_prototypes[index] = None
                continue
            if self.in_place:
                _leave_node(output, self)
            output.grad_fn, output._output_index, output._requires_grad = self, index, True
        if anomaly_enabled.get():
            self._forward_trace = "".join(traceback.format_stack()[:-3])

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` kept, as tensors that are still connected to the graph."""
        if self._saved is None:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved tensors after "
                "they have already been freed). Saved intermediate values of the graph are freed when you call "
                ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
                "graph a second time or if you need to access saved tensors after calling backward."
            )
        connect = grad_enabled.get()
        return tuple([self._unpack(saved, connect) for saved in self._saved])

    @property
    def saved_arrays(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` kept, as arrays, for ``fused_backward``."""
        return tuple([value.array if isinstance(value, TensorBase) else value for value in self.saved_tensors])

    def _unpack(self, saved: _Saved, connect: bool) -> Any:
        value, kind, position, version, count = saved
        if kind == "constant":
            return value
        if version is not None and version.count != count:
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: "
                f"{self.name} saved its {kind} {position} of shape {list(value.shape)} at version {count}, and it is "
                f"at version {version.count} now. Write the change out of place (y = y + 1, not y += 1), or to a clone."
            )
        tensor = wrap(value)
        if connect:
            edge: Edge | None = None
            if kind == "output":
                edge = (self, position)
            elif kind == "input":
                edge = self.next_functions[position]
            if edge is not None and isinstance(edge[0], TensorBase):
                return edge[0]  # a leaf is its own place in the graph
            if edge is not None:
                tensor.grad_fn, tensor._output_index = edge
                tensor._requires_grad = True
        return tensor

    def release(self) -> None:
        """Frees the saved arrays; a later backward through this node then says so."""
        if self._saved:
            self._saved = None


def _leave_node(tensor: TensorBase, new: Function) -> None:
    """The tensor was written: ``new`` makes its value, and the node of the value before keeps its hooks."""
    history_changed(tensor)
    tensor._hooks = None
    if tensor.retains_grad and (old := tensor.grad_fn) is not None:  # the gradient of the new value is wanted
        index = tensor._output_index
        new.retained = {0: old.retained[index]}
        old.retained = {i: kept for i, kept in old.retained.items() if i != index}


def why_not_broadcast(name: str, arrays: Sequence[Any]) -> str:
    """What is wrong with shapes that do not broadcast, in torch's words."""
    shapes = [array.shape for array in arrays if hasattr(array, "shape")]
    for from_end in range(1, max(len(shape) for shape in shapes) + 1):
        sizes = [shape[-from_end] for shape in shapes if len(shape) >= from_end and shape[-from_end] != 1]
        if len(set(sizes)) > 1:
            dim = max(len(shape) for shape in shapes) - from_end
            return (
                f"The size of tensor a ({sizes[0]}) must match the size of tensor b ({sizes[1]}) at non-singleton "
                f"dimension {dim} ({name} of shapes {' and '.join(str(list(shape)) for shape in shapes)})"
            )
    return f"{name}: shapes {' and '.join(str(list(shape)) for shape in shapes)} cannot be broadcast together"


def refuse_mixed_devices(arrays: Sequence[Any]) -> None:
    """Says in torch's words that arrays are on several devices, if that is so.

    Raises:
        RuntimeError: naming two of the devices.
    """
    found = dict.fromkeys(str(device_of(a)) for a in arrays if hasattr(a, "__array_function__") and a.ndim)
    if len(found) > 1:
        first, second = list(found)[:2]
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {first} and {second}! "
            "Move one with .to(device)"
        )


def refuse_as_gradient_of(tensor: TensorBase, value: Any) -> None:
    """Refuses what cannot be ``tensor.grad``.

    Raises:
        TypeError: if it is neither a Tensor nor ``None``.
        RuntimeError: if it has another shape, dtype or device than the tensor, or is the tensor itself.
    """
    if value is None:
        return
    if not isinstance(value, TensorBase):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {_type_name(value)}")
    if value is tensor:
        raise RuntimeError("can't assign Variable as its own grad")
    ours, theirs = tensor.array, value.array
    if ours.shape != theirs.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(theirs.shape)}' to a tensor of size "
            f"'{list(ours.shape)}'. Please ensure that the gradient and the tensor are the same size"
        )
    if ours.dtype != theirs.dtype:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{theirs.dtype}' to a tensor with dtype '{ours.dtype}'. "
            "The gradient must match the tensor's dtype; convert it with .to(dtype)"
        )
    if device_of(ours) != device_of(theirs):
        raise RuntimeError(
            f"attempting to assign a gradient with device type '{device_of(theirs)}' to a tensor with device type "
            f"'{device_of(ours)}'. Please ensure that the gradient and the tensor are on the same device"
        )


def refuse_as_replacement(hook: Callable[..., Any], gradient: TensorBase, value: Any) -> None:
    """Refuses what a hook may not return in place of a gradient.

    Raises:
        TypeError: if it is not a Tensor.
        RuntimeError: if it has another shape, dtype or device than the gradient.
    """
    name = getattr(hook, "__name__", repr(hook))
    if not isinstance(value, TensorBase):
        raise TypeError(f"expected a Tensor or None, but hook '{name}' returned '{_type_name(value)}'")
    was, now = gradient.array, value.array
    if was.dtype != now.dtype or device_of(was) != device_of(now):
        raise RuntimeError(
            f"hook '{name}' has changed the type of value (was {was.dtype} on {device_of(was)}, got {now.dtype} on "
            f"{device_of(now)})"
        )
    if was.shape != now.shape:
        raise RuntimeError(
            f"hook '{name}' has changed the size of value (was {list(was.shape)}, got {list(now.shape)})"
        )


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def gradient_edge(tensor: TensorBase) -> Edge:
    """Where the gradient of ``tensor`` goes: to the node that made it, or to itself if it is a leaf."""
    return (tensor if tensor.grad_fn is None else tensor.grad_fn, tensor._output_index)


class _Saved(NamedTuple):
    """A value kept for backward, and what it is, so that it can be connected to the graph again."""

    value: Any
    kind: str = "constant"  # or "input", "output", "intermediate"
    position: int = 0  # which input or output
    version: Version | None = None
    at_version: int = 0  # the storage's count when the value was kept


def _saved_record(
    value: Any, inputs: Sequence[Any], arrays: Sequence[Any], results: Sequence[Any], outputs: Sequence[Any]
) -> _Saved:
    """Finds out, by identity, which output or input a value given to ``save_for_backward`` is."""
    if not hasattr(value, "shape"):
        return _Saved(value)
    for index, result in enumerate(results):
        if value is result:
            output = outputs[index]
            return _Saved(output.array, "output", index, output._storage_version, output._version)
    for index, array in enumerate(arrays):
        if value is array and isinstance(inputs[index], TensorBase):
            return _Saved(value, "input", index, inputs[index]._storage_version, inputs[index]._version)
    return _Saved(value, "intermediate")
