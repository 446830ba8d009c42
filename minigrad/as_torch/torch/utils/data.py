"""``torch.utils.data``: datasets without positions, and single items instead of batches; the rest is minigrad's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from minigrad import as_tensor, data
from minigrad.distributed import DistributedSampler as DistributedSampler

Item = TypeVar("Item")


class Sampler(Generic[Item]):
    """The base of samplers of one's own, which yield positions, or lists of them, from ``__iter__``."""

    def __init__(self, data_source: Any = None) -> None: ...

    def __iter__(self) -> Iterator[Item]:
        raise NotImplementedError(f"{type(self).__name__} is a Sampler, and needs __iter__")


class IterableDataset(data.Dataset[Item]):
    """A dataset whose items come one after the other, from ``__iter__``."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} is an IterableDataset, and needs __iter__")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} is an IterableDataset, whose items have no positions")


class ChainDataset(IterableDataset[Any]):
    """Several of them, one after the other."""

    def __init__(self, datasets: Any) -> None:
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self.datasets)


def default_convert(data: Any) -> Any:
    """Return an item with its arrays as tensors."""
    if isinstance(data, dict):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, tuple | list):
        return type(data)(map(default_convert, data))
    return as_tensor(data) if hasattr(data, "__array__") else data


class DataLoader(data.DataLoader):
    """minigrad's loader, which also takes an :class:`IterableDataset`, and ``batch_size=None`` for single items.

    Such a dataset is read in this process, whatever ``num_workers`` says. Random transforms draw from the one stream of
    numbers that torch's programs have, so what is loaded depends on what was loaded before.
    """

    _seeds_items = False

    def __init__(self, dataset: Any, batch_size: int | None = 1, *args: Any, **options: Any) -> None:
        self._one_by_one = isinstance(dataset, IterableDataset)
        self._single = batch_size is None
        if self._one_by_one:
            if any(options.get(name) for name in ("shuffle", "sampler", "batch_sampler")) or any(args[:1]):
                raise ValueError("an IterableDataset has its own order: leave out shuffle, sampler, batch_sampler")
            self.dataset, self.num_workers = dataset, 0
            self.batch_size: Any = batch_size
            self.drop_last = bool(options.get("drop_last", False))
            self.collate_fn = options.get("collate_fn") or (default_convert if self._single else data.default_collate)
            return
        if self._single:
            options["collate_fn"] = _of_single(options.get("collate_fn") or default_convert)
        super().__init__(dataset, 1 if self._single else batch_size, *args, **options)

    def __class_getitem__(cls, item: Any) -> type[DataLoader]:
        return cls

    def __len__(self) -> int:
        if not self._one_by_one:
            return super().__len__()
        items = len(self.dataset)
        if self.batch_size is None:
            return items
        size: int = self.batch_size
        return items // size if self.drop_last else -(-items // size)

    def __iter__(self) -> Iterator[Any]:
        if not self._one_by_one:
            return super().__iter__()
        if self.batch_size is None:
            return (self.collate_fn(item) for item in self.dataset)
        batches = _batched(self.dataset, self.batch_size)
        return (self.collate_fn(b) for b in batches if len(b) == self.batch_size or not self.drop_last)


def _batched(items: Any, size: int) -> Iterator[list[Any]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def _of_single(collate: Callable[[Any], Any]) -> Callable[[list[Any]], Any]:
    return lambda items: collate(items[0])
