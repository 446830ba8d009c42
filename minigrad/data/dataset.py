"""Datasets: anything with a length and an item at each index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.tensor import Tensor


class Dataset:
    """Base of the datasets. A subclass defines ``__getitem__(index)`` and ``__len__()``."""

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


class TensorDataset(Dataset):
    """Item i is the tuple of the i-th elements of several tensors.

    Raises:
        ValueError: if their first sizes differ.
    """

    def __init__(self, *tensors: Tensor) -> None:
        sizes = [len(tensor) for tensor in tensors]
        if len(set(sizes)) > 1:
            raise ValueError(f"Size mismatch between tensors: their first sizes are {sizes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset):
    """The items of a dataset at some indices.

    Raises:
        IndexError: for an index outside the dataset.
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        for i in indices:
            if not 0 <= i < len(dataset):
                raise IndexError(f"index {i} is outside a dataset of {len(dataset)} items")
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)
