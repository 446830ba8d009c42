"""Random erasing (Zhong et al. 2017): hide a random part of an image, so that a network looks at all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad.data.loader import item_generator
from minigrad.engine.tensor_base import wrap
from minigrad.tensor import Tensor


class RandomErasing:
    """With probability p, overwrite a random rectangle of an image, a tensor C x H x W.

    The rectangle has a random share ``scale`` of the image's area, and a random ``ratio`` of height to width. After ten
    draws that do not fit, the image stays as it is.

    Args:
        value: a number, one for each channel, or "random" for normally distributed pixels.
        inplace: overwrite the given tensor, rather than a copy.

    Raises:
        ValueError: for a probability or a share outside of 0 to 1, a ratio that is not positive, or a word other than
            "random" as the value.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float | Sequence[float] | str = 0,
        inplace: bool = False,
    ) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Random erasing probability should be between 0 and 1, got {p}")
        if not 0 <= scale[0] <= scale[1] <= 1:
            raise ValueError(f"Scale should be between 0 and 1, smaller first; got {scale}")
        if not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f"Ratio should be positive, smaller first; got {ratio}")
        if isinstance(value, str) and value != "random":
            raise ValueError(f"If value is str, it should be 'random', got {value!r}")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    def part(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        """Return a random (top, left, height, width) in an image of this size; None if none fits."""
        random = item_generator().numpy
        for _ in range(10):
            area = height * width * random.uniform(*self.scale)
            shape = math.exp(random.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            h, w = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if h < height and w < width:
                return int(random.integers(height - h + 1)), int(random.integers(width - w + 1)), h, w
        return None

    def __call__(self, image: Tensor) -> Tensor:
        random = item_generator().numpy
        if random.random() >= self.p:
            return image
        channels, height, width = image.shape
        if isinstance(self.value, Sequence) and self.value != "random" and len(self.value) not in (1, channels):
            raise ValueError(f"value has {len(self.value)} numbers for an image of {channels} channels")
        part = self.part(height, width)
        if part is None:
            return image
        top, left, h, w = part
        if self.value == "random":
            pixels = random.standard_normal((channels, h, w), np.float32)
        else:
            pixels = np.asarray(self.value, np.float32).reshape(-1, 1, 1)
        erased = image if self.inplace else image.clone()
        erased[..., top : top + h, left : left + w] = wrap(pixels)
        return erased

    def __repr__(self) -> str:
        return f"RandomErasing(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value})"
