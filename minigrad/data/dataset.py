"""Datasets: they have a length, and an item at each index."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Generic, Protocol, TypeVar

from minigrad.random import Generator, default_generator
from minigrad.tensor import Tensor

_Item = TypeVar("_Item", covariant=True)


class Indexed(Protocol[_Item]):
    """Anything that has a length and an item at each index: a :class:`Dataset`, or a list."""

    def __getitem__(self, index: int, /) -> _Item: ...

    def __len__(self) -> int: ...


class Dataset(Generic[_Item]):
    """Base class of datasets. A subclass defines ``__getitem__(index)`` and ``__len__()``."""

    def __getitem__(self, index: int) -> _Item:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """A dataset whose item i is the tuple of the i-th elements of several tensors.

    Raises:
        ValueError: if the first dimensions of the tensors differ.
    """

    def __init__(self, *tensors: Tensor) -> None:
        sizes = [len(tensor) for tensor in tensors]
        if len(set(sizes)) > 1:
            raise ValueError(f"Size mismatch between tensors: their first sizes are {sizes}")
        self.tensors = tensors

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset[_Item]):
    """The items of a dataset at some indices.

    Raises:
        IndexError: for an index outside the dataset.
    """

    def __init__(self, dataset: Indexed[_Item], indices: Sequence[int]) -> None:
        for i in indices:
            if not 0 <= i < len(dataset):
                raise IndexError(f"index {i} is outside a dataset of {len(dataset)} items")
        self.dataset: Any = dataset  # so that the attributes of the user's class may be read
        self.indices = indices

    def __getitem__(self, index: int) -> _Item:
        item: _Item = self.dataset[self.indices[index]]
        return item

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[_Item]):
    """Several datasets, one after the other."""

    def __init__(self, datasets: Iterable[Indexed[_Item]]) -> None:
        self.datasets = list(datasets)
        self.ends = list(accumulate(len(dataset) for dataset in self.datasets))

    def __getitem__(self, index: int) -> _Item:
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside datasets of {len(self)} items together")
        which = bisect_right(self.ends, index)
        return self.datasets[which][index - (self.ends[which - 1] if which else 0)]

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0


def random_split(
    dataset: Indexed[_Item], lengths: Sequence[float], generator: Generator = default_generator
) -> list[Subset[_Item]]:
    """Return random parts of a dataset that do not overlap.

    Args:
        lengths: the number of items of each part; or shares that sum to 1, where the items left by rounding go to the
            first parts.

    Raises:
        ValueError: if the lengths do not sum to that of the dataset, or to 1.
    """
    counts = [int(length) for length in lengths]
    if abs(sum(lengths) - 1) < 1e-9 and len(dataset) != 1:
        counts = [int(len(dataset) * share) for share in lengths]
        for i in range(len(dataset) - sum(counts)):
            counts[i % len(counts)] += 1
    if sum(counts) != len(dataset):
        raise ValueError(
            f"Sum of input lengths does not equal the length of the input dataset! {list(lengths)} for {len(dataset)}"
        )
    order = generator.numpy.permutation(len(dataset)).tolist()
    ends = list(accumulate(counts))
    return [Subset(dataset, order[end - count : end]) for count, end in zip(counts, ends, strict=True)]
