"""Names of ``torchvision.transforms``; those of ``minigrad.data.transforms`` follow them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

import minigrad
from minigrad import Tensor
from minigrad.data import transforms
from minigrad.data.transforms import geometry


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
        pic = (pic * 255 if pic.is_floating_point() else pic).permute(1, 2, 0).detach().numpy()
        pic = pic.astype(np.int64).astype(np.uint8)  # modulo 256, as in torch
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


class Pad:
    """Add pixels on every side, on (left and right, top and bottom), or on (left, top, right, bottom)."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, img: Any) -> Any:
        return geometry.pad(img, self.padding, self.fill, self.padding_mode)


class RandomVerticalFlip:
    """Turn an image upside down, with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, img: Any) -> Any:
        return vflip(img) if minigrad.rand(1).item() < self.p else img


class RandomGrayscale:
    """Convert an image to grey, with probability p, in as many channels as it has."""

    def __init__(self, p: float = 0.1) -> None:
        self.p = p

    def __call__(self, img: Any) -> Any:
        channels = len(img.getbands())
        return transforms.Grayscale(channels)(img) if minigrad.rand(1).item() < self.p else img


class RandomRotation:
    """Turn an image by a random angle, between two numbers of degrees or of either sign up to one."""

    def __init__(
        self, degrees: Any, interpolation: int = 0, expand: bool = False, center: Any = None, fill: Any = 0
    ) -> None:
        self.degrees = (-degrees, degrees) if isinstance(degrees, int | float) else tuple(degrees)
        self.options = {"resample": int(interpolation), "expand": expand, "center": center, "fillcolor": fill}

    def __call__(self, img: Any) -> Any:
        low, high = self.degrees
        fill, bands = self.options["fillcolor"], len(img.getbands())
        filling = {"fillcolor": (fill,) * bands if bands > 1 and isinstance(fill, int) else fill}
        return img.rotate(low + (high - low) * minigrad.rand(1).item(), **(self.options | filling))


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


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """Return a part of an image."""
    if isinstance(img, Tensor):
        return img[..., top : top + height, left : left + width]
    return img.crop((left, top, left + width, top + height))


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Return an image with more pixels on its sides."""
    return geometry.pad(img, padding, fill, padding_mode)


def vflip(img: Any) -> Any:
    """Return an image upside down."""
    return img.flip(-2) if isinstance(img, Tensor) else img.transpose(1)


def hflip(img: Any) -> Any:
    """Return an image mirrored from left to right."""
    return img.flip(-1) if isinstance(img, Tensor) else img.transpose(0)
