"""The part of a tensor that the engine works with: an array, its place in the graph, and its gradient."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from numpy import asarray, generic, ndarray

from minigrad import dtypes
from minigrad.caller import warn
from minigrad.devices import device_of
from minigrad.engine.handles import RemovableHandle
from minigrad.engine.memory import StandIn, Step, Version
from minigrad.typing import Array, DType, Shape, Tensor

if TYPE_CHECKING:
    from minigrad.engine.function import Edge, Function

    Hook = Callable[[Tensor], Tensor | None]


class TensorBase:
    """An array and its place in the graph. ``Tensor`` (tensor.py) adds every method that computes.

    The defaults are class attributes: making a tensor sets only what differs from them.
    """

    array: Array  #: the NumPy (or CuPy) array that holds the values
    _grad: Tensor | None = None
    _grad_fn: Function | None = None
    _output_index = 0  # which of grad_fn's outputs this is
    _requires_grad = False
    _version_cell: Version | None = None  # made when it is first needed
    _base: Tensor | None = None  # of a view; see memory.py
    _steps: tuple[Step, ...] = ()  # from the base to this view
    _taken_with_grad = True
    _history = 0  # how many recorded writes to this memory the place in the graph takes into account
    _stand_in: StandIn | None = None  # of a copy that stands in for a view
    _hooks: dict[int, Hook] | None = None
    _hooks_after_accumulation: dict[int, Callable[[Tensor], None]] | None = None  # see completed.py
    retains_grad = False

    # A leaf is where a path of the graph ends: a node without a number and without edges.
    number = 0
    num_outputs = 1
    _edges: tuple[Edge | None, ...] = ()
    next_functions: tuple[Edge | None, ...] = ()

    @property
    def _output_kinds(self) -> Sequence[tuple[Shape, DType] | None]:
        """The shape and dtype of a leaf's gradient."""
        return ((self.array.shape, self.array.dtype),)

    @property
    def grad_fn(self) -> Function | None:
        """The node that made this tensor; ``None`` for a leaf."""
        if self._base is not None or self._stand_in is not None:
            self._catch_up()
        return self._grad_fn

    @property
    def is_leaf(self) -> bool:
        """True if no recorded operation made this tensor."""
        return self.grad_fn is None

    @property
    def requires_grad(self) -> bool:
        """True if a gradient can flow to this tensor."""
        return self._requires_grad or self.grad_fn is not None  # a write to its base may give a view a gradient

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
    def grad(self) -> Tensor | None:
        """The gradient that backward has added up so far, or ``None``."""
        if self._grad is None and self.grad_fn is not None and self._requires_grad and not self.retains_grad:
            warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed: backward() does not fill "
                "it. Call .retain_grad() on it before backward(), or read .grad of the leaf that it was computed from"
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            _refuse_as_gradient_of(self, value)
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

    def _catch_up(self) -> None:
        """Take a view again if its memory was written through another tensor; inplace.py does it."""
        raise NotImplementedError

    def _written_in_place(self) -> None:
        """Note that the values have changed, for every node that saved this memory for backward."""
        self._storage_version.count += 1

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(grad)`` when the gradient of this tensor is complete; a tensor that it returns replaces it.

        Raises:
            RuntimeError: if the tensor does not require a gradient.
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._hooks is None:
            self._hooks = {}
        if self._grad_fn is not None:  # the node must find the hooks without keeping the tensor alive
            self._grad_fn.tensor_hooks = {**self._grad_fn.tensor_hooks, self._output_index: self._hooks}
        return RemovableHandle(self._hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call ``hook(tensor)`` as soon as backward has added the whole gradient to ``grad`` of this leaf.

        Raises:
            RuntimeError: if the tensor requires no gradient, or is not a leaf.
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._hooks_after_accumulation is None:
            self._hooks_after_accumulation = {}
        hooked_leaves[id(self)] = self
        return RemovableHandle(self._hooks_after_accumulation, hook)

    def retain_grad(self) -> None:
        """Make backward leave ``grad`` on this tensor even if it is not a leaf.

        Raises:
            RuntimeError: if the tensor does not require a gradient.
        """
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._grad_fn is not None:
            self.retains_grad = True
            self._grad_fn.retained = {**self._grad_fn.retained, self._output_index: weakref.ref(self)}


#: Leaves with hooks that run after accumulation. A sweep looks for them only if there are any.
hooked_leaves: weakref.WeakValueDictionary[int, TensorBase] = weakref.WeakValueDictionary()

Class = TypeVar("Class", bound=type[TensorBase])
_tensor_class: Any = TensorBase  # Any: it is Tensor, whose module lies above this one
_new = object.__new__


def tensor_class(cls: Class) -> Class:
    """Register, as a class decorator, the class of the tensors that operations return."""
    global _tensor_class
    _tensor_class = cls
    return cls


def wrap(array: Array) -> Tensor:
    """Return a tensor, outside any graph, around ``array``."""
    tensor: Tensor = _new(_tensor_class)
    tensor.array = array if isinstance(array, ndarray) or not isinstance(array, generic) else asarray(array)
    return tensor


def _refuse_as_gradient_of(tensor: TensorBase, value: object) -> None:
    """Refuse what cannot be ``tensor.grad``.

    Raises:
        TypeError: if it is not a Tensor.
        RuntimeError: if it has another shape, dtype or device than the tensor, or is the tensor itself.
    """
    if not isinstance(value, TensorBase):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type_name(value)}")
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


def type_name(value: object) -> str:
    """Return the name of the type of ``value``, with its module unless that is builtins."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
