"""Handwritten digits of 8×8 (UCI, "Optical Recognition of Handwritten Digits"), which scikit-learn contains."""

from __future__ import annotations

import numpy as np

from minigrad.data.datasets.images import ImageArrays, Transform
from minigrad.extras import require

_TEST_EVERY = 5


class Digits(ImageArrays):
    """1,797 images, of which every fifth is a test image.

    Raises:
        ImportError: without scikit-learn, saying how to install it.
    """

    classes = tuple("0123456789")

    def __init__(self, train: bool = True, transform: Transform | None = None) -> None:
        require("Digits", "sklearn")
        from sklearn.datasets import load_digits

        digits = load_digits()
        test = np.arange(len(digits.target)) % _TEST_EVERY == 0
        chosen = ~test if train else test
        self.data = (digits.images[chosen] * (255 / 16)).astype(np.uint8)  # from the range 0 … 16
        self.targets = digits.target[chosen].astype(np.int64)
        self.transform = transform
