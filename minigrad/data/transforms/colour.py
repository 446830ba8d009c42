"""Transforms that change the colours of an image and leave its pixels where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from minigrad.data.loader import item_generator
from minigrad.extras import Later

if TYPE_CHECKING:
    from PIL import Image, ImageEnhance
else:
    Image = Later("PIL.Image", "a transform of images")
    ImageEnhance = Later("PIL.ImageEnhance", "a transform of images")

#: A number, or the (least, most) of a range.
_Range = float | tuple[float, float]


class ColorJitter:
    """Change brightness, contrast, saturation and hue by random amounts, in random order.

    Args:
        brightness, contrast, saturation: b draws a factor from [max(0, 1 − b), 1 + b]; or (least, most).
        hue: h draws a shift from [−h, h], at most 0.5 (half of the circle of colours); or (least, most).
    """

    def __init__(self, brightness: _Range = 0, contrast: _Range = 0, saturation: _Range = 0, hue: _Range = 0) -> None:
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


def _around(name: str, value: _Range, center: float, lowest: float, highest: float) -> tuple[float, float]:
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative; got {value}.")
        value = (max(center - value, lowest) if center else -value, center + value)
    if not lowest <= value[0] <= value[1] <= highest:
        raise ValueError(f"{name} values should be between {lowest} and {highest}, smaller first; got {tuple(value)}")
    return float(value[0]), float(value[1])


def adjust_brightness(image: Image.Image, factor: float) -> Image.Image:
    """Multiply the brightness: 0 gives black, 1 the image itself, larger factors a brighter one."""
    return ImageEnhance.Brightness(image).enhance(factor)


def adjust_contrast(image: Image.Image, factor: float) -> Image.Image:
    """Multiply the contrast: 0 gives the mean grey of the image, 1 the image itself."""
    return ImageEnhance.Contrast(image).enhance(factor)


def adjust_saturation(image: Image.Image, factor: float) -> Image.Image:
    """Multiply the saturation: 0 gives a grey image, 1 the image itself."""
    return ImageEnhance.Color(image).enhance(factor)


def adjust_hue(image: Image.Image, shift: float) -> Image.Image:
    """Move every colour along the circle of hues, whose circumference is 1. Grey images stay unchanged."""
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


class Grayscale:
    """Convert to grey, in one channel, or repeated in three.

    Raises:
        ValueError: for another number of channels than 1 or 3.
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        if num_output_channels not in (1, 3):
            raise ValueError(f"num_output_channels should be either 1 or 3, got {num_output_channels}")
        self.num_output_channels = num_output_channels

    def __call__(self, image: Image.Image) -> Image.Image:
        grey = image.convert("L")
        return grey if self.num_output_channels == 1 else Image.merge("RGB", [grey] * 3)

    def __repr__(self) -> str:
        return f"Grayscale(num_output_channels={self.num_output_channels})"
