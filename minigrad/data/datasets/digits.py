"""Handwritten digits of 8×8 (UCI, "Optical Recognition of Handwritten Digits"), which scikit-learn brings along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.data.datasets.pictures import ArrayPictures
from minigrad.extras import require

_TEST_EVERY = 5


class Digits(ArrayPictures):
    """1,797 pictures; every fifth is a test picture.

    Raises:
        ImportError: without scikit-learn, saying how to install it.
    """

    classes = tuple("0123456789")

    def __init__(self, train: bool = True, transform: Callable[[Any], Any] | None = None) -> None:
        require("Digits", "sklearn")
        from sklearn.datasets import load_digits

        digits = load_digits()
        test = np.arange(len(digits.target)) % _TEST_EVERY == 0
        chosen = ~test if train else test
        self.data = (digits.images[chosen] * (255 / 16)).astype(np.uint8)  # they go from 0 to 16
        self.targets = digits.target[chosen].astype(np.int64)
        self.transform = transform
