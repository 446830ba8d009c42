"""Images: open files of the usual formats; and the base of datasets that hold all their images in one array."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minigrad.data.dataset import Dataset
from minigrad.extras import Later
from minigrad.typing import Array

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image", "an image")

#: A function of an image (Pillow's, RGB unless the data set is grey); it usually ends in a tensor.
Transform: TypeAlias = Callable[[Any], object]
#: An item: the image, as ``transform`` returns it (without one a Pillow image), and the number of its class.
Labelled: TypeAlias = tuple[Any, int]

#: Pillow's names of the formats that are read. Pillow reads forty more, some of which start other programs.
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")
EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # of these formats
MOST_PIXELS = 50_000_000  # 200 MB as RGB in Pillow's memory, from a file that may have 50 KB
MOST_TIMES = 1000  # the longer side divided by the shorter one
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of TIFF


class CorruptImageError(ValueError):
    """A file is not an image, or only a part of one, or too large; the message names it."""


def open_image(path: str | os.PathLike[str]) -> Image.Image:
    """Return the image in a JPEG, PNG, PPM, PGM, BMP, TIFF or WebP file as RGB.

    Grey is repeated in three channels, palettes are looked up, CMYK is converted, and transparency is dropped, as
    torchvision's loader does. The content of the file determines its format, not its name.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptImageError: if it is of another format, cannot be read to its end, or has more than 50 million pixels
            or a side a thousand times as long as the other.
    """
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise ValueError("it is no plain file")
        with Image.open(path, formats=FORMATS) as image:
            _refuse_too_large(image)
            return as_rgb(image)
    except FileNotFoundError:
        raise FileNotFoundError(f"no image at {path}") from None
    except Exception as error:  # for a damaged file Pillow's plugins raise any type of exception
        known = "JPEG, PNG, PPM, BMP, TIFF or WebP"
        what = f"not an image in {known}" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise CorruptImageError(f"cannot read the image {path}: {what or type(error).__name__}") from None


def _refuse_too_large(image: Image.Image) -> None:
    """Raise ValueError for an image, not yet read, that would take far more memory than its file."""
    width, height = image.size
    tags = getattr(image, "tag_v2", {})  # TIFF is read in tiles, which may be larger than the image
    tile_width, tile_height = tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0)
    for name, w, h in (("it has", width, height), ("it has tiles of", tile_width, tile_height)):
        if w * h > MOST_PIXELS:
            raise ValueError(f"{name} {w:,} x {h:,} pixels, and at most {MOST_PIXELS:,} are read")
    if max(width, height) > MOST_TIMES * min(width, height):
        raise ValueError(f"it has {width:,} x {height:,} pixels: one side is more than {MOST_TIMES:,} times the other")


def as_rgb(image: Image.Image) -> Image.Image:
    """Return a Pillow image as RGB, 8 bits a channel."""
    if image.mode == "RGB":
        image.load()
        return image
    if image.mode.startswith("I"):  # 16 bits: Pillow would clip values above 255
        grey = np.array(image)
        np.clip(grey, 0, 65535, out=grey)
        grey //= 256
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if "transparency" in image.info:  # of a palette: Pillow needs this step in between
        image = image.convert("RGBA")
    return image.convert("RGB")


class ImageArrays(Dataset[Labelled]):
    """Base of the datasets with all images in ``data`` (N, height, width[, 3]) and their classes in ``targets``."""

    data: Array
    targets: Array
    transform: Transform | None

    def __getitem__(self, index: int) -> Labelled:
        image = Image.fromarray(np.ascontiguousarray(self.data[index]))
        return (image if self.transform is None else self.transform(image)), int(self.targets[index])

    def __len__(self) -> int:
        return len(self.data)
