"""Collective operations, in which all ranks take part: sums, copies and barriers, under torch's names."""

from __future__ import annotations

from collections.abc import Callable, MutableSequence

import numpy as np

from minigrad.devices import device_of, to_device, to_host
from minigrad.distributed.carriers import Exchange, wait_until
from minigrad.distributed.group import Group
from minigrad.distributed.joining import default_group
from minigrad.distributed.tree import TreeSum, tree_all_reduce
from minigrad.tensor import Tensor
from minigrad.typing import Array


class ReduceOp:
    """The operations by which :func:`all_reduce` joins the values of the ranks."""

    SUM, AVG, PRODUCT, MIN, MAX = "sum", "avg", "product", "min", "max"


_JOINS: dict[str, np.ufunc] = {
    ReduceOp.SUM: np.add,
    ReduceOp.AVG: np.add,
    ReduceOp.PRODUCT: np.multiply,
    ReduceOp.MIN: np.minimum,
    ReduceOp.MAX: np.maximum,
}


class Work:
    """A collective operation with ``async_op=True``, which goes on when it is waited for."""

    def __init__(self, group: Group, exchange: Exchange | None, finish: Callable[[], None]) -> None:
        self._group, self._exchange = group, exchange
        self._finish: Callable[[], None] | None = finish

    def is_completed(self) -> bool:
        """Return whether the result is there; let the operation go on, but do not wait."""
        return self._exchange is None or self._exchange.advance()

    def wait(self) -> bool:
        """Wait for the result, and return True."""
        if self._exchange is not None:
            self._group.waited += wait_until(self._exchange.advance)
        if self._finish is not None:
            self._finish()
            self._finish = None
        return True


def all_reduce(tensor: Tensor, op: str = ReduceOp.SUM, group: None = None, async_op: bool = False) -> Work | None:
    """Replace ``tensor`` on every rank by the sum over all ranks (or another ``op``), outside any graph.

    The order of the additions is that of a binary tree over the ranks, and the same on every rank.

    Args:
        async_op: return a :class:`Work` at once, and leave the result to its ``wait()``.

    Raises:
        ValueError: without a process group, or for an unknown op.
        RuntimeError: for the mean of integers.
    """
    refuse_groups(group)
    if op not in _JOINS:
        raise ValueError(f"all_reduce: unknown op {op!r}; use ReduceOp.{', ReduceOp.'.join(map(str.upper, _JOINS))}")
    if op == ReduceOp.AVG and tensor.array.dtype.kind != "f":
        raise RuntimeError(f"all_reduce: ReduceOp.AVG needs a floating tensor, got {tensor.array.dtype}")
    found = default_group()
    exchange = None
    flat = np.array(tensor.array, order="C", copy=True).reshape(-1)

    def finish() -> None:
        result = flat / found.size if op == ReduceOp.AVG else flat
        _write(tensor, result.reshape(tensor.array.shape))

    if found.size & (found.size - 1):
        flat[...] = to_device(_joined(found.gather(to_host(flat)), _JOINS[op]), device_of(flat))
    elif found.size > 1:
        messages = tree_all_reduce(flat, found.rank, found.size, _JOINS[op])
        exchange = Exchange(messages, found.carrier(device_of(flat)), tag=_next_tag())
    work = Work(found, exchange, finish)
    if async_op:
        return work
    work.wait()
    return None


_tags = [0]


def _next_tag() -> int:
    """Return a tag for the messages of one operation. All ranks call the same operations in the same order."""
    _tags[0] = (_tags[0] + 1) % 10_000
    return 10_000 + _tags[0]  # those below are of buckets


def _joined(terms: list[Array], join: np.ufunc) -> Array:
    """Return the terms of any number of ranks joined in the order of a tree; those left over come last."""
    tree: TreeSum[Array] = TreeSum(join)
    for term in terms:
        tree.add(term)
    *others, (_, total) = tree.branches
    for _, branch in reversed(others):
        total = join(branch, total)
    return total


def broadcast(tensor: Tensor, src: int = 0, group: None = None, async_op: bool = False) -> None:
    """Replace ``tensor`` on every rank by that of rank ``src``.

    Raises:
        ValueError: without a process group, or if there is no such rank.
        NotImplementedError: for ``async_op=True``.
    """
    refuse_groups(group)
    refuse_async(async_op, "broadcast")
    found = default_group()
    if not 0 <= src < found.size:
        raise ValueError(f"broadcast: there is no rank {src} among {found.size}")
    if found.size > 1:
        host = to_host(tensor.array)
        _write(tensor, to_device(found.broadcast(host, src), device_of(tensor.array)))


def all_gather(
    tensor_list: MutableSequence[Tensor], tensor: Tensor, group: None = None, async_op: bool = False
) -> None:
    """Write the tensor of each rank into ``tensor_list``, on every rank.

    Args:
        tensor_list: as many tensors as there are ranks.

    Raises:
        ValueError: without a process group, or for another number of tensors.
        NotImplementedError: for ``async_op=True``.
    """
    refuse_groups(group)
    refuse_async(async_op, "all_gather")
    found = default_group()
    if len(tensor_list) != found.size:
        raise ValueError(f"all_gather: tensor_list has {len(tensor_list)} tensors for {found.size} ranks")
    for target, value in zip(tensor_list, found.gather(to_host(tensor.array)), strict=True):
        _write(target, to_device(value, device_of(target.array)))


def all_gather_object(object_list: MutableSequence[object], obj: object, group: None = None) -> None:
    """Write the object of each rank into ``object_list``, on every rank. Objects are pickled.

    Raises:
        ValueError: without a process group, or for another length of the list.
    """
    refuse_groups(group)
    found = default_group()
    if len(object_list) != found.size:
        raise ValueError(f"all_gather_object: object_list has {len(object_list)} places for {found.size} ranks")
    object_list[:] = found.gather(obj)


def broadcast_object_list(object_list: MutableSequence[object], src: int = 0, group: None = None) -> None:
    """Replace the objects in the list by those of rank ``src``. Objects are pickled.

    Raises:
        ValueError: without a process group.
    """
    refuse_groups(group)
    object_list[:] = default_group().broadcast(list(object_list), src)


def barrier(group: None = None, async_op: bool = False) -> None:
    """Wait until every rank has come here.

    Raises:
        ValueError: without a process group.
        NotImplementedError: for ``async_op=True``.
    """
    refuse_groups(group)
    refuse_async(async_op, "barrier")
    default_group().barrier()


def _write(tensor: Tensor, value: Array) -> None:
    np.copyto(tensor.array, value)
    tensor._written_in_place()


def refuse_groups(group: object) -> None:
    """Refuse a group of some of the ranks.

    Raises:
        NotImplementedError: if one is given.
    """
    if group is not None:
        raise NotImplementedError("minigrad.distributed: group is not supported: all ranks take part")


def refuse_async(async_op: bool, name: str) -> None:
    """Refuse an operation that should go on in the background.

    Raises:
        NotImplementedError: if so.
    """
    if async_op:
        raise NotImplementedError(f"{name}: async_op=True is not supported; all_reduce has it")
