"""Batches: labelled images on their way from the loader to the model."""

from __future__ import annotations

from typing import NamedTuple

import minigrad
from minigrad import Tensor, nn


class Batch(NamedTuple):
    """The images of one forward and backward pass, with their classes."""

    images: Tensor  # N x 3 x H x W
    labels: Tensor  # N: the number of each image's class
    targets: Tensor  # the labels; after mixup N x classes: the share of each class


def to_device(loaded: tuple[Tensor, Tensor], device: str, dtype: str) -> Batch:
    """Move images and labels, as a loader gives them, to a device, and the images to a type."""
    images, labels = loaded
    labels = labels.to(device=device, non_blocking=True)
    return Batch(images.to(device=device, dtype=dtype, non_blocking=True), labels, labels)


def mix(batch: Batch, classes: int, alpha: float) -> Batch:
    """Mix each image with another one, λ : 1 − λ, and their classes alike; λ ~ Beta(α, α).

    Source: Zhang et al. 2017, "mixup: Beyond Empirical Risk Minimization".
    """
    images, labels, _ = batch
    random = minigrad.random.default_generator.numpy
    share = float(random.beta(alpha, alpha))
    other = minigrad.tensor(random.permutation(len(labels)), device=images.device)
    targets = nn.functional.one_hot(labels, classes).to(images.dtype)
    return Batch(share * images + (1 - share) * images[other], labels, share * targets + (1 - share) * targets[other])
