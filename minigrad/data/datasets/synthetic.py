"""Made-up pictures, for trying things out in no time: each class has a colour and a stripe of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.data.dataset import Dataset
from minigrad.extras import Later

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image", "SyntheticPictures")


class SyntheticPictures(Dataset):
    """``length`` pictures of ``size``×``size`` RGB noise around a class's own colour and stripe width.

    Item i depends on (seed, i) alone.
    """

    def __init__(
        self,
        length: int,
        size: int = 75,
        num_classes: int = 10,
        seed: int = 0,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.length, self.size, self.seed, self.transform = length, size, seed, transform
        self.classes = tuple(f"class {i}" for i in range(num_classes))
        random = np.random.default_rng((seed, 0))
        self._colours = random.uniform(60, 195, (num_classes, 3))

    def __getitem__(self, index: int) -> tuple[Any, int]:
        if not 0 <= index < self.length:
            raise IndexError(f"index {index} is outside {self.length} pictures")
        label = index % len(self.classes)
        random = np.random.default_rng((self.seed, 1, index))
        stripes = 40 * np.sin(np.arange(self.size) * (label + 1) * 0.2)[None, :, None]
        pixels = self._colours[label] + stripes + random.normal(0, 20, (self.size, self.size, 3))
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        return (image if self.transform is None else self.transform(image)), label

    def __len__(self) -> int:
        return self.length
