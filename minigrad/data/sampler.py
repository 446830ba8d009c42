"""Samplers: in which order a loader takes the items of a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minigrad.random import Generator, default_generator


class Sampler:
    """The order in which a loader takes the items of a dataset, a new one each epoch.

    With ``shuffle``, epoch e's order is drawn from (seed, e) alone; so an interrupted epoch can be resumed
    at any position by ``set_epoch(e, start)`` without replaying the epochs before it.
    """

    def __init__(self, length: int, shuffle: bool = False, seed: int = 0) -> None:
        self.length, self.shuffle, self.seed = length, shuffle, seed
        self.epoch, self.start = 0, 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Makes the next pass epoch ``epoch``, beginning at its item ``start``."""
        self.epoch, self.start = epoch, start

    def __iter__(self) -> Iterator[int]:
        order = np.arange(self.length)
        if self.shuffle:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length)
        return iter(order[self.start :].tolist())

    def __len__(self) -> int:
        return self.length - self.start


class SequentialSampler:
    """0, 1, 2, … to the end."""

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler:
    """A random order; with ``replacement`` items may come several times, and ``num_samples`` says how many come."""

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator = default_generator,
    ) -> None:
        count = len(data_source) if num_samples is None else num_samples
        if count < 1:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={count}")
        self.data_source, self.replacement, self.num_samples, self.generator = (
            data_source,
            replacement,
            count,
            generator,
        )

    def __iter__(self) -> Iterator[int]:
        length, random = len(self.data_source), self.generator.numpy
        if self.replacement:
            return iter(random.integers(length, size=self.num_samples).tolist())
        orders = [random.permutation(length) for _ in range(-(-self.num_samples // length))]
        return iter(np.concatenate(orders)[: self.num_samples].tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler:
    """Some indices, in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator = default_generator) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        return (self.indices[i] for i in self.generator.numpy.permutation(len(self.indices)))

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler:
    """Indices drawn with probabilities in proportion to ``weights``: rare classes can be shown more often."""

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator = default_generator,
    ) -> None:
        self.weights = np.asarray(weights, np.float64)
        if self.weights.ndim != 1 or not self.weights.sum() > 0 or (self.weights < 0).any():
            raise ValueError("weights should be a 1d sequence of non-negative numbers, of which one is above 0")
        if num_samples < 1 or (not replacement and num_samples > np.count_nonzero(self.weights)):
            raise ValueError(f"num_samples={num_samples} is not possible with {len(self.weights)} weights")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        shares = self.weights / self.weights.sum()
        drawn = self.generator.numpy.choice(len(shares), self.num_samples, replace=self.replacement, p=shares)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler:
    """The indices of another sampler in lists of ``batch_size``."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
