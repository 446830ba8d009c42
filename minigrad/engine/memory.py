"""Memory that several tensors share: who is a view of whom, and how often it was written.

A *view* (of a reshape, a slice, a transpose) shows the memory of another tensor, its *base*. It keeps the base and the
steps that lead to it from there, so that inplace.py can take it again when the base has changed. A view of a view is a
view of the first one's base, by more steps.

Every write in place is counted, in a :class:`Version` that all tensors in one memory share. A node that saves a value
for backward keeps the count, and backward compares (saved.py).

Where the memory order makes a view impossible (docs/memory-layout.md), a copy *stands in* for it: a view of another
memory, whose values are copied again when the original was written, and back when the copy is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minigrad.typing import Array, Tensor

if TYPE_CHECKING:
    from minigrad.engine.function import Function
    from minigrad.engine.tensor_base import TensorBase

#: How a view is taken: the operation, its other inputs and its options.
Step: TypeAlias = "tuple[type[Function], tuple[Any, ...], dict[str, Any]]"


class Version:
    """The number of writes in place to a piece of memory; all tensors in that memory share it."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class StandIn:
    """The record of a copy that stands in for a view: the original, the step from there, and when it was last taken."""

    __slots__ = ("original", "step", "version")

    def __init__(self, original: Tensor, step: Step) -> None:
        self.original, self.step, self.version = original, step, original._version

    @property
    def is_outdated(self) -> bool:
        """True if the original was written since."""
        return self.original._version != self.version


def share_memory(view: TensorBase, source: TensorBase, step: Step, with_grad: bool) -> None:
    """Make ``view``, which ``step`` took of ``source``, a view of it (or of its base), if their memory is one."""
    array, owner = view.array, source.array
    if not (array.base is owner or array is owner or (array.base is not None and array.base is owner.base)):
        return  # the operation made a copy
    view._version_cell = source._storage_version
    view._base = source if source._base is None else source._base  # type: ignore[assignment]  # each is a Tensor
    view._steps = (*source._steps, step)
    view._history = source._history
    view._taken_with_grad = with_grad and source._taken_with_grad
    allow_writing(array, owner)


def allow_writing(view: Array, base: Array) -> None:
    """Make a view writable again where NumPy's broadcasting made it read-only and no two elements share memory."""
    if not isinstance(view, np.ndarray) or view.flags.writeable:
        return
    if not has_overlap(view) and (base.flags.writeable or has_overlap(base)):
        with suppress(ValueError):  # the memory itself may not be written
            view.flags.writeable = True


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
