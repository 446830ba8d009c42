"""The gradients of a step: each rank computes those of its own shards, one shard after the other; a tree adds them up.

A hook on every parameter takes its gradient into a bucket as soon as it is complete. A full bucket is a term of the
tree's sum (tree.py). After the last shard of the rank it sets out to the other ranks, while backward still computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import numpy as np

from minigrad.devices import device_of
from minigrad.distributed.buckets import BUCKET_BYTES, in_buckets
from minigrad.distributed.carriers import Exchange, wait_until
from minigrad.distributed.group import Group
from minigrad.distributed.shard_sum import ShardSum
from minigrad.distributed.tree import own_shards, refuse_uneven, tree_all_reduce
from minigrad.distributed.turns import in_turns, number_in_turn
from minigrad.engine.tensor_base import wrap
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.typing import Array

T = TypeVar("T")


class ShardGradients:
    """Leaves in ``grad`` of every parameter the mean of its gradients of all shards: the same bits on every rank.

        gradients.compute(lambda shard: loss(model, images[shard]).backward())
        gradients.finish()

    Buffers of floating type, which are the running statistics of batch norms, become the mean of what each shard has
    made of them, in the same order.

    Args:
        model: the same on every rank, with the same weights. Gradients of earlier steps must be cleared.
        shards: in how many parts of the same size the batch is cut.
        group: the ranks.
        bucket_bytes: the largest size of a message.

    Attributes: ``own``, the numbers of the shards that this rank computes.

    Raises:
        ValueError: if the shards cannot be shared out among the ranks.
    """

    def __init__(self, model: Module, shards: int, group: Group, bucket_bytes: int = BUCKET_BYTES) -> None:
        refuse_uneven(shards, group.size)
        self.shards, self.own = shards, own_shards(shards, group.rank, group.size)
        self._group = group
        parameters = [p for p in model.parameters() if p.requires_grad]
        self._buffers = list(model.buffers())
        self._at_the_start: list[Array] = []  # the buffers before the step
        statistics = [b for b in self._buffers if b.array.dtype.kind == "f"]
        self._sums = [ShardSum(bucket) for bucket in in_buckets(parameters, bucket_bytes)]
        self._statistics = [ShardSum(bucket) for bucket in in_buckets(statistics, bucket_bytes)]
        self._sum_of = {id(p): each for each in self._sums for p in each.bucket.parameters}
        self._reached: dict[int, Tensor] = {}  # the parameters to which gradients have come in this step
        self._exchanges: list[Exchange] = []
        self._done = 0  # own shards that are finished
        self.taking = True  # False inside no_sync
        self._handles = [p.register_post_accumulate_grad_hook(self._take) for p in parameters]

    def close(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()

    def compute(self, function: Callable[[int], T], together: bool = False) -> list[T]:
        """Call ``function(shard)``, which runs forward and backward, for each own shard; return the results.

        Args:
            together: take turns between the shards, so that a SyncBatchNorm sees all of them.
        """
        results: list[T] = []
        if together:
            self.begin_shard()
            results += in_turns([partial(function, shard) for shard in self.own])
        for shard in self.own:
            if not together:
                self.begin_shard()
                results.append(function(shard))
            self.end_shard()
        return results

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Let gradients add up in ``grad`` inside the block. The next backward outside of it takes their sum."""
        before, self.taking = self.taking, False
        try:
            yield
        finally:
            self.taking = before

    def begin_shard(self) -> None:
        """Set the buffers to what they were before the step: a shard does not see what another has done to them."""
        if self._done == 0:
            self._at_the_start = [np.copy(buffer.array, order="K") for buffer in self._buffers]
            return
        for buffer, value in zip(self._buffers, self._at_the_start, strict=True):
            np.copyto(buffer.array, value)

    @property
    def complete(self) -> bool:
        """True if every parameter has its gradient of the current shard."""
        return all(each.is_full(self._position) for each in self._sums)

    @property
    def all_shards_done(self) -> bool:
        """True after the last of the own shards."""
        return self._done == len(self.own)

    def missing(self) -> list[Tensor]:
        """Return the parameters without a gradient, if others have got theirs of the current shard."""
        missing = [p for each in self._sums for p in each.missing(self._position)]
        return [] if len(missing) == len(self._sum_of) else missing

    def end_shard(self) -> None:
        """Take the buffers, and zeros for the parameters that the shard did not use."""
        for each in self._sums:
            if not each.is_full(self._position):
                for parameter in each.missing(self._position):
                    each.take(self._position, parameter, np.zeros_like(parameter.array))
                self._add(each)
        for each in self._statistics:
            for buffer in each.bucket.parameters:
                each.take(self._position, buffer, buffer.array, 1 / self.shards)
            self._add(each)
        self._done += 1

    @property
    def _position(self) -> int:
        """The place of the current shard among the own ones."""
        number = number_in_turn()
        return self._done if number is None else number

    def finish(self) -> None:
        """Wait for the other ranks, and put the means into ``grad`` and into the buffers."""
        self._group.waited += wait_until(self._advance)
        for each in self._sums:
            vector = each.sum.result()
            for parameter in each.bucket.parameters:
                if id(parameter) in self._reached:
                    parameter.grad = wrap(each.bucket.view(vector, parameter))
        for each in self._statistics:
            vector = each.sum.result()
            for buffer in each.bucket.parameters:
                np.copyto(buffer.array, each.bucket.view(vector, buffer))
        for each in (*self._sums, *self._statistics):
            each.begin_step()
        self._reached, self._exchanges, self._done = {}, [], 0

    def _take(self, parameter: Tensor) -> None:
        """Take a complete gradient into its bucket."""
        if not self.taking:
            return
        found = self._sum_of[id(parameter)]
        assert parameter.grad is not None
        found.take(self._position, parameter, parameter.grad.array, 1 / self.shards)
        parameter.grad = None
        self._reached[id(parameter)] = parameter
        if found.is_full(self._position):
            self._add(found)
        self._advance()

    def _add(self, found: ShardSum) -> None:
        """Add the bucket of a shard to the sum; after the last of the own shards, send the sum on its way."""
        found.add(self._position)
        if self._position == len(self.own) - 1 and self._group.size > 1:
            ((_, vector),) = found.sum.branches
            number = (*self._sums, *self._statistics).index(found)
            messages = tree_all_reduce(vector, self._group.rank, self._group.size)
            self._exchanges.append(Exchange(messages, self._group.carrier(device_of(vector)), number))

    def _advance(self) -> bool:
        """Let all vectors that are on their way go on; return whether they have arrived. Do not wait."""
        arrived = [exchange.advance() for exchange in self._exchanges]
        return all(arrived)
