"""The sum of one bucket over the shards of a rank, in the order of the tree."""

from __future__ import annotations

import numpy as np

from minigrad.distributed.buckets import Bucket
from minigrad.distributed.tree import TreeSum
from minigrad.tensor import Tensor
from minigrad.typing import Array


class ShardSum:
    """Adds up the vectors of the shards, each of which is filled with one value after the other.

    Attributes: ``sum``, of the shards that are full.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.sum: TreeSum[Array] = TreeSum(self._join)
        self._vectors: dict[int, Array] = {}  # of the shards that are being computed, by their place among the own ones
        self._taken: dict[int, set[int]] = {}  # the parameters that have got their values, of each shard of the step

    def begin_step(self) -> None:
        """Forget the shards of the last step."""
        self._taken = {}

    def _join(self, left: Array, right: Array) -> Array:
        np.add(left, right, out=left)
        self.bucket.give_back(right)
        return left

    def take(self, shard: int, parameter: Tensor, value: Array, scale: float = 1.0) -> None:
        """Put ``scale`` · value into the place of a parameter, in the vector of a shard."""
        if shard not in self._vectors:
            self._vectors[shard] = self.bucket.vector()
        np.multiply(value, scale, out=self.bucket.view(self._vectors[shard], parameter))
        self._taken.setdefault(shard, set()).add(id(parameter))

    def missing(self, shard: int) -> list[Tensor]:
        """Return the parameters that have got nothing of a shard yet."""
        taken = self._taken.get(shard, ())
        return [parameter for parameter in self.bucket.parameters if id(parameter) not in taken]

    def is_full(self, shard: int) -> bool:
        """Return whether every parameter has got its value of a shard."""
        return len(self._taken.get(shard, ())) == len(self.bucket.parameters)

    def add(self, shard: int) -> None:
        """Add the full vector of a shard as the next term."""
        self.sum.add(self._vectors.pop(shard))
