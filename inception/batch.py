"""Batches: labelled images on their way from the loader to the model."""

from __future__ import annotations

from typing import NamedTuple

import minigrad
from minigrad import Tensor
from minigrad.data import transforms


class Batch(NamedTuple):
    """The images of one forward and backward pass, with their classes."""

    images: Tensor  # N x 3 x H x W
    labels: Tensor  # N: the number of each image's class
    targets: Tensor  # the labels; after mixing N x classes: the share of each class


def to_device(loaded: tuple[Tensor, Tensor], device: str, dtype: str) -> Batch:
    """Move images and labels, as a loader gives them, to a device, and the images to a type."""
    images, labels = loaded
    labels = labels.to(device=device, non_blocking=True)
    return Batch(images.to(device=device, dtype=dtype, non_blocking=True), labels, labels)


def mix(batch: Batch, classes: int, mixup: float, cutmix: float) -> Batch:
    """Mix images in pairs, and their classes alike: by MixUp or CutMix with these α, where 0 turns one off.

    If both are on, one of them is drawn for the batch.
    """
    choices = [
        kind(alpha=alpha, num_classes=classes)
        for kind, alpha in ((transforms.MixUp, mixup), (transforms.CutMix, cutmix))
        if alpha > 0
    ]
    if not choices:
        return batch
    chosen = choices[minigrad.random.default_generator.numpy.integers(len(choices)) if len(choices) > 1 else 0]
    images, targets = chosen(batch.images, batch.labels)
    return Batch(images, batch.labels, targets.to(images.dtype))
