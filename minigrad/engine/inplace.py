"""Writes in place: how ``x[:, 0] += v`` and ``y.view(-1).relu_()`` get their gradients.

A graph is made of values that never change, and a write changes one. The way out: a write makes *new* values, and every
tensor in that memory moves on to the new one.

- The operation is recorded as if its result were a new tensor; then the tensor that was written takes the result's
  place in the graph. Nodes that used its old value still lead to the old node.
- If that tensor is a view v of a base, it is the base that takes a new place: it is now "the old base, with the result
  in the place of v" (:class:`WithRegion`).
- Every view of the base, v too, is out of date then. When it is next used, it is taken again from the base
  (:func:`catch_up`), and so is connected to everything that was written.

        base ───────────────────> WithRegion ──> base' ──> [:2] ──> v'     x = base,  v = x[:2],  u = x[1:]
          └──> [:2] ──> v ──> · w ──┘              └────> [1:] ──> u'      v *= w

How many writes the base has seen is its ``_history``; a view with another number is out of date. A value that a node
saved, and that was overwritten since, is another matter: memory.py counts those writes, and backward refuses them.

Source: torch documentation, "Autograd mechanics", on in-place operations; its CopySlices node does both halves at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from minigrad.engine.function import Function, gradient_edge
from minigrad.engine.grad_mode import grad_enabled, set_grad_enabled
from minigrad.engine.memory import StandIn, Step
from minigrad.engine.tensor_base import TensorBase
from minigrad.memory_order import contiguous_format, order_of
from minigrad.typing import Array, Tensor


class InPlace(Function):
    """An operation whose ``forward`` writes into its first input and returns it."""

    @classmethod
    def apply(cls, target: Tensor, *inputs: object, **options: object) -> Tensor:
        """Run the operation; return ``target``, which has the new values and their place in the graph."""
        catch_up(target)
        refuse_unrecordable_write(target, inputs)
        if _root(target)._stand_in is None:
            return cls._write(target, *inputs, **options)
        with _written_back(target, inputs):
            return cls._write(target, *inputs, **options)

    @classmethod
    def _write(cls, target: Tensor, *inputs: object, **options: object) -> Tensor:
        target._written_in_place()
        try:
            result: Tensor = super().apply(target, *inputs, **options)
        except Exception:
            target._storage_version.count -= 1  # nothing was written
            raise
        if result._grad_fn is not None:
            _move_on(target, result._grad_fn)
        return target


class WithRegion(Function):
    """y = x with the elements that a view shows replaced by v        ∂L/∂x = ∂L/∂y, 0 there,  ∂L/∂v = ∂L/∂y there

    It only records what a write in place has done, so it has no ``forward``.
    """

    def __init__(self, steps: tuple[Step, ...], order: tuple[int, ...]) -> None:
        self._steps, self._order = steps, order

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        rest = _copy_in_order(grad, self._order)
        region = taken(rest, self._steps)
        there = region.clone()
        region.zero_()  # where the gradient's gradient is wanted, this is a recorded write into a view in its turn
        return rest, there


def taken(base: Tensor, steps: Sequence[Step]) -> Tensor:
    """Return the view of ``base`` to which the steps lead."""
    view = base
    for operation, others, options in steps:
        view = operation.apply(view, *others, **options)
    return view


def _copy_in_order(x: Tensor, order: tuple[int, ...]) -> Tensor:
    """Return a copy whose dimensions lie in memory in ``order``, so that the steps of a view give a view of it."""
    if order == tuple(range(len(order))):
        return x.clone(memory_format=contiguous_format)
    inverse = [order.index(d) for d in range(len(order))]
    return x.permute(order).clone(memory_format=contiguous_format).permute(inverse)


def catch_up(tensor: TensorBase) -> None:
    """Take a view, or a copy that stands in for one, again, if what it shows was written through another tensor.

    Raises:
        RuntimeError: for a view that was taken without recording gradients: whether they are wanted is not known.
    """
    base = _root(tensor)
    if base._stand_in is not None and base._stand_in.is_outdated:
        _copy_again(base, base._stand_in)
    if tensor._history == base._history:
        return
    if not tensor._taken_with_grad:
        if not grad_enabled.get():
            return
        raise RuntimeError(
            f"a view of shape {list(tensor.array.shape)} was taken under no_grad, and its base or another view of it "
            "was then changed by a recorded in-place operation. Take the view where gradients are recorded, or after "
            "the change."
        )
    _take_again(tensor, base, tensor._steps)
    tensor._history = base._history


def _take_again(view: TensorBase, base: Tensor, steps: Sequence[Step]) -> Tensor:
    """Give ``view`` the place in the graph of the view to which the steps lead now, and return that."""
    with set_grad_enabled(True):
        again = taken(base, steps)
    if again._grad_fn is not None:
        _take_place(view, again._grad_fn, again._output_index)
    return again


def refuse_unrecordable_write(target: TensorBase, inputs: Sequence[object]) -> None:
    """Refuse a write whose gradient would be wrong or unknown.

    Raises:
        RuntimeError: for a leaf that requires a gradient, a view of one, or a view that was taken under no_grad.
    """
    if not grad_enabled.get():
        return
    base = _root(target)
    for tensor, what in (target, "a"), (base, "a view of a"):
        if tensor._requires_grad and tensor._grad_fn is None:
            raise RuntimeError(
                f"{what} leaf Variable that requires grad is being used in an in-place operation. "
                "Do it under minigrad.no_grad(), or on a clone()."
            )
    if target._taken_with_grad:
        return
    if base._requires_grad or any(isinstance(x, TensorBase) and x._requires_grad for x in inputs):
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled, which its base, "
            f"of shape {list(base.array.shape)}, would not know of. Take the view where gradients are recorded, or "
            "write under minigrad.no_grad() too."
        )


def _root(tensor: TensorBase) -> Tensor:
    """Return the base of a view; of any other tensor, itself."""
    return tensor if tensor._base is None else tensor._base  # type: ignore[return-value]  # every tensor is a Tensor


def _move_on(target: TensorBase, node: Function) -> None:
    """Put a written tensor, or the base of a written view, into its new place in the graph, behind ``node``."""
    base = _root(target)
    base._history += 1
    if base is target:
        _take_place(target, node, 0)
        return
    whole = WithRegion(target._steps, order_of(base.array))
    whole._edges = (gradient_edge(base) if base._requires_grad else None, (node, 0))
    _take_place(base, whole, 0)
    whole._record((), (), (base.array,), (base,))


def _take_place(tensor: TensorBase, node: Function, index: int) -> None:
    """Make ``tensor`` output ``index`` of ``node``. Hooks stay with the old value; ``retain_grad`` moves on."""
    old, old_index = tensor._grad_fn, tensor._output_index
    tensor._hooks = None
    if tensor.retains_grad and old is not None:
        node.retained = {**node.retained, index: old.retained[old_index]}
        old.retained = {i: kept for i, kept in old.retained.items() if i != old_index}
    tensor._grad_fn, tensor._output_index, tensor._requires_grad = node, index, True


def _copy_again(copy: Tensor, kept: StandIn) -> None:
    """Copy the values of the original again, and connect the copy to what was written."""
    again = _take_again(copy, kept.original, (kept.step,))
    with _writable(copy.array):
        copy.array[...] = again.array
    copy._written_in_place()
    kept.version = kept.original._version
    if again._grad_fn is not None:
        copy._history += 1


@contextmanager
def _written_back(target: TensorBase, inputs: Sequence[object]) -> Iterator[None]:
    """Let ``target``, which is or shows a copy that stands in for a view, be written; then write the original."""
    copy = _root(target)
    kept = copy._stand_in
    assert kept is not None
    refuse_unrecordable_write(kept.original, inputs)
    copy._stand_in = None  # for now it is what counts
    try:
        with _writable(copy.array), _writable(target.array):
            yield
        kept.original.copy_(copy.reshape(kept.original.shape))
    finally:
        kept.version = kept.original._version
        copy._stand_in = kept


@contextmanager
def _writable(array: Array) -> Iterator[None]:
    """Let a read-only array be written in the block."""
    before = array.flags.writeable
    array.flags.writeable = True
    try:
        yield
    finally:
        array.flags.writeable = before
