"""Memory that several tensors share, and writes into it: they are counted, and refused where a gradient would be wrong.

Two things can go wrong when memory is written in place, and each has its guard:

- A value that was saved for backward is overwritten. A :class:`Version` counts the writes into one piece of memory; the
  node that saved the value keeps the count, and backward compares (saved.py).
- The *history* of the values changes: ``y.add_(w)`` makes y's elements depend on w. The graph then hangs on y, and a
  view of y that was taken before still has the node it had then. :class:`Views` knows the tensors' last common
  history, and a tensor that is older than that is refused where it would be differentiated: never a wrong gradient.

Source: torch documentation, "Autograd mechanics", on in-place operations.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from minigrad.typing import Array, Tensor

if TYPE_CHECKING:
    from minigrad.engine.function import Function
    from minigrad.engine.tensor_base import TensorBase


class Version:
    """The number of writes in place to a piece of memory; all tensors in that memory share it."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Views:
    """The record that a tensor and its views share: the tensor, and how often the history of the memory was changed."""

    __slots__ = ("base", "history")

    def __init__(self, base: TensorBase) -> None:
        self.base = weakref.ref(base)
        self.history: int = base._history


class Original:
    """In place of :class:`Views`, the record of a copy that stands for a view: a write to the original outdates it."""

    __slots__ = ("base", "version")

    def __init__(self, original: TensorBase) -> None:
        self.base: Callable[[], TensorBase | None] = lambda: None
        self.version = original._storage_version

    @property
    def history(self) -> int:
        """The number of writes to the original: each changes what a view would show."""
        return self.version.count


def stand_for_view(copy: TensorBase, original: TensorBase) -> None:
    """Make ``copy``, which holds what a view of ``original`` would show, read-only, and refuse it once that differs."""
    copy.array.flags.writeable = False
    copy._views = Original(original)
    copy._history = copy._views.history


def share_memory(view: TensorBase, base: TensorBase) -> None:
    """Make ``view`` a view of ``base`` (or of the tensor that ``base`` is a view of), if their memory is one."""
    array, owner = view.array, base.array
    if not (array.base is owner or array is owner or (array.base is not None and array.base is owner.base)):
        return  # the operation made a copy
    view._version_cell = base._storage_version
    if base._views is None:
        base._views = Views(base)
    elif base._views.base() is None:  # it is gone, so no tensor has its history any more
        base._views.base = weakref.ref(base)
    view._views = base._views
    if base._history:
        view._history = base._history
    allow_writing(array, owner)


def allow_writing(view: Array, base: Array) -> None:
    """Make a view writable again where NumPy's broadcasting made it read-only and no two elements share memory."""
    if not isinstance(view, np.ndarray) or view.flags.writeable:
        return
    if not has_overlap(view) and (base.flags.writeable or has_overlap(base)):
        with suppress(ValueError):  # the memory itself may not be written
            view.flags.writeable = True


def is_view(tensor: TensorBase) -> bool:
    """Return whether this tensor is a view of another tensor that still exists.

    A view whose base is gone, such as the result of a function of several operations, is a tensor of its own.
    """
    base = None if tensor._views is None else tensor._views.base()
    return base is not None and base is not tensor


def note_write(node: Function, given: TensorBase) -> Tensor:
    """Return the output of an operation that wrote into the tensor ``given``: this tensor, with its new history."""
    given._written_in_place()
    if any(node.needs_input_grad) and given.array.dtype.kind == "f":  # the written tensor gets a new node
        history_changed(given)
        _move_hooks(given, node)
    return given  # type: ignore[return-value]  # the user's tensor


def _move_hooks(tensor: TensorBase, new: Function) -> None:
    """Leave the hooks of a tensor that is overwritten with the node of its old value; ``retain_grad`` moves on."""
    tensor._hooks = None
    if tensor.retains_grad and (old := tensor.grad_fn) is not None:  # the gradient of the new value is wanted
        index = tensor._output_index
        new.retained = {0: old.retained[index]}
        old.retained = {i: kept for i, kept in old.retained.items() if i != index}


def history_changed(tensor: TensorBase) -> None:
    """Note that a write through ``tensor`` was recorded: from now on its node alone has the history of the memory."""
    if isinstance(tensor._views, Views):
        tensor._views.history += 1
        tensor._history = tensor._views.history


def is_stale(tensor: TensorBase) -> bool:
    """Return whether the history of this tensor's memory was changed through another tensor."""
    return tensor._views is not None and tensor._history != tensor._views.history


def refuse_stale(*tensors: TensorBase) -> None:
    """Refuse tensors whose gradient would be wrong.

    Raises:
        RuntimeError: if a recorded write through another tensor has changed the history of their memory.
    """
    for x in tensors:
        if is_stale(x):
            refuse_outdated(x)
            raise RuntimeError(
                f"a view of shape {list(x.array.shape)} is used after its base was changed by a recorded in-place "
                "operation (or another view of the same memory was), so its gradient would be wrong. "
                "Take the view again after the change."
            )


def refuse_outdated(copy: TensorBase) -> None:
    """Refuse a copy that stands for a view, if the values of the original have changed.

    Raises:
        RuntimeError: if they have.
    """
    if isinstance(copy._views, Original) and is_stale(copy):
        raise RuntimeError(
            f"a view of shape {list(copy.array.shape)}, which had to be a copy because of the memory order "
            "(docs/memory-layout.md), is used after its base was written. Take the view again after the write."
        )


def refuse_untrackable_write(target: TensorBase, op: str, grad_enabled: bool, recording: bool) -> None:
    """Refuse writes whose gradient would be wrong.

    Raises:
        RuntimeError: for a leaf that requires a gradient, or a view of a tensor whose graph would lack the write.
    """
    if not grad_enabled:
        return
    if target._requires_grad and target.grad_fn is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation. "
            "Do it under minigrad.no_grad(), or on a clone()."
        )
    base = None if target._views is None else target._views.base()
    if base is None or base is target:
        return
    if base._requires_grad and base.grad_fn is None:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation. "
            "Do it under minigrad.no_grad(), or on a clone()."
        )
    if recording:
        raise RuntimeError(
            f"an in-place operation ({op}) on a view of shape {list(target.array.shape)} cannot be recorded. "
            "Write into the base by index instead (x[i] = x[i] + 1 in place of x[i] += 1), or change a clone of it."
        )
    if base._requires_grad:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled, which its base, "
            f"of shape {list(base.array.shape)}, would not know of. Take the view where gradients are recorded, or "
            "write under minigrad.no_grad() too."
        )


def has_overlap(array: Array) -> bool:
    """Return whether several elements are one element in memory, as in the result of ``expand``."""
    if 0 not in array.strides or not array.size:
        return False
    return any(step == 0 and n > 1 for step, n in zip(array.strides, array.shape, strict=True))


def refuse_overlapping_write(array: Array) -> None:
    """Refuse to write into an array in which several elements are one element in memory.

    Raises:
        RuntimeError: if that is so.
    """
    if has_overlap(array):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            f"location. Please clone() the tensor (of shape {list(array.shape)}) before performing the operation."
        )
