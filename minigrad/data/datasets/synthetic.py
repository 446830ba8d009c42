"""Generated images for quick tests: each class has its own colour and stripes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minigrad.data.dataset import Dataset
from minigrad.data.datasets.images import Labelled, Transform
from minigrad.extras import Later

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image", "SyntheticImages")


class SyntheticImages(Dataset[Labelled]):
    """``length`` images of ``size``×``size`` RGB noise around the colour and stripes of a class.

    Item i depends only on (seed, i).
    """

    def __init__(
        self,
        length: int,
        size: int = 75,
        num_classes: int = 10,
        seed: int = 0,
        transform: Transform | None = None,
    ) -> None:
        self.length, self.size, self.seed, self.transform = length, size, seed, transform
        self.classes = tuple(f"class {i}" for i in range(num_classes))
        random = np.random.default_rng((seed, 0))
        self._colours = random.uniform(60, 195, (num_classes, 3))

    def __getitem__(self, index: int) -> Labelled:
        if not 0 <= index < self.length:
            raise IndexError(f"index {index} is outside {self.length} images")
        label = index % len(self.classes)
        random = np.random.default_rng((self.seed, 1, index))
        stripes = 40 * np.sin(np.arange(self.size) * (label + 1) * 0.2)[None, :, None]
        pixels = self._colours[label] + stripes + random.normal(0, 20, (self.size, self.size, 3))
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        return (image if self.transform is None else self.transform(image)), label

    def __len__(self) -> int:
        return self.length

    @property
    def targets(self) -> list[int]:
        """The class number of every image."""
        return [i % len(self.classes) for i in range(self.length)]
