"""Images: open files of the usual formats; and the base of datasets that hold all their images in one array."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minigrad.data.dataset import Dataset
from minigrad.data.datasets import png
from minigrad.extras import Later
from minigrad.typing import Array

if TYPE_CHECKING:
    from PIL import Image, ImageOps
else:
    Image = Later("PIL.Image", "an image")
    ImageOps = Later("PIL.ImageOps", "an image")

#: A function of an image (Pillow's, RGB unless the data set is grey); it usually ends in a tensor.
Transform: TypeAlias = Callable[[Any], object]
#: An item: the image, as ``transform`` returns it (without one a Pillow image), and the number of its class.
Labelled: TypeAlias = tuple[Any, int]

#: Pillow's names of the formats that are read, and the usual ones. Pillow reads more, some by starting other programs.
FORMATS = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "PPM": "PPM",
    "BMP": "BMP",
    "TIFF": "TIFF",
    "WEBP": "WebP",
    "GIF": "GIF",
    "JPEG2000": "JPEG 2000",
    "AVIF": "AVIF",
}
EXTENSIONS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".ppm", ".pgm", ".pbm", ".pnm", ".bmp", ".tif", ".tiff",
    ".webp", ".gif", ".jp2", ".j2k", ".avif",
)  # fmt: skip
MOST_PIXELS = 50_000_000  # 200 MB as RGB in Pillow's memory, from a file that may have 50 KB
MOST_TIMES = 1000  # the longer side divided by the shorter one
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of TIFF


class CorruptImageError(ValueError):
    """A file is not an image, or only a part of one, or too large; the message names it."""


def open_image(path: str | os.PathLike[str], at_least: int | None = None) -> Image.Image:
    """Return the image in a JPEG, PNG, PPM, BMP, TIFF, WebP, GIF, JPEG 2000 or AVIF file as RGB, upright.

    Grey is repeated in three channels, palettes are looked up, CMYK is converted, and transparency is dropped, as
    torchvision's loader does. Of an animation the first image is taken. An image that its camera marked as turned
    (EXIF's orientation) is turned upright. The content of the file determines its format, not its name.

    Args:
        at_least: a JPEG may be read at a half, a quarter or an eighth of its size, in less time and memory, as long as
            both its sides keep this many pixels. By default no image is made smaller.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptImageError: if it is empty, of another format, cannot be read to its end, has more than 50 million
            pixels or a side a thousand times as long as the other, or values whose range says nothing of white.
    """
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise ValueError("it is no plain file")
        with Image.open(path, formats=_installed_formats()) as image:
            _refuse_too_large(image)
            if image.format == "PNG" and (wrong := png.damage(path)):
                raise ValueError(wrong)
            if at_least is not None:
                image.draft(None, (at_least, at_least))
            return _upright(as_rgb(image))
    except FileNotFoundError:
        raise FileNotFoundError(f"no image at {path}") from None
    except Exception as error:  # for a damaged file Pillow's plugins raise any type of exception
        what = str(error) or type(error).__name__
        if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
            what = f"it has far more than the {MOST_PIXELS:,} pixels that are read at most"
        if isinstance(error, Image.UnidentifiedImageError):
            *names, last = FORMATS.values()
            what = f"not an image in {', '.join(names)} or {last}"
            if os.path.getsize(path) == 0:
                what = "the file is empty (0 bytes)"
        raise CorruptImageError(f"cannot read the image {path}: {what}") from None


def _installed_formats() -> list[str]:
    """Return the formats that this Pillow was built with; AVIF, for one, may be missing."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


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
    """Return a Pillow image as RGB, 8 bits a channel.

    Raises:
        ValueError: for grey values in an unknown range.
    """
    if image.mode == "RGB":
        image.load()
        return image
    if image.mode == "F" or image.mode.startswith("I"):  # Pillow would clip all values above 255
        return Image.fromarray(_eight_bits(np.array(image))).convert("RGB")
    if "transparency" in image.info:  # of a palette: Pillow needs this step in between
        image = image.convert("RGBA")
    return image.convert("RGB")


def _eight_bits(grey: Array) -> Array:
    """Return grey values of 12, 16 or 32 bits, or real numbers, scaled to 0 … 255.

    A file does not say which value is white; the largest one shows it: 1 or 255 for real numbers, and 255, 4,095 (12
    bits) or 65,535 for whole ones.

    Raises:
        ValueError: if values are negative, larger than these, or not finite.
    """
    least, most = grey.min(), grey.max()
    real = grey.dtype.kind == "f"
    whites = (1, 255) if real else (255, 4095, 65535)
    white = next((white for white in whites if least >= 0 and most <= white), None)
    if white is None:
        ranges = "0 to 1 and 0 to 255" if real else "0 to 255, 0 to 4,095 and 0 to 65,535"
        raise ValueError(f"its values reach from {least:g} to {most:g}, and only {ranges} are known: convert it")
    if real:
        return (grey * (255 / white) + 0.5).astype(np.uint8)
    return (grey // ((white + 1) // 256)).astype(np.uint8)


def _upright(image: Image.Image) -> Image.Image:
    """Return an image turned as its EXIF data say; if they are damaged, as it is."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # for damaged data Pillow raises any type of exception
        return image


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
