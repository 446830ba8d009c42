"""Transforms of a batch that mix its images in pairs, and their classes alike: MixUp and CutMix, as in torchvision.

Each image is mixed with the one before it, so the batch should be in random order.
"""

from __future__ import annotations

import math

from minigrad import dtypes
from minigrad.creation import arange
from minigrad.data.loader import item_generator
from minigrad.tensor import Tensor


class MixUp:
    """Mix each image with another one, λ : 1 − λ, and their classes alike; λ ~ Beta(α, α).

    Source: Zhang et al. 2017, "mixup: Beyond Empirical Risk Minimization".

    Args:
        alpha: α; near 0 one of the images dominates, 1 draws every λ equally often.
        num_classes: for labels N; needless for targets N x classes.

    Raises:
        ValueError: if ``alpha`` is not above 0.
    """

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None) -> None:
        if not alpha > 0:
            raise ValueError(f"alpha should be above 0, got {alpha}")
        self.alpha, self.num_classes = float(alpha), num_classes

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixed images N x C x H x W, and the share of each class in them, N x classes.

        Raises:
            ValueError: if there are not as many labels as images, or a label is not one of the classes.
        """
        targets = _shares(images, labels, self.num_classes)
        share = float(item_generator().numpy.beta(self.alpha, self.alpha))
        return _mixed(images, share), _mixed(targets, share)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(alpha={self.alpha}, num_classes={self.num_classes})"


class CutMix(MixUp):
    """Paste a random part of another image into each one, and mix the classes by area; the part has 1 − λ of it.

    The middle of the part is anywhere in the image, so it may be cut off at the edge, and then counts for less.

    Source: Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features".

    Args:
        alpha: λ ~ Beta(α, α).
        num_classes: for labels N; needless for targets N x classes.

    Raises:
        ValueError: if ``alpha`` is not above 0.
    """

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixed images N x C x H x W, and the share of each class in them, N x classes.

        Raises:
            ValueError: if there are not as many labels as images, or a label is not one of the classes.
        """
        targets = _shares(images, labels, self.num_classes)
        height, width = images.shape[2:]
        left, top, right, bottom = self.part(width, height)
        mixed = images.clone()
        mixed[..., top:bottom, left:right] = images.roll(1, 0)[..., top:bottom, left:right]
        return mixed, _mixed(targets, 1 - (right - left) * (bottom - top) / (width * height))

    def part(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return a random (left, top, right, bottom) in an image of this size."""
        random = item_generator().numpy
        half = 0.5 * math.sqrt(1 - random.beta(self.alpha, self.alpha))
        x, y = int(random.integers(width)), int(random.integers(height))
        across, down = int(half * width), int(half * height)
        return max(x - across, 0), max(y - down, 0), min(x + across, width), min(y + down, height)


def _mixed(x: Tensor, share: float) -> Tensor:
    """Return share · x + (1 − share) · the item before it."""
    return x.roll(1, 0) * (1 - share) + x * share


def _shares(images: Tensor, labels: Tensor, num_classes: int | None) -> Tensor:
    """Return the labels as the share of each class, N x classes."""
    if images.ndim != 4 or labels.ndim not in (1, 2) or len(images) != len(labels):
        raise ValueError(
            f"expected images N x C x H x W with labels N or targets N x classes, got shapes {tuple(images.shape)} "
            f"and {tuple(labels.shape)}"
        )
    if labels.ndim == 2:
        return labels if labels.is_floating_point() else labels.to(dtypes.float32)
    if num_classes is None:
        raise ValueError("num_classes must be passed if the labels are index-based (1D)")
    least, most = int(labels.min().item()), int(labels.max().item())
    if not 0 <= least <= most < num_classes:
        raise ValueError(f"labels should be from 0 to {num_classes - 1}, got {least} to {most}")
    return (labels.unsqueeze(1) == arange(num_classes, device=labels.device)).to(dtypes.float32)
