"""Buckets: the gradients of several parameters side by side in one vector, so that they travel in few large messages.

The last parameters come first, because backward reaches them first: their bucket is on its way while the gradients of
the first layers are still being computed. Source: Li et al. 2020, "PyTorch Distributed: Experiences on Accelerating
Data Parallel Training", 3.2.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from minigrad.devices import device_of
from minigrad.tensor import Tensor
from minigrad.typing import Array

BUCKET_BYTES = 25 * 2**20  # as in torch


class Bucket:
    """The layout of a vector with a place for each of some parameters, all of one type and device."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = list(parameters)
        ends = np.cumsum([0, *(p.numel() for p in parameters)]).tolist()
        self._places = dict(zip(map(id, parameters), pairwise(ends), strict=True))
        self._size = ends[-1]
        self._spare: list[Array] = []

    def vector(self) -> Array:
        """Return memory for a vector, with any content."""
        like = self.parameters[0].array
        return self._spare.pop() if self._spare else np.empty_like(like, shape=(self._size,), order="C")

    def give_back(self, vector: Array) -> None:
        """Let the memory of a vector be used again."""
        self._spare.append(vector)

    def view(self, vector: Array, parameter: Tensor) -> Array:
        """Return the part of ``vector`` that belongs to a parameter, in its shape and its order in memory."""
        start, stop = self._places[id(parameter)]
        array = parameter.array
        axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))  # the slowest first
        part = vector[start:stop].reshape([array.shape[axis] for axis in axes])
        return part.transpose(np.argsort(axes).tolist())


def in_buckets(parameters: Sequence[Tensor], most: int = BUCKET_BYTES) -> list[Bucket]:
    """Return buckets of at most ``most`` bytes (or of a single larger parameter), the last parameters first."""
    buckets: list[list[Tensor]] = []
    kind: object = None
    size = 0
    for parameter in reversed(parameters):
        own = (parameter.array.dtype, device_of(parameter.array))
        if not buckets or own != kind or size + parameter.array.nbytes > most:
            buckets.append([])
            kind, size = own, 0
        buckets[-1].append(parameter)
        size += parameter.array.nbytes
    return [Bucket(each) for each in buckets]
