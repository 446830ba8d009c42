"""Normalizations: how pixel values between 0 and 1 are shifted and scaled for the model."""

from __future__ import annotations

import minigrad
from minigrad import Tensor

#: Mean and standard deviation of each colour. The published weights were trained with "half".
NORMALIZATIONS: dict[str, tuple[list[float], list[float]]] = {
    "half": ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
}


def imagenet_to_half(x: Tensor) -> Tensor:
    """Convert images N x 3 x H x W from (p − mean) / std, with ImageNet's mean and std, to (p − 0.5) / 0.5."""
    imagenet_mean, imagenet_std = NORMALIZATIONS["imagenet"]
    mean = minigrad.tensor(imagenet_mean, dtype=x.dtype, device=x.device)
    std = minigrad.tensor(imagenet_std, dtype=x.dtype, device=x.device)
    return x * (std / 0.5).reshape(1, 3, 1, 1) + ((mean - 0.5) / 0.5).reshape(1, 3, 1, 1)
