"""DistributedSampler: each rank reads other items of a dataset, and all ranks together read every item."""

from __future__ import annotations

from collections.abc import Iterator, Sized

from minigrad.data.sampler import Sampler
from minigrad.distributed.joining import get_rank, get_world_size


class DistributedSampler:
    """The items of one rank: every ``num_replicas``-th of an order that is the same on all ranks.

    The order depends on (seed, epoch) alone. If the ranks cannot have equally many items, the first ones are read
    twice, or with ``drop_last`` the last ones not at all.

    Args:
        dataset: anything with ``len()``.
        num_replicas, rank: by default those of the process group.
        shuffle: use a new random order each epoch; call ``set_epoch`` before it.

    Raises:
        ValueError: without a process group, if ``num_replicas`` or ``rank`` is not given; if there is no such rank.

    >>> [list(DistributedSampler(range(5), 2, rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self.num_replicas = get_world_size() if num_replicas is None else num_replicas
        self.rank = get_rank() if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(f"Invalid rank {self.rank}, rank should be in the interval [0, {self.num_replicas - 1}]")
        self.dataset, self.shuffle, self.seed, self.drop_last = dataset, shuffle, seed, drop_last
        self.epoch = 0
        rounds = len(dataset) // self.num_replicas
        self.num_samples = rounds if drop_last or rounds * self.num_replicas == len(dataset) else rounds + 1

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be epoch ``epoch``."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = Sampler(len(self.dataset), self.shuffle, self.seed)
        order.set_epoch(self.epoch)
        indices = list(order)
        total = self.num_samples * self.num_replicas
        while indices and len(indices) < total:
            indices += indices[: total - len(indices)]
        return iter(indices[self.rank : total : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples
