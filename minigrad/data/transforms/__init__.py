"""Transforms of images, under torchvision's names. They take and return Pillow images up to ``ToTensor``.

Random transforms draw from ``loader.item_generator()``; inside a DataLoader its numbers depend only on the seed, the
epoch and the index of the item.
"""

from minigrad.data.transforms.colour import (
    ColorJitter,
    Grayscale,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
)
from minigrad.data.transforms.conversion import Compose, Lambda, Normalize, ToTensor
from minigrad.data.transforms.geometry import (
    CenterCrop,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    Resize,
    pad,
)

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Grayscale",
    "Lambda",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "Resize",
    "ToTensor",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "pad",
]
