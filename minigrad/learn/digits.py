"""Images of digits, drawn rather than downloaded: a small font, at random places, with noise."""

from __future__ import annotations

import numpy as np

from minigrad.creation import from_numpy
from minigrad.tensor import Tensor

#: Seven rows of five pixels for each digit; each number is one row, in binary.
_FONT = (
    (14, 17, 19, 21, 25, 17, 14),
    (4, 12, 4, 4, 4, 4, 14),
    (14, 17, 1, 2, 4, 8, 31),
    (31, 2, 4, 2, 1, 17, 14),
    (2, 6, 10, 18, 31, 2, 2),
    (31, 16, 30, 1, 1, 17, 14),
    (6, 8, 16, 30, 17, 17, 14),
    (31, 1, 2, 4, 8, 8, 8),
    (14, 17, 17, 14, 17, 17, 14),
    (14, 17, 17, 15, 1, 2, 12),
)
_GLYPHS = np.array([[[row >> (4 - column) & 1 for column in range(5)] for row in glyph] for glyph in _FONT], np.float32)


def digits(count: int, size: int, scale: int = 1, channels: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return ``count`` images N x channels x size x size around 0, and their labels.

    Each digit is 5 x 7 pixels times ``scale``, at a random place and of random brightness, in noise.
    """
    random = np.random.default_rng((seed, size))
    labels = random.integers(0, 10, count)
    images = random.normal(0, 0.15, (count, channels, size, size)).astype(np.float32)
    for image, label in zip(images, labels, strict=True):
        glyph = np.kron(_GLYPHS[label], np.ones((scale, scale), np.float32))
        top = random.integers(0, size - glyph.shape[0] + 1)
        left = random.integers(0, size - glyph.shape[1] + 1)
        colour = random.uniform(0.7, 1.3, (channels, 1, 1)).astype(np.float32)
        image[:, top : top + glyph.shape[0], left : left + glyph.shape[1]] += colour * glyph
    return from_numpy(images - 0.2), from_numpy(labels)
