"""Memory that several tensors share, and writing into it: what is counted, what is noticed, what is refused.

Two things can go wrong when memory is written in place, and each has its guard:

- A value that was saved for backward is overwritten. A :class:`Version` counts the writes into one piece of memory;
  whoever saved the value remembers the count, and backward compares (function.py).
- The *history* of the values changes: ``y.add_(w)`` makes y's elements depend on w. The graph then hangs on y, and a
  view of y that was taken before still has the node it had then. :class:`Views` knows the tensors' last common
  history, and a tensor that is older than that is refused where it would be differentiated: never a wrong gradient.

Source: torch documentation, "Autograd mechanics", on in-place operations.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np


class Version:
    """How often a piece of memory was written in place; shared by all tensors in that memory."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Views:
    """What a tensor and its views share: whose views they are, and how often their history was changed."""

    __slots__ = ("base", "history")

    def __init__(self, base: Any) -> None:
        self.base = weakref.ref(base)
        self.history: int = base._history


def share_memory(view: Any, base: Any) -> None:
    """Makes ``view`` a view of ``base`` (or of the tensor that ``base`` is a view of), if their memory is one."""
    array, owner = view.array, base.array
    if not (array.base is owner or array is owner or (array.base is not None and array.base is owner.base)):
        return  # a copy
    view._version_cell = base._storage_version
    if base._views is None:
        base._views = Views(base)
    elif base._views.base() is None:  # gone: nobody can see the memory as it saw it
        base._views.base = weakref.ref(base)
    view._views = base._views
    if base._history:
        view._history = base._history
    allow_writing(array, owner)


def allow_writing(view: Any, base: Any) -> None:
    """Undoes that NumPy makes read-only what it broadcasts, and views of it, where no two elements are one place."""
    if not isinstance(view, np.ndarray) or view.flags.writeable:
        return
    if not has_overlap(view) and (base.flags.writeable or has_overlap(base)):
        with suppress(ValueError):  # the memory itself may not be written
            view.flags.writeable = True


def is_view(tensor: Any) -> bool:
    """Whether somebody still holds another tensor, of which this one is a view.

    A view whose base is gone (what an operation made of several returns, mostly) is as good as a tensor of its own.
    """
    base = None if tensor._views is None else tensor._views.base()
    return base is not None and base is not tensor


def history_changed(tensor: Any) -> None:
    """Notes that a write through ``tensor`` was recorded, so that its node is the only right one for the memory."""
    if tensor._views is not None:
        tensor._views.history += 1
        tensor._history = tensor._views.history


def is_stale(tensor: Any) -> bool:
    """Whether the history of this tensor's memory was changed through another tensor."""
    return tensor._views is not None and tensor._history != tensor._views.history


def refuse_stale(tensors: Iterable[Any]) -> None:
    """Refuses tensors whose gradient would be wrong.

    Raises:
        RuntimeError: if a recorded write through another tensor has changed the history of their memory.
    """
    for x in tensors:
        if getattr(x, "_views", None) is not None and is_stale(x):
            raise RuntimeError(
                f"a view of shape {list(x.array.shape)} is used after its base was changed by a recorded in-place "
                "operation (or another view of the same memory was), so its gradient would be wrong. "
                "Take the view again after the change."
            )


def refuse_untrackable_write(target: Any, op: str, grad_enabled: bool, recording: bool) -> None:
    """Refuses writes whose gradient would be wrong.

    Raises:
        RuntimeError: for a leaf that requires a gradient, or a view of a tensor that would not know of the write.
    """
    if not grad_enabled:
        return
    if target._requires_grad and target.grad_fn is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation. "
            "Do it under minigrad.no_grad(), or on a clone()."
        )
    if not is_view(target):
        return
    base = target._views.base()
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


def has_overlap(array: Any) -> bool:
    """Whether several elements lie in one place of memory, as in what ``expand`` returns."""
    if 0 not in array.strides or not array.size:
        return False
    return any(step == 0 and n > 1 for step, n in zip(array.strides, array.shape, strict=True))


def refuse_overlapping_write(array: Any) -> None:
    """Refuses to write where an element's place is not its own.

    Raises:
        RuntimeError: if several elements are one place in memory.
    """
    if has_overlap(array):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            f"location. Please clone() the tensor (of shape {list(array.shape)}) before performing the operation."
        )
