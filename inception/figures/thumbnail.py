"""Thumbnails: images with no more pixels than a figure can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minigrad.data.datasets.images import as_rgb
from minigrad.extras import Later

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image", "an image")


def thumbnail(image: Image.Image | np.ndarray, side: int) -> Image.Image:
    """Return an image as RGB, its longer side at most ``side`` pixels; the original is unchanged.

    Args:
        image: Pillow's, or an array of bytes (height, width[, 3]).
    """
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image = as_rgb(image)
    scale = side / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(length * scale)) for length in image.size)
    return image.resize((width, height), reducing_gap=3)
