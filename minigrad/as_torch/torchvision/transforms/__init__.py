"""Names of ``torchvision.transforms``; those of ``minigrad.data.transforms`` follow them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

import minigrad
from minigrad import Tensor
from minigrad.data import transforms


class InterpolationMode(IntEnum):
    """The ways to compute pixels between others, by Pillow's numbers."""

    NEAREST, LANCZOS, BILINEAR, BICUBIC, BOX, HAMMING = range(6)
    NEAREST_EXACT = NEAREST


class ToPILImage:
    """Make a Pillow image of a tensor (C, H, W) with values in [0, 1] or of uint8, or of an array (H, W, C)."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return to_pil_image(pic, self.mode)


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """Return the Pillow image of a tensor or an array."""
    from PIL import Image

    if isinstance(pic, Tensor):
        pic = pic if pic.ndim == 3 else pic.unsqueeze(0)
        pic = (pic * 255 if pic.is_floating_point() else pic).permute(1, 2, 0).numpy().astype(np.uint8)
    return Image.fromarray(np.squeeze(pic), mode)


class PILToTensor:
    """Make a tensor (C, H, W) of uint8 of a Pillow image."""

    def __call__(self, pic: Any) -> Tensor:
        pixels = np.array(pic)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        return minigrad.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


class ConvertImageDtype:
    """Convert an image of uint8 to floats in [0, 1]."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def __call__(self, image: Tensor) -> Tensor:
        if image.is_floating_point():
            return image.to(self.dtype)
        return image.to(self.dtype) / 255


class RandomApply:
    """Apply some transforms, with probability p, or none of them."""

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        self.transforms, self.p = transforms, p

    def __call__(self, image: Any) -> Any:
        if minigrad.rand(1).item() < self.p:
            for transform in self.transforms:
                image = transform(image)
        return image


def to_tensor(pic: Any) -> Any:
    """Return the tensor (C, H, W), with values in [0, 1], of a Pillow image."""
    return transforms.ToTensor()(pic)


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Any:
    """Return (tensor − mean) / std for each channel."""
    return transforms.Normalize(mean, std)(tensor)


def resize(img: Any, size: Any, *_: object, **__: object) -> Any:
    """Return a Pillow image in another size."""
    return transforms.Resize(size)(img)


def center_crop(img: Any, output_size: Any) -> Any:
    """Return the middle of an image."""
    return transforms.CenterCrop(output_size)(img)


def hflip(img: Any) -> Any:
    """Return an image mirrored from left to right."""
    return img.flip(-1) if isinstance(img, Tensor) else img.transpose(0)
