"""``torchvision.utils``: images of a batch side by side, and in a file."""

from __future__ import annotations

import math
from typing import Any

import minigrad
from minigrad import Tensor


def make_grid(
    tensor: Any,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Return one image of a batch of images (N, C, H, W), ``nrow`` of them in a row.

    Args:
        tensor: the batch, a list of images of one size, or a single image.
        normalize: shift and scale to [0, 1], from ``value_range`` or else from the lowest and highest value.
        scale_each: normalize each image by its own values.
    """
    images = minigrad.stack(list(tensor)) if isinstance(tensor, list | tuple) else tensor.detach()
    images = images.reshape(*(1,) * (4 - images.ndim), *images.shape) if images.ndim < 4 else images
    if images.shape[1] == 1:
        images = minigrad.cat([images] * 3, 1)
    if normalize:
        images = images.clone()
        for part in images if scale_each else [images]:
            low, high = value_range or (part.min().item(), part.max().item())
            part.copy_((part.clamp(low, high) - low) / max(high - low, 1e-5))
    count = len(images)
    if count == 1:
        return images[0]
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = images.shape[2] + padding, images.shape[3] + padding
    shape = (images.shape[1], height * rows + padding, width * columns + padding)
    grid = minigrad.full(shape, pad_value, dtype=images.dtype)
    for i in range(count):
        top, left = (i // columns) * height + padding, (i % columns) * width + padding
        grid[:, top : top + images.shape[2], left : left + images.shape[3]] = images[i]
    return grid


def save_image(tensor: Any, fp: Any, format: str | None = None, **options: Any) -> None:
    """Write a batch of images with values in [0, 1] to a file, as one image; ``options`` are :func:`make_grid`'s."""
    from PIL import Image

    grid = make_grid(tensor, **options)
    Image.fromarray((grid * 255 + 0.5).clamp(0, 255).permute(1, 2, 0).numpy().astype("uint8")).save(fp, format=format)


def _log_api_usage_once(obj: object) -> None:
    """Do nothing: torchvision counts here which of its functions are used."""


def _make_ntuple(x: Any, n: int) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, list | tuple) else (x,) * n
