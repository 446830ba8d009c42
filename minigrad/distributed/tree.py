r"""The sum over shards, in the order of a fixed binary tree. That is why any number of ranks gives the same bits.

In floating point (a + b) + c is not a + (b + c), so a sum depends on the order of its terms. Here the order is that of
a tree over the *shards* of a batch, and not over the processes that compute them, the *ranks*:

                   ((0 + 1) + (2 + 3))
                      /           \
                  (0 + 1)       (2 + 3)
                   /   \         /   \
    shards        0     1       2     3

    1 rank      [ 0     1       2     3 ]      adds everything
    2 ranks     [ 0     1 ]   [ 2     3 ]      each adds a branch, then the two exchange their sums
    4 ranks     [ 0 ] [ 1 ]   [ 2 ] [ 3 ]      0 and 1 exchange, as 2 and 3 do; then 0 and 2, and 1 and 3

The number of shards is a power of two, and so is the number of ranks. Hence each rank holds a whole branch, and the
same numbers are added whatever the number of ranks. A rank adds its own shards with :class:`TreeSum`, and the branches
of all ranks are joined by :func:`tree_all_reduce`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from minigrad.typing import Array

T = TypeVar("T")


class TreeSum(Generic[T]):
    """Adds terms that arrive one after the other, in the order of the tree.

    Two branches of the same size are joined as soon as both are there. So at most one branch of each size is kept, and
    the sum of n terms needs the memory of log₂ n + 1 of them.

    >>> total = TreeSum(lambda left, right: f"({left}+{right})")
    >>> for term in "0123":
    ...     total.add(term)
    >>> total.result()
    '((0+1)+(2+3))'
    """

    def __init__(self, join: Callable[[T, T], T]) -> None:
        self.join = join
        self.branches: list[tuple[int, T]] = []  # the number of terms in each, and their sum; the largest is first

    def add(self, term: T) -> None:
        """Add the next term."""
        size = 1
        while self.branches and self.branches[-1][0] == size:
            _, left = self.branches.pop()
            size, term = 2 * size, self.join(left, term)
        self.branches.append((size, term))

    def result(self) -> T:
        """Return the sum, and begin a new one.

        Raises:
            ValueError: if the number of terms is not a power of two.
        """
        if len(self.branches) != 1:
            raise ValueError(f"a tree has 1, 2, 4, 8, … terms, got {sum(size for size, _ in self.branches)}")
        return self.branches.pop()[1]


class Message(NamedTuple):
    """A message: the array that goes to the partner, and the one for what comes from there at the same time."""

    partner: int
    sent: Array
    received: Array


def tree_all_reduce(vector: Array, rank: int, ranks: int, join: np.ufunc = np.add) -> Iterator[Message]:
    """Replace ``vector`` by the sum of the vectors of all ranks, in the order of the tree. Yield the messages for that.

    The caller carries each message, then resumes. At distance 1, 2, 4, … two partners halve what both still hold: each
    sends one half and adds up the other. In the end every rank has the whole sum of a part, and the parts go back the
    same way. So a rank sends 2 (K − 1) / K vectors in 2 log₂ K messages, as little as a ring does in 2 (K − 1).

    The left term of each addition is that of the lower rank or that of the higher one: this changes no bit, because
    a + b is b + a.

    Source: Thakur, Rabenseifner & Gropp 2005, "Optimization of Collective Communication Operations in MPICH", 4.4.

    Args:
        vector: of one dimension, contiguous; changed in place.
        ranks: a power of two.
        join: adds two arrays; another ufunc that commutes gives another reduction.
    """
    start, stop = 0, vector.size
    halvings = []
    distance = 1
    while distance < ranks:
        partner, middle = rank ^ distance, (start + stop) // 2
        lower, upper = (start, middle), (middle, stop)
        kept, given = (lower, upper) if rank < partner else (upper, lower)
        halvings.append((partner, kept, given))
        own, arrived = vector[slice(*kept)], np.empty_like(vector[slice(*kept)])
        yield Message(partner, vector[slice(*given)], arrived)
        join(own, arrived, out=own)
        (start, stop), distance = kept, 2 * distance
    for partner, kept, given in reversed(halvings):
        yield Message(partner, vector[slice(*kept)], vector[slice(*given)])


def refuse_uneven(shards: int, ranks: int) -> None:
    """Refuse shards that make no full tree, or of which the ranks cannot hold whole branches.

    Raises:
        ValueError: naming the numbers that would do.
    """
    if shards < 1 or shards & (shards - 1):
        raise ValueError(f"the shards of a batch are the leaves of a full binary tree: 1, 2, 4, 8, …, not {shards}")
    if shards % ranks:
        counts = [str(2**i) for i in range(shards.bit_length())]
        possible = " or ".join([", ".join(counts[:-1]), counts[-1]] if len(counts) > 1 else counts)
        raise ValueError(
            f"{shards} shards cannot be shared out among {ranks} ranks: each rank computes a whole branch of the tree, "
            f"so there may be {possible} ranks"
        )


def own_shards(shards: int, rank: int, ranks: int) -> range:
    """Return the shards that a rank computes: a whole branch of the tree."""
    each = shards // ranks
    return range(rank * each, (rank + 1) * each)
