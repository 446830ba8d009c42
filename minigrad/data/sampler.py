"""Samplers: the order in which a loader reads the items of a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import repeat

import numpy as np

from minigrad.random import Generator, default_generator


class Sampler:
    """The order in which a loader reads the items of a dataset, a new one each epoch.

    With ``shuffle``, epoch e's order is drawn from (seed, e) alone; so an interrupted epoch can be resumed
    at any position by ``set_epoch(e, start)`` without replaying the epochs before it.
    """

    def __init__(self, length: int, shuffle: bool = False, seed: int = 0) -> None:
        self.length, self.shuffle, self.seed = length, shuffle, seed
        self.epoch, self.start = 0, 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Let the next pass be epoch ``epoch``, beginning at its item ``start``."""
        self.epoch, self.start = epoch, start

    def __iter__(self) -> Iterator[int]:
        if not self.shuffle:
            return iter(range(self.start, self.length))
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length)
        return iter(order[self.start :].tolist())

    def __len__(self) -> int:
        return self.length - self.start


class SequentialSampler:
    """The indices 0, 1, 2, … to the end."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


#: The number of random indices drawn at once: few enough to start without delay, and to hold in memory.
_CHUNK = 4096


def _chunks(count: int) -> Iterator[int]:
    """Yield sizes of at most ``_CHUNK`` that add up to ``count``."""
    yield from repeat(_CHUNK, count // _CHUNK)
    if count % _CHUNK:
        yield count % _CHUNK


def _own(generator: Generator | None) -> np.random.Generator:
    """Return the given source of random numbers, or a new one, seeded by the default generator.

    Indices are drawn during training, which uses the default generator too; neither must disturb the other.
    """
    return np.random.default_rng(default_generator.numpy.integers(2**63)) if generator is None else generator.numpy


def _check_count(num_samples: object) -> None:
    if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples < 1:
        raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")


class RandomSampler:
    """A random order of ``num_samples`` indices, in which some may repeat with ``replacement``.

    Raises:
        ValueError: if ``num_samples`` is not a positive integer.
        TypeError: if ``replacement`` is not a bool.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.data_source, self.replacement, self._num_samples = data_source, replacement, num_samples
        self.generator = generator
        _check_count(self.num_samples)

    @property
    def num_samples(self) -> int:
        """The number of indices: by default the length of the dataset."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        length, count, random = len(self.data_source), self.num_samples, _own(self.generator)
        if self.replacement:
            for size in _chunks(count):
                yield from random.integers(length, size=size).tolist()
        else:
            for start in range(0, count, length):
                yield from random.permutation(length)[: count - start].tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler:
    """Some indices, in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        return (self.indices[i] for i in _own(self.generator).permutation(len(self.indices)).tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler:
    """Indices drawn with probabilities proportional to ``weights``, for example to show rare classes more often.

    Raises:
        ValueError: for weights that are negative, or all 0; without replacement, for more samples than weights above 0.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        _check_count(num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = np.asarray(weights, np.float64)
        if self.weights.ndim != 1 or not self.weights.sum() > 0 or (self.weights < 0).any():
            raise ValueError("weights should be a 1d sequence of non-negative numbers, of which one is above 0")
        if not replacement and num_samples > np.count_nonzero(self.weights):
            raise ValueError(f"num_samples={num_samples} is not possible with {len(self.weights)} weights")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        shares, random = self.weights / self.weights.sum(), _own(self.generator)
        if not self.replacement:
            yield from random.choice(len(shares), self.num_samples, replace=False, p=shares).tolist()
            return
        ends = shares.cumsum()  # a uniform number falls into the share of one index
        for size in _chunks(self.num_samples):
            yield from ends.searchsorted(random.random(size) * ends[-1], side="right").tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler:
    """The indices of another sampler, in lists of ``batch_size``.

    Raises:
        ValueError: if ``batch_size`` is no positive integer, or ``drop_last`` no boolean.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
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
