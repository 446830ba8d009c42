"""Transforms of pictures, under torchvision's names. They take and return Pillow images up to ``ToTensor``.

Random transforms draw from ``loader.item_generator()``: in a DataLoader that depends on the seed, the
epoch and the index of the item alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from minigrad.data.loader import item_generator
from minigrad.function import wrap
from minigrad.tensor import Tensor


class Compose:
    """Transforms one after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        return "Compose(\n" + "".join(f"    {t!r}\n" for t in self.transforms) + ")"


class Resize:
    """To a size: an int for the shorter side (the shape is kept), or (height, width). Bilinear, antialiased."""

    def __init__(self, size: Any) -> None:
        self.size = size

    def __call__(self, image: Image.Image) -> Image.Image:
        width, height = image.size
        if isinstance(self.size, int):
            shorter = min(width, height)
            new = (int(self.size * width / shorter), int(self.size * height / shorter))
        else:
            new = (self.size[1], self.size[0])
        return image if new == (width, height) else image.resize(new, Image.Resampling.BILINEAR)

    def __repr__(self) -> str:
        return f"Resize({self.size})"


def _size(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


class CenterCrop:
    """The middle, (height, width) or a square; a smaller picture is padded with black."""

    def __init__(self, size: Any) -> None:
        self.size = _size(size)

    def __call__(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        left, top = round((image.width - width) / 2), round((image.height - height) / 2)
        return image.crop((left, top, left + width, top + height))  # beyond the edge Pillow gives black

    def __repr__(self) -> str:
        return f"CenterCrop({self.size})"


class RandomCrop:
    """A random part, (height, width) or a square, after ``padding`` black pixels on every side.

    Raises:
        ValueError: for a picture smaller than the part.
    """

    def __init__(self, size: Any, padding: int = 0) -> None:
        self.size, self.padding = _size(size), padding

    def __call__(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        spare_x, spare_y = image.width + 2 * self.padding - width, image.height + 2 * self.padding - height
        if min(spare_x, spare_y) < 0:
            raise ValueError(
                f"Required crop size {self.size} is larger than input image size {(image.height, image.width)} "
                f"with padding {self.padding}"
            )
        random = item_generator().numpy
        top, left = int(random.integers(spare_y + 1)) - self.padding, int(random.integers(spare_x + 1)) - self.padding
        return image.crop((left, top, left + width, top + height))

    def __repr__(self) -> str:
        return f"RandomCrop({self.size}, padding={self.padding})"


class RandomHorizontalFlip:
    """Mirrored with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, image: Image.Image) -> Image.Image:
        if item_generator().numpy.random() >= self.p:
            return image
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)

    def __repr__(self) -> str:
        return f"RandomHorizontalFlip(p={self.p})"


class Grayscale:
    """To grey, in one channel or (3) repeated in three."""

    def __init__(self, num_output_channels: int = 1) -> None:
        if num_output_channels not in (1, 3):
            raise ValueError(f"num_output_channels should be either 1 or 3, got {num_output_channels}")
        self.num_output_channels = num_output_channels

    def __call__(self, image: Image.Image) -> Image.Image:
        grey = image.convert("L")
        return grey if self.num_output_channels == 1 else Image.merge("RGB", [grey] * 3)

    def __repr__(self) -> str:
        return f"Grayscale(num_output_channels={self.num_output_channels})"


class ToTensor:
    """A picture (height, width[, channels]) of bytes to a float32 tensor (channels, height, width) in [0, 1]."""

    def __call__(self, image: Any) -> Tensor:
        pixels = np.asarray(image)
        if pixels.ndim == 2:
            pixels = pixels[:, :, None]
        scale = 255 if pixels.dtype == np.uint8 else 1
        return wrap(np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32) / np.float32(scale))

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize:
    """(x − mean) / std, channel by channel.

    Raises:
        ValueError: if a std is 0, or the channels do not match the tensor's.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        if 0 in std:
            raise ValueError(f"std evaluated to zero, leading to division by zero: {list(std)}")
        self.mean = np.asarray(mean, np.float32).reshape(-1, 1, 1)
        self.std = np.asarray(std, np.float32).reshape(-1, 1, 1)

    def __call__(self, tensor: Tensor) -> Tensor:
        if len(self.mean) not in (1, tensor.shape[0]):
            raise ValueError(f"Normalize got {len(self.mean)} means for a picture of {tensor.shape[0]} channels")
        return wrap((tensor.array - self.mean) / self.std)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean.ravel().tolist()}, std={self.std.ravel().tolist()})"
