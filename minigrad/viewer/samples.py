"""Samples: the few numbers of a tensor that the page shows, as text, and whole planes of it as small images.

Every number is written once, here, and the page shows that text. So what can be read on the page is the tensor's value
to four significant digits.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field

import numpy as np

from minigrad.typing import Array, Shape

DIGITS = 4  #: significant digits of every number on the page
ROWS, COLUMNS = 8, 8  #: the most rows and columns of a table
PIXELS = 40  #: the most pixels of an image's side
MAPS = 6  #: the most feature maps that are shown side by side
MAP_PIXELS = 20  #: the most pixels of the side of each

Index = tuple[int, ...]


def number(value: float | np.generic) -> str:
    """Return a number as the page shows it: four significant digits of a float, an integer in full.

    >>> number(0.0312749), number(-12345.6), number(np.int64(7)), number(float("nan"))
    ('0.03127', '-1.235e+04', '7', 'nan')
    """
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool | int):
        return str(plain)
    return f"{plain:.{DIGITS}g}"


def place(name: str, index: Index) -> str:
    """Return an element's name, as ``y[0, 3, 5]``; of a scalar the name alone."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


@dataclass
class Sample:
    """A part of a tensor: a table of numbers around one element, and images."""

    shape: Shape
    dtype: str
    at: Index  #: the element that the table is about
    corner: tuple[int, int]  #: the row and column of the first number, in the last two dimensions
    rows: int
    text: str  #: the numbers, row by row, separated by spaces
    mark: tuple[int, int, int, int] | None = None  #: row, column, height and width of the marked part of the plane
    largest: str = ""  #: the largest absolute value of the whole tensor
    image: Image | None = None  #: the plane that the table is taken from
    maps: list[Image] = field(default_factory=list)  #: the first planes of the same image

    def positions(self) -> list[Index]:
        """Return the index of every number of the table, in its order."""
        count = len(self.text.split())
        columns = count // self.rows if self.rows else 0
        top, left = self.corner
        grid = [(top + i // columns, left + i % columns) for i in range(count)]
        if len(self.shape) == 0:
            return [()] * count
        if len(self.shape) == 1:
            return [(column,) for _, column in grid]
        return [(*self.at[:-2], *each) for each in grid]


@dataclass
class Image:
    """A plane as bytes, row by row: 128 is zero, 1 and 255 are the most negative and the most positive value.

    An image in colour has three bytes for each pixel, from 0 to 255.
    """

    height: int
    width: int
    pixels: str  #: in base64
    colour: bool = False


def strongest(array: Array, in_batch: bool = True) -> Index:
    """Return the index of the element with the largest absolute value.

    Args:
        in_batch: look at the first item of a batch, unless it is 0 everywhere.
    """
    if array.size == 0 or array.ndim == 0:
        return (0,) * array.ndim
    part = array[:1] if in_batch and array.ndim > 1 and array[0].any() else array
    sizes = np.abs(np.where(np.isfinite(part), part, 0).astype(np.float64))
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(sizes)), part.shape))


def sample(array: Array, at: Index | None = None, mark: tuple[int, int, int, int] | None = None) -> Sample:
    """Return the part of ``array`` around the element ``at``; by default around its strongest one.

    Args:
        mark: row, column, height and width of a part of the plane to be marked; by default the element.
    """
    if array.size == 0:
        return Sample(array.shape, array.dtype.name, (0,) * array.ndim, (0, 0), 0, "")
    at = strongest(array) if at is None else at
    plane = plane_of(array, at)
    row, column = (0, *at)[-2:] if array.ndim else (0, 0)
    mark = (row, column, 1, 1) if mark is None else mark
    top = _start(mark[0], mark[2], row, plane.shape[0], ROWS)
    left = _start(mark[1], mark[3], column, plane.shape[1], COLUMNS)
    shown = plane[top : top + ROWS, left : left + COLUMNS]
    text = " ".join(number(value) for value in shown.reshape(-1))
    whole = array.astype(np.float64)
    finite = np.abs(whole[np.isfinite(whole)])
    result = Sample(array.shape, array.dtype.name, at, (top, left), len(shown), text, mark)
    result.largest = number(float(finite.max())) if finite.size else ""
    if min(plane.shape) > 1 and (plane.shape[0] > ROWS or plane.shape[1] > COLUMNS):
        result.image = image(plane, PIXELS)
    if array.ndim == 4 and min(plane.shape) > 2 and array.shape[1] > 1:
        result.maps = [image(each, MAP_PIXELS) for each in array[at[0], :MAPS]]
    return result


def plane_of(array: Array, at: Index) -> Array:
    """Return the matrix that holds the element ``at``: the last two dimensions."""
    return array.reshape(1, -1) if array.ndim < 2 else array[at[:-2]]


def _start(first: int, size: int, element: int, length: int, most: int) -> int:
    """Return where a table of ``most`` positions begins, so that it holds the marked part, or at least the element."""
    middle = first + size // 2 if size <= most else element
    return max(0, min(middle - most // 2, length - most))


def image(plane: Array, most: int) -> Image:
    """Return a plane as an image of at most ``most`` pixels a side; of a larger plane every n-th pixel."""
    step = max(1, -(-max(plane.shape) // most))
    small = plane[::step, ::step].astype(np.float64)
    small = np.nan_to_num(small, nan=0.0, posinf=0.0, neginf=0.0)
    scale = float(np.abs(small).max()) or 1.0
    pixels = np.rint(128 + 127 * small / scale).astype(np.uint8)
    height, width = pixels.shape
    return Image(height, width, b64encode(pixels.tobytes()).decode())


def colour_image(array: Array, most: int = 96) -> Image:
    """Return the first image of a batch N x 3 x H x W in colour, its values stretched from 0 to 255."""
    step = max(1, -(-max(array.shape[2:]) // most))
    small = np.moveaxis(array[0, :, ::step, ::step].astype(np.float64), 0, -1)  # C H W -> H W C
    small = np.nan_to_num(small, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(small.min()), float(small.max())
    pixels = np.rint(255 * (small - low) / ((high - low) or 1.0)).astype(np.uint8)
    height, width, _ = pixels.shape
    return Image(height, width, b64encode(pixels.tobytes()).decode(), colour=True)  # tobytes writes row by row
