"""Pictures: opening files of all kinds, and datasets that hold all of theirs in one array."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.data.dataset import Dataset
from minigrad.extras import Later

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image", "an image")


class CorruptPictureError(ValueError):
    """A file is no picture, or only a part of one; the message names it."""


def open_picture(path: str | os.PathLike[str]) -> Image.Image:
    """A picture file as RGB: grey is repeated in three channels, palettes are looked up, CMYK is converted, and of
    pictures with transparency the colours are taken (as torchvision's loader does).

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptPictureError: if it cannot be read to its end.
    """
    try:
        with Image.open(path) as image:
            return as_rgb(image)
    except FileNotFoundError:
        raise FileNotFoundError(f"no picture at {path}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        what = "not a picture that Pillow knows" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise CorruptPictureError(f"cannot read the picture {path}: {what}") from None


def as_rgb(image: Any) -> Image.Image:
    """Any Pillow image as RGB, 8 bits a channel."""
    if image.mode == "RGB":
        image.load()
        return image
    if image.mode.startswith("I"):  # 16 bits: Pillow would cut off what is above 255
        return Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8)).convert("RGB")
    if "transparency" in image.info:  # of a palette: Pillow asks for this step in between
        image = image.convert("RGBA")
    return image.convert("RGB")


class ArrayPictures(Dataset):
    """Base of the datasets with all pictures in ``data`` (N, height, width[, 3]) and their classes in ``targets``."""

    data: np.ndarray
    targets: np.ndarray
    transform: Callable[[Any], Any] | None

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = Image.fromarray(np.ascontiguousarray(self.data[index]))
        return (image if self.transform is None else self.transform(image)), int(self.targets[index])

    def __len__(self) -> int:
        return len(self.data)
