"""Images: opening files of the usual kinds, and datasets that hold all of theirs in one array."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.data.dataset import Dataset
from minigrad.extras import Later

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image", "an image")

#: Pillow's names of the formats that are read. It knows forty more, some of which start other programs.
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")
EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # of those
MOST_PIXELS = 50_000_000  # of an image: 200 MB as RGB in Pillow's memory, from a file that may have 50 KB
MOST_TIMES = 1000  # the longer side may be so many times the shorter one
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of TIFF


class CorruptPictureError(ValueError):
    """A file is no image, or only a part of one, or too large; the message names it."""


def open_picture(path: str | os.PathLike[str]) -> Image.Image:
    """Return the image in a JPEG, PNG, PPM, PGM, BMP, TIFF or WebP file as RGB.

    Grey is repeated in three channels, palettes are looked up, CMYK is converted, and of images with transparency the
    colours are taken (as torchvision's loader does). What decides is the content of the file and not its name.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptPictureError: if it is of another format, cannot be read to its end, or has more than 50 million pixels
            or a side a thousand times as long as the other.
    """
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise ValueError("it is no plain file")
        with Image.open(path, formats=FORMATS) as image:
            _refuse_too_large(image)
            return as_rgb(image)
    except FileNotFoundError:
        raise FileNotFoundError(f"no picture at {path}") from None
    except Exception as error:  # of a damaged file Pillow's plugins raise anything
        known = "JPEG, PNG, PPM, BMP, TIFF or WebP"
        what = f"not a picture in {known}" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise CorruptPictureError(f"cannot read the picture {path}: {what or type(error).__name__}") from None


def _refuse_too_large(image: Any) -> None:
    """Raise ValueError for an image, not yet read, that would take far more memory than its file."""
    width, height = image.size
    tags = getattr(image, "tag_v2", {})  # of TIFF, which is read in tiles that may be larger than the image
    tile_width, tile_height = tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0)
    for name, w, h in (("it has", width, height), ("it has tiles of", tile_width, tile_height)):
        if w * h > MOST_PIXELS:
            raise ValueError(f"{name} {w:,} x {h:,} pixels, and at most {MOST_PIXELS:,} are read")
    if max(width, height) > MOST_TIMES * min(width, height):
        raise ValueError(f"it has {width:,} x {height:,} pixels: one side is more than {MOST_TIMES:,} times the other")


def as_rgb(image: Any) -> Image.Image:
    """Any Pillow image as RGB, 8 bits a channel."""
    if image.mode == "RGB":
        image.load()
        return image
    if image.mode.startswith("I"):  # 16 bits: Pillow would cut off what is above 255
        grey = np.array(image)
        np.clip(grey, 0, 65535, out=grey)
        grey //= 256
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
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
