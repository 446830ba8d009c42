"""Transforms that move pixels: resize, crop, pad and mirror an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from minigrad.data.loader import item_generator
from minigrad.extras import Later
from minigrad.typing import IntOrPair

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image", "a transform of images")

_BILINEAR = 2  # PIL.Image.Resampling.BILINEAR

#: The value of added pixels, or one value a channel.
_Fill: TypeAlias = float | tuple[float, ...]


class Resize:
    """Resize to a size: an int for the shorter side (the aspect ratio is kept), or (height, width). Antialiased.

    Args:
        interpolation: a ``PIL.Image.Resampling``.
        max_size: with an int ``size``, the maximum of the longer side.
        antialias: accepted for compatibility with torchvision, where it has no effect on Pillow images either.

    Raises:
        ValueError: if ``max_size`` is not above an int ``size``.
    """

    def __init__(
        self,
        size: IntOrPair,
        interpolation: int = _BILINEAR,
        max_size: int | None = None,
        antialias: bool = True,
    ) -> None:
        if max_size is not None and (not isinstance(size, int) or max_size <= size):
            raise ValueError(f"max_size = {max_size} must be above the size of the shorter side, an int; got {size}")
        self.size, self.interpolation, self.max_size = size, interpolation, max_size

    def __call__(self, image: Image.Image) -> Image.Image:
        width, height = image.size
        if isinstance(self.size, int):
            shorter, longer = min(width, height), max(width, height)
            new_shorter, new_longer = self.size, int(self.size * longer / shorter)
            if self.max_size is not None and new_longer > self.max_size:
                new_shorter, new_longer = int(self.max_size * new_shorter / new_longer), self.max_size
            new = (new_shorter, new_longer) if width <= height else (new_longer, new_shorter)
        else:
            new = (self.size[1], self.size[0])
        return image if new == (width, height) else image.resize(new, self.interpolation)

    def __repr__(self) -> str:
        return f"Resize({self.size})"


def _size(size: IntOrPair) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


class CenterCrop:
    """Cut out the middle, (height, width) or a square; a smaller image is padded with black."""

    def __init__(self, size: IntOrPair) -> None:
        self.size = _size(size)

    def __call__(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        left, top = _before(image.width, width), _before(image.height, height)
        return image.crop((left, top, left + width, top + height))  # beyond the edge Pillow gives black

    def __repr__(self) -> str:
        return f"CenterCrop({self.size})"


def _before(have: int, want: int) -> int:
    """Return the number of pixels before the middle ``want`` of ``have``; negative if ``want`` is larger."""
    return round((have - want) / 2) if have >= want else -((want - have) // 2)


class RandomCrop:
    """Cut out a random part, (height, width) or a square.

    Args:
        padding: pixels to add first: on every side, (left and right, top and bottom), or (left, top, right, bottom).
        pad_if_needed: pad an image that is smaller than the part.
        fill: the value of the added pixels, or one a channel, with ``padding_mode`` "constant".
        padding_mode: "constant", "edge", "reflect" or "symmetric".

    Raises:
        ValueError: for an image smaller than the part.
    """

    def __init__(
        self,
        size: IntOrPair,
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: _Fill = 0,
        padding_mode: str = "constant",
    ) -> None:
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError(f"Padding mode should be constant, edge, reflect or symmetric, got {padding_mode!r}")
        self.size, self.padding, self.pad_if_needed = _size(size), padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    def __call__(self, image: Image.Image) -> Image.Image:
        if self.padding is not None:
            image = pad(image, self.padding, self.fill, self.padding_mode)
        height, width = self.size
        if self.pad_if_needed:
            missing = max(0, width - image.width), max(0, height - image.height)
            if any(missing):
                image = pad(image, missing, self.fill, self.padding_mode)
        spare_x, spare_y = image.width - width, image.height - height
        if min(spare_x, spare_y) < 0:
            raise ValueError(
                f"Required crop size {self.size} is larger than input image size {(image.height, image.width)} "
                f"(padding: {self.padding})"
            )
        random = item_generator().numpy
        top, left = int(random.integers(spare_y + 1)), int(random.integers(spare_x + 1))
        return image.crop((left, top, left + width, top + height))

    def __repr__(self) -> str:
        return f"RandomCrop({self.size}, padding={self.padding})"


def pad(
    image: Image.Image, padding: int | Sequence[int], fill: _Fill = 0, padding_mode: str = "constant"
) -> Image.Image:
    """Add pixels on every side, on (left and right, top and bottom), or on (left, top, right, bottom)."""
    sides = (padding,) * 4 if isinstance(padding, int) else tuple(padding) * (2 if len(padding) == 2 else 1)
    left, top, right, bottom = sides
    if padding_mode == "constant":
        bands = len(image.getbands())
        colour = (fill,) * bands if isinstance(fill, int | float) and bands > 1 else fill
        padded = Image.new(image.mode, (image.width + left + right, image.height + top + bottom), colour)
        padded.paste(image, (left, top))
        return padded
    pixels = np.asarray(image)
    widths = [(top, bottom), (left, right), (0, 0)][: pixels.ndim]
    return Image.fromarray(np.pad(pixels, widths, padding_mode))  # type: ignore[call-overload]  # NumPy names the modes one by one


class RandomHorizontalFlip:
    """Mirror the image with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, image: Image.Image) -> Image.Image:
        if item_generator().numpy.random() >= self.p:
            return image
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)

    def __repr__(self) -> str:
        return f"RandomHorizontalFlip(p={self.p})"


class RandomResizedCrop:
    """Cut out a random part and resize it to ``size``; the usual augmentation of ImageNet (Szegedy et al. 2014).

    The part has a random share ``scale`` of the image's area, and a random ``ratio`` of width to height. After ten
    draws that do not fit, the middle is taken.

    Raises:
        ValueError: if ``scale`` or ``ratio`` is not positive, smaller first.
    """

    def __init__(
        self,
        size: IntOrPair,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: int = _BILINEAR,
        antialias: bool = True,
    ) -> None:
        if not (0 < scale[0] <= scale[1] and 0 < ratio[0] <= ratio[1]):
            raise ValueError(f"scale and ratio should be positive, smaller first; got {scale} and {ratio}")
        self.size, self.scale, self.ratio, self.interpolation = _size(size), scale, ratio, interpolation

    def part(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return a random (left, top, right, bottom) in an image of this size."""
        random = item_generator().numpy
        for _ in range(10):
            area = width * height * random.uniform(*self.scale)
            shape = np.exp(random.uniform(np.log(self.ratio[0]), np.log(self.ratio[1])))
            w, h = round(np.sqrt(area * shape)), round(np.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                left, top = int(random.integers(width - w + 1)), int(random.integers(height - h + 1))
                return left, top, left + w, top + h
        shape = min(max(width / height, self.ratio[0]), self.ratio[1])
        w, h = (width, round(width / shape)) if width / height < self.ratio[0] else (width, height)
        w, h = (round(height * shape), height) if width / height > self.ratio[1] else (w, h)
        left, top = (width - w) // 2, (height - h) // 2
        return left, top, left + w, top + h

    def __call__(self, image: Image.Image) -> Image.Image:
        box = self.part(*image.size)
        return image.resize((self.size[1], self.size[0]), self.interpolation, box=box)

    def __repr__(self) -> str:
        return f"RandomResizedCrop({self.size}, scale={self.scale}, ratio={self.ratio})"
