"""DataLoader: items of a dataset in batches, in an order that a seed fixes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from minigrad.creation import tensor
from minigrad.function import wrap
from minigrad.random import Generator, default_generator
from minigrad.tensor import Tensor

_item_generator: ContextVar[Generator | None] = ContextVar("item_generator", default=None)


def item_generator() -> Generator:
    """The generator that a random transform draws from.

    Inside a DataLoader it is seeded by (seed, epoch, index) alone, so an item comes out the same whatever
    was loaded before it; elsewhere it is the default generator.
    """
    return _item_generator.get() or default_generator


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


class DataLoader:
    """Iterates over a dataset in batches.

    Args:
        dataset: anything with ``len()`` and an item at each index.
        batch_size: items a batch.
        shuffle: a new random order each epoch, fixed by ``seed`` (or drawn from ``generator``).
        sampler: an iterable of indices, in place of ``shuffle``.
        num_workers: only 0 for now: items are loaded in this process.
        collate_fn: makes a batch of a list of items; :func:`default_collate` unless given.
        drop_last: leave out a last batch that is not full.
        seed: fixes the order of each epoch and what random transforms draw.

    Raises:
        ValueError: for a batch size below 1, or both ``shuffle`` and ``sampler``.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        generator: Generator | None = None,
        seed: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if num_workers != 0:
            raise NotImplementedError(f"num_workers={num_workers}: worker processes are not supported; use 0")
        if seed is None:
            seed = int((generator or default_generator).numpy.integers(2**31)) if shuffle else 0
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler = Sampler(len(dataset), shuffle, seed) if sampler is None else sampler
        self.collate_fn = collate_fn or default_collate
        self.seed = seed
        self._epoch = 0
        self._explicit_epoch = False

    def set_epoch(self, epoch: int, start_batch: int = 0) -> None:
        """Makes the next pass epoch ``epoch`` from batch ``start_batch`` on; without it, passes count up."""
        self._epoch, self._explicit_epoch = epoch, True
        if isinstance(self.sampler, Sampler):
            self.sampler.set_epoch(epoch, start_batch * self.batch_size)

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.sampler, Sampler) and not self._explicit_epoch:
            self.sampler.set_epoch(self._epoch)
        epoch = self._epoch
        indices = iter(self.sampler)
        batch: list[Any] = []
        for index in indices:
            batch.append(self._load(epoch, index))
            if len(batch) == self.batch_size:
                yield self.collate_fn(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.collate_fn(batch)
        self._epoch, self._explicit_epoch = epoch + 1, False

    def _load(self, epoch: int, index: int) -> Any:
        seed = np.random.SeedSequence((self.seed, epoch, index)).generate_state(1, np.uint64)[0]
        token = _item_generator.set(Generator(int(seed)))
        try:
            return self.dataset[index]
        finally:
            _item_generator.reset(token)


def default_collate(batch: Sequence[Any]) -> Any:
    """A list of items as one batch: tensors and arrays are stacked, numbers become a tensor, and tuples,
    lists and dicts are collated element by element.

    Raises:
        RuntimeError: if tensors differ in shape, naming both.
        TypeError: for items of another type.
    """
    first = batch[0]
    if isinstance(first, Tensor | np.ndarray):
        arrays = [item.array if isinstance(item, Tensor) else item for item in batch]
        for i, array in enumerate(arrays):
            if array.shape != arrays[0].shape:
                raise RuntimeError(
                    f"stack expects each tensor to be equal size, but got {list(arrays[0].shape)} at entry 0 and "
                    f"{list(array.shape)} at entry {i}"
                )
        return wrap(np.stack(arrays))
    if isinstance(first, bool | int | float | np.number):
        return tensor([item.item() if isinstance(item, np.number) else item for item in batch])
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: default_collate([item[key] for item in batch]) for key in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(column) for column in zip(*batch, strict=True)))
    if isinstance(first, tuple | list):
        return [default_collate(column) for column in zip(*batch, strict=True)]
    raise TypeError(
        f"default_collate: batch must contain tensors, arrays, numbers, dicts or lists; found {type(first)}"
    )
