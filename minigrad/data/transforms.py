"""Transforms of pictures, under torchvision's names. They take and return Pillow images up to ``ToTensor``.

Random transforms draw from ``loader.item_generator()``: in a DataLoader that depends on the seed, the
epoch and the index of the item alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.data.loader import item_generator
from minigrad.engine.tensor_base import wrap
from minigrad.extras import Later
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from PIL import Image, ImageEnhance
else:
    Image = Later("PIL.Image", "a transform of images")
    ImageEnhance = Later("PIL.ImageEnhance", "a transform of images")

_BILINEAR = 2  # PIL.Image.Resampling.BILINEAR


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
    """To a size: an int for the shorter side (the shape is kept), or (height, width). Antialiased, by Pillow.

    Args:
        interpolation: a ``PIL.Image.Resampling``.
        max_size: with an int ``size``, the most that the longer side may come to.
        antialias: taken for torchvision's sake, where it too has no effect on Pillow images.
    """

    def __init__(
        self,
        size: Any,
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


def _size(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


class CenterCrop:
    """The middle, (height, width) or a square; a smaller picture is padded with black."""

    def __init__(self, size: Any) -> None:
        self.size = _size(size)

    def __call__(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        left, top = _before(image.width, width), _before(image.height, height)
        return image.crop((left, top, left + width, top + height))  # beyond the edge Pillow gives black

    def __repr__(self) -> str:
        return f"CenterCrop({self.size})"


def _before(have: int, want: int) -> int:
    """How much of ``have`` lies before its middle ``want``; below 0 if there is less."""
    return round((have - want) / 2) if have >= want else -((want - have) // 2)


class RandomCrop:
    """A random part, (height, width) or a square.

    Args:
        padding: pixels to add first: on every side, (left and right, top and bottom), or (left, top, right, bottom).
        pad_if_needed: add so many that the part fits, at random places.
        fill: their value, or one a channel, with ``padding_mode`` "constant".
        padding_mode: "constant", "edge", "reflect" or "symmetric".

    Raises:
        ValueError: for a picture smaller than the part.
    """

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
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


def pad(image: Image.Image, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Image.Image:
    """A picture with pixels added: on every side, (left and right, top and bottom), or (left, top, right, bottom)."""
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
    return Image.fromarray(np.pad(pixels, widths, padding_mode))  # type: ignore[call-overload]


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


class RandomResizedCrop:
    """A random part, of ``scale`` of the picture's area and ``ratio`` of width to height, resized to ``size``.

    (Szegedy et al. 2014: the usual augmentation of ImageNet.) After ten attempts that do not fit, the middle is taken.
    """

    def __init__(
        self,
        size: Any,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: int = _BILINEAR,
        antialias: bool = True,
    ) -> None:
        if not (0 < scale[0] <= scale[1] and 0 < ratio[0] <= ratio[1]):
            raise ValueError(f"scale and ratio should be positive, smaller first; got {scale} and {ratio}")
        self.size, self.scale, self.ratio, self.interpolation = _size(size), scale, ratio, interpolation

    def part(self, width: int, height: int) -> tuple[int, int, int, int]:
        """A random (left, top, right, bottom) of a picture of this size."""
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


class ColorJitter:
    """Brightness, contrast, saturation and hue changed at random, in random order.

    Args:
        brightness, contrast, saturation: b draws a factor from [max(0, 1 − b), 1 + b]; or (least, most).
        hue: h draws a shift from [−h, h], at most 0.5 (half of the circle of colours); or (least, most).
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        self.ranges = {
            "brightness": _around("brightness", brightness, 1.0, 0.0, float("inf")),
            "contrast": _around("contrast", contrast, 1.0, 0.0, float("inf")),
            "saturation": _around("saturation", saturation, 1.0, 0.0, float("inf")),
            "hue": _around("hue", hue, 0.0, -0.5, 0.5),
        }

    def __call__(self, image: Image.Image) -> Image.Image:
        random = item_generator().numpy
        names = list(self.ranges)
        for i in random.permutation(len(names)):
            least, most = self.ranges[names[i]]
            value = random.uniform(least, most)
            if least != most or value != _NEUTRAL[names[i]]:
                image = _ADJUSTMENTS[names[i]](image, value)
        return image

    def __repr__(self) -> str:
        return "ColorJitter(" + ", ".join(f"{name}={r}" for name, r in self.ranges.items()) + ")"


def _around(name: str, value: Any, center: float, lowest: float, highest: float) -> tuple[float, float]:
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative; got {value}.")
        value = (max(center - value, lowest) if center else -value, center + value)
    if not lowest <= value[0] <= value[1] <= highest:
        raise ValueError(f"{name} values should be between {lowest} and {highest}, smaller first; got {tuple(value)}")
    return float(value[0]), float(value[1])


def adjust_brightness(image: Image.Image, factor: float) -> Image.Image:
    """Towards black (0), as it is (1), brighter (above)."""
    return ImageEnhance.Brightness(image).enhance(factor)


def adjust_contrast(image: Image.Image, factor: float) -> Image.Image:
    """Towards its mean grey (0), as it is (1)."""
    return ImageEnhance.Contrast(image).enhance(factor)


def adjust_saturation(image: Image.Image, factor: float) -> Image.Image:
    """Towards grey (0), as it is (1)."""
    return ImageEnhance.Color(image).enhance(factor)


def adjust_hue(image: Image.Image, shift: float) -> Image.Image:
    """Every colour moved along the circle of hues, all of which is 1; grey pictures have none."""
    if image.mode in ("L", "1", "I", "F"):
        return image
    hue, saturation, value = image.convert("HSV").split()
    moved = (np.asarray(hue).astype(np.int32) + int(shift * 255)) % 256
    return Image.merge("HSV", (Image.fromarray(moved.astype(np.uint8)), saturation, value)).convert(image.mode)


_ADJUSTMENTS: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "brightness": adjust_brightness,
    "contrast": adjust_contrast,
    "saturation": adjust_saturation,
    "hue": adjust_hue,
}
_NEUTRAL = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}


class Lambda:
    """Any function of a picture."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)

    def __repr__(self) -> str:
        return "Lambda()"


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

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        if 0 in std:
            raise ValueError(f"std evaluated to zero, leading to division by zero: {list(std)}")
        self.mean = np.asarray(mean, np.float32).reshape(-1, 1, 1)
        self.std = np.asarray(std, np.float32).reshape(-1, 1, 1)
        self.inplace = inplace

    def __call__(self, tensor: Tensor) -> Tensor:
        if len(self.mean) not in (1, tensor.shape[0]):
            raise ValueError(f"Normalize got {len(self.mean)} means for a picture of {tensor.shape[0]} channels")
        result = (tensor.array - self.mean) / self.std
        if not self.inplace:
            return wrap(result)
        tensor.array[...] = result
        return tensor

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean.ravel().tolist()}, std={self.std.ravel().tolist()})"
