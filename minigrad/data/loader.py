"""DataLoader: the items of a dataset in batches, in an order that a seed determines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from minigrad import cuda
from minigrad.creation import tensor
from minigrad.data.dataset import Indexed
from minigrad.data.sampler import BatchSampler, Sampler
from minigrad.data.slots import mapped
from minigrad.data.workers import Workers
from minigrad.engine.tensor_base import wrap
from minigrad.random import Generator, default_generator
from minigrad.tensor import Tensor

#: Makes a batch of a list of items.
Collate: TypeAlias = Callable[[list[Any]], object]

_item_generator: ContextVar[Generator | None] = ContextVar("item_generator", default=None)


def item_generator() -> Generator:
    """Return the generator that a random transform draws from.

    Inside a DataLoader it is seeded by (seed, epoch, index), so an item does not depend on the items loaded before
    it; elsewhere it is the default generator.
    """
    return _item_generator.get() or default_generator


class DataLoader:
    """Iterate over a dataset in batches.

    Args:
        dataset: anything with ``len()`` and an item at each index.
        batch_size: the number of items of a batch.
        shuffle: use a new random order each epoch, determined by ``seed`` (or drawn from ``generator``).
        sampler: an iterable of indices, in place of ``shuffle``.
        batch_sampler: an iterable of lists of indices, in place of all these.
        num_workers: the number of processes that load batches ahead of time; 0 loads each batch when it is needed.
        collate_fn: makes a batch of a list of items; :func:`default_collate` by default.
        pin_memory: put batches into pinned memory, from which copies to a GPU run in the background; no effect without
            a GPU.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a worker's batch; 0 waits without limit.
        worker_init_fn: called in every worker with its number, before the first batch.
        multiprocessing_context: how workers start: "fork", "forkserver" or "spawn", the last two with a dataset
            that can be pickled; by default "fork" on Linux and "spawn" elsewhere.
        prefetch_factor: the number of batches that each worker may be ahead; 2 by default.
        persistent_workers: keep the workers from one pass to the next.
        seed: determines the order of each epoch and the numbers of random transforms, for any number of workers.

    Raises:
        ValueError: for a batch size below 1, or arguments that exclude each other.
        WorkerError: while iterating, if a worker is killed or crashes.
    """

    #: Each item's random transforms draw numbers of its own. A subclass without draws from the default generator.
    _seeds_items = True

    def __init__(
        self,
        dataset: Indexed[object],
        batch_size: int | None = 1,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Sequence[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Collate | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: str | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        seed: int | None = None,
    ) -> None:
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
            )
        if batch_size is None:
            raise NotImplementedError("batch_size=None, single items without a batch, is not supported: use 1")
        if batch_size < 1:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if num_workers < 0:
            raise ValueError(
                f"num_workers option should be non-negative; use 0 to load in this process. Got {num_workers}"
            )
        if num_workers == 0 and (prefetch_factor is not None or timeout or persistent_workers):
            raise ValueError("prefetch_factor, timeout and persistent_workers need num_workers > 0")
        if (prefetch_factor is not None and prefetch_factor < 1) or timeout < 0:
            raise ValueError(f"prefetch_factor {prefetch_factor} must be positive, and timeout {timeout} not negative")
        if seed is None:
            seed = int((generator or default_generator).numpy.integers(2**31)) if shuffle or num_workers else 0
        self.dataset: Any = dataset  # so that the attributes of the user's class may be read
        self.batch_size, self.drop_last = batch_size, drop_last
        self.num_workers, self.pin_memory, self.timeout = num_workers, pin_memory, timeout
        self.prefetch_factor, self.persistent_workers = prefetch_factor or 2, persistent_workers
        self.worker_init_fn, self.multiprocessing_context = worker_init_fn, multiprocessing_context
        self.sampler = Sampler(len(dataset), shuffle, seed) if sampler is None else sampler
        self.batch_sampler = (
            BatchSampler(self.sampler, batch_size, drop_last) if batch_sampler is None else batch_sampler
        )
        self.collate_fn = collate_fn or default_collate
        self.seed = seed
        self._epoch = 0
        self._explicit_epoch = False
        self._workers: Workers | None = None

    def set_epoch(self, epoch: int, start_batch: int = 0) -> None:
        """Let the next pass be epoch ``epoch``, from batch ``start_batch`` on. By default the epochs count up."""
        self._epoch, self._explicit_epoch = epoch, True
        if isinstance(self.sampler, Sampler):
            self.sampler.set_epoch(epoch, start_batch * self.batch_size)

    def __len__(self) -> int:
        return len(self.batch_sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:  # as ``collate_fn`` returns them
        batches = self._batches()
        return (_pinned(batch) for batch in batches) if self.pin_memory and cuda.is_available() else batches

    def _batches(self) -> Iterator[object]:
        if isinstance(self.sampler, Sampler) and not self._explicit_epoch:
            self.sampler.set_epoch(self._epoch)
        epoch = self._epoch
        self._epoch, self._explicit_epoch = epoch + 1, False  # also of a pass that ends early
        if self.num_workers == 0:
            load = self._loading()
            for indices in self.batch_sampler:
                yield load((epoch, indices))
        else:
            yield from self._from_workers((epoch, indices) for indices in self.batch_sampler)

    def _loading(self) -> _Loading:
        return _Loading(self.dataset, self.collate_fn, self.seed if self._seeds_items else None)

    def _from_workers(self, tasks: Iterable[tuple[int, Sequence[int]]]) -> Iterator[object]:
        workers = self._workers
        if workers is None or workers.closed:
            workers = Workers(
                self._loading(),
                self.num_workers,
                self.prefetch_factor,
                self.seed,
                self.dataset,
                self.worker_init_fn,
                self.timeout,
                self.multiprocessing_context,
            )
        if self.persistent_workers:
            self._workers = workers
        try:
            yield from workers.run(tasks)
        finally:
            if not self.persistent_workers:
                workers.close()


@dataclass(frozen=True)
class _Loading:
    """Loads the batch of a task, (epoch, indices), in this process or in a worker."""

    dataset: Indexed[object]
    collate: Collate
    seed: int | None  #: of the random transforms of items, if each has its own

    def __call__(self, task: tuple[int, Sequence[int]]) -> object:
        epoch, indices = task
        return self.collate([self.item(epoch, index) for index in indices])

    def item(self, epoch: int, index: int) -> object:
        """Return an item, whose random transforms are seeded by (seed, epoch, index)."""
        if self.seed is None:
            return self.dataset[index]
        seed = np.random.SeedSequence((self.seed, epoch, index)).generate_state(1, np.uint64)[0]
        token = _item_generator.set(Generator(int(seed)))
        try:
            return self.dataset[index]
        finally:
            _item_generator.reset(token)


def _pinned(batch: object) -> object:
    """Return a batch with its tensors in pinned memory."""
    return batch.pin_memory() if isinstance(batch, Tensor) else mapped(_pinned, batch)


def default_collate(batch: Sequence[Any]) -> Any:  # of items of any type, and of the type that the docstring says
    """Return a list of items as one batch.

    Tensors and arrays are stacked, numbers become a tensor, and tuples, lists and dicts are collated element by
    element.

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
