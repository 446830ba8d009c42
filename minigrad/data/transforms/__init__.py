"""Transforms of images, under torchvision's names. They take and return Pillow images up to ``ToTensor``.
``MixUp`` and ``CutMix`` take the images and labels of a batch.

Random transforms draw from ``loader.item_generator()``; inside a DataLoader its numbers depend only on the seed, the
epoch and the index of the item.
"""

from minigrad.data.transforms.automatic import RandAugment, TrivialAugmentWide
from minigrad.data.transforms.colour import (
    ColorJitter,
    Grayscale,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
)
from minigrad.data.transforms.conversion import Compose, Lambda, Normalize, ToTensor
from minigrad.data.transforms.erasing import RandomErasing
from minigrad.data.transforms.geometry import (
    CenterCrop,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    Resize,
    pad,
)
from minigrad.data.transforms.mixing import CutMix, MixUp

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "CutMix",
    "Grayscale",
    "Lambda",
    "MixUp",
    "Normalize",
    "RandAugment",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "Resize",
    "ToTensor",
    "TrivialAugmentWide",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "pad",
]
