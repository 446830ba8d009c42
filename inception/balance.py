"""Balance: make up for classes with few images, by showing them more often or by counting them for more."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from inception.data_source import DataSource
from inception.image_sets import Images, targets_of
from minigrad import Tensor
from minigrad.creation import tensor
from minigrad.data import DataLoader, WeightedRandomSampler
from minigrad.data.sampler import Sampler
from minigrad.random import Generator
from minigrad.typing import Array


def training_loader(images: Images, source: DataSource, batch_size: int, workers: int, pin_memory: bool) -> DataLoader:
    """Return the loader of the training images: each of them once in an epoch, or every class equally often."""
    sampler = BalancedSampler(targets_of(images), source.seed) if source.balanced else None
    return DataLoader(
        images,
        batch_size,
        shuffle=sampler is None,
        sampler=sampler,
        seed=source.seed,
        drop_last=True,
        num_workers=workers,
        pin_memory=pin_memory,
    )


def class_weights(images: Images, num_classes: int) -> Tensor:
    """Return the weight of each class in the loss: images / (classes · images of the class), as scikit-learn's.

    So all classes weigh the same together, and an image weighs 1 on average. A class without images has the weight 1.
    """
    counts = np.bincount(targets_of(images), minlength=num_classes)
    weights = np.ones(num_classes, np.float32)
    weights[counts > 0] = counts.sum() / (np.count_nonzero(counts) * counts[counts > 0])
    return tensor(weights)


class BalancedSampler(Sampler):
    """Random indices with replacement, every class equally often; as many in an epoch as there are images.

    As in :class:`Sampler`, epoch e's order depends on (seed, e) alone.
    """

    def __init__(self, targets: Array, seed: int) -> None:
        super().__init__(len(targets), shuffle=True, seed=seed)
        self.weights = (1 / np.bincount(targets).clip(1))[targets]

    def __iter__(self) -> Iterator[int]:
        state = np.random.SeedSequence((self.seed, self.epoch)).generate_state(1, np.uint64)[0]
        drawn = WeightedRandomSampler(self.weights.tolist(), self.length, generator=Generator(int(state)))
        return islice(iter(drawn), self.start, None)
