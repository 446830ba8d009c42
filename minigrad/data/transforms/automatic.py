"""Augmentation by random operations: RandAugment (Cubuk et al. 2019) and TrivialAugment (Müller and Hutter 2021)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from minigrad.data.loader import item_generator
from minigrad.data.transforms.colour import adjust_brightness, adjust_contrast, adjust_saturation
from minigrad.extras import Later

if TYPE_CHECKING:
    from PIL import Image, ImageEnhance, ImageOps
else:
    Image = Later("PIL.Image", "a transform of images")
    ImageEnhance = Later("PIL.ImageEnhance", "a transform of images")
    ImageOps = Later("PIL.ImageOps", "a transform of images")

_NEAREST = 0  # Pillow's Resampling.NEAREST
#: The value of pixels that come from outside the image: a number, or one for each channel.
_Fill = int | float | Sequence[float] | None
#: The coefficients (a, b, c, d, e, f) with which pixel (x, y) is taken from (a x + b y + c, d x + e y + f).
_Matrix = tuple[float, float, float, float, float, float]


class RandAugment:
    """Apply ``num_ops`` random operations, all of one strength.

    Args:
        num_ops: operations in a row.
        magnitude: the strength, from 0 to ``num_magnitude_bins`` − 1.
        num_magnitude_bins: number of strengths.
        interpolation: of Pillow, for operations that move pixels.
        fill: the value of pixels from outside the image; black by default.

    Raises:
        ValueError: for a magnitude out of range.
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: int = _NEAREST,
        fill: _Fill = None,
    ) -> None:
        if not 0 <= magnitude < num_magnitude_bins:
            raise ValueError(f"magnitude should be between 0 and {num_magnitude_bins - 1}, got {magnitude}")
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins
        self.interpolation, self.fill = interpolation, fill

    def __call__(self, image: Image.Image) -> Image.Image:
        random = item_generator().numpy
        strengths = _strengths(self.num_magnitude_bins, image.size, wide=False)
        for _ in range(self.num_ops):
            name = _NAMES[random.integers(len(_NAMES))]
            image = _apply_at_random(image, name, strengths[name], self.magnitude, self.interpolation, self.fill)
        return image

    def __repr__(self) -> str:
        return f"RandAugment(num_ops={self.num_ops}, magnitude={self.magnitude})"


class TrivialAugmentWide:
    """Apply one random operation, with a random strength.

    Args:
        num_magnitude_bins: number of strengths.
        interpolation, fill: as for :class:`RandAugment`.
    """

    def __init__(self, num_magnitude_bins: int = 31, interpolation: int = _NEAREST, fill: _Fill = None) -> None:
        self.num_magnitude_bins, self.interpolation, self.fill = num_magnitude_bins, interpolation, fill

    def __call__(self, image: Image.Image) -> Image.Image:
        random = item_generator().numpy
        name = _NAMES[random.integers(len(_NAMES))]
        strengths = _strengths(self.num_magnitude_bins, image.size, wide=True)[name]
        bin_ = int(random.integers(self.num_magnitude_bins))
        return _apply_at_random(image, name, strengths, bin_, self.interpolation, self.fill)

    def __repr__(self) -> str:
        return f"TrivialAugmentWide(num_magnitude_bins={self.num_magnitude_bins})"


def _apply_at_random(
    image: Image.Image,
    name: str,
    strengths: Sequence[float] | None,
    bin_: int,
    interpolation: int,
    fill: _Fill,
) -> Image.Image:
    """Apply an operation with the strength of a bin, for half of the images in the other direction."""
    strength = 0.0 if strengths is None else strengths[bin_]
    if name in _SIGNED and item_generator().numpy.random() < 0.5:
        strength = -strength
    return apply_operation(image, name, strength, interpolation, fill)


def apply_operation(
    image: Image.Image, name: str, strength: float, interpolation: int = _NEAREST, fill: _Fill = None
) -> Image.Image:
    """Apply the operation of this name: one that moves pixels, or one that changes their colours.

    ``strength`` is a shear (the tangent's angle), a shift in pixels, an angle in degrees, a change of the factor 1 of a
    colour adjustment, a number of bits to keep, or a threshold.
    """
    if name in _MATRICES:
        matrix = _MATRICES[name](strength, *image.size)
        return image.transform(
            image.size, Image.Transform.AFFINE, matrix, interpolation, fillcolor=_colour(image, fill)
        )
    if name == "Rotate":
        return image.rotate(strength, Image.Resampling(interpolation), fillcolor=_colour(image, fill))
    return _COLOURS[name](image, strength)


def _colour(image: Image.Image, fill: _Fill) -> int | float | tuple[float, ...] | None:
    """Return the fill as Pillow wants it: a number for each channel."""
    if fill is None or isinstance(fill, int | float):
        bands = len(image.getbands())
        return fill if fill is None or bands == 1 else (fill,) * bands
    return tuple(fill)


#: Strength, width and height of the image: the matrix of the operation.
_MATRICES: dict[str, Callable[[float, int, int], _Matrix]] = {
    "ShearX": lambda strength, width, height: (1, strength, 0, 0, 1, 0),
    "ShearY": lambda strength, width, height: (1, 0, 0, strength, 1, 0),
    "TranslateX": lambda strength, width, height: (1, 0, -int(strength), 0, 1, 0),
    "TranslateY": lambda strength, width, height: (1, 0, 0, 0, 1, -int(strength)),
}
_COLOURS: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "Identity": lambda image, strength: image,
    "Brightness": lambda image, strength: adjust_brightness(image, 1 + strength),
    "Color": lambda image, strength: adjust_saturation(image, 1 + strength),
    "Contrast": lambda image, strength: adjust_contrast(image, 1 + strength),
    "Sharpness": lambda image, strength: ImageEnhance.Sharpness(image).enhance(1 + strength),
    "Posterize": lambda image, strength: ImageOps.posterize(image, int(strength)),
    "Solarize": lambda image, strength: ImageOps.solarize(image, math.ceil(strength)),
    "AutoContrast": lambda image, strength: ImageOps.autocontrast(image),
    "Equalize": lambda image, strength: ImageOps.equalize(image),
}
_SIGNED = (*_MATRICES, "Rotate", "Brightness", "Color", "Contrast", "Sharpness")
_NAMES = ("Identity", *_MATRICES, "Rotate", *(name for name in _COLOURS if name != "Identity"))


def _strengths(bins: int, size: tuple[int, int], wide: bool) -> dict[str, Sequence[float] | None]:
    """Return the strength of each bin by operation, as torchvision has them; None where there is none.

    The wide ones are TrivialAugment's. RandAugment shifts by a share of the image, TrivialAugment by up to 32 pixels.
    """
    width, height = size
    colour = np.linspace(0, 0.99 if wide else 0.9, bins).tolist()
    shear = np.linspace(0, 0.99 if wide else 0.3, bins).tolist()
    kept_bits = 8 - np.round(np.arange(bins) / ((bins - 1) / (6 if wide else 4)))
    return {
        "Identity": None,
        "ShearX": shear,
        "ShearY": shear,
        "TranslateX": np.linspace(0, 32 if wide else 150 / 331 * width, bins).tolist(),
        "TranslateY": np.linspace(0, 32 if wide else 150 / 331 * height, bins).tolist(),
        "Rotate": np.linspace(0, 135 if wide else 30, bins).tolist(),
        "Brightness": colour,
        "Color": colour,
        "Contrast": colour,
        "Sharpness": colour,
        "Posterize": kept_bits.tolist(),
        "Solarize": np.linspace(255, 0, bins).tolist(),
        "AutoContrast": None,
        "Equalize": None,
    }
