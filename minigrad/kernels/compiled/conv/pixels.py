"""Arrays N C H W as the kernels read them: pixels, whose channels lie side by side in memory."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from minigrad.kernels.compiled.layout import channels_last
from minigrad.kernels.geometry import Pair, Window
from minigrad.kernels.layout import address
from minigrad.typing import Array

_FEW_CHANNELS = 8  # with fewer, the taps of a row are read as one
_MANY_OUTPUTS = 16  # with at least as many, it pays to copy patches for the gradient of w
_POINT = Window((1, 1))


class Pixels(NamedTuple):
    """Images in memory: pixels one after the other, ``step`` elements apart."""

    array: Array  #: which must be kept while the address is used
    images: int
    size: Pair
    channels: int  #: that are read of a pixel
    step: int

    @property
    def address(self) -> int:
        """Return the address of the first pixel."""
        return address(self.array)

    @property
    def elements(self) -> int:
        """Return how many elements there are from the first to the last, with those between the pixels."""
        count = self.images * math.prod(self.size)
        return (count - 1) * self.step + self.array.size // count


def pixels(x: Array) -> Pixels:
    """Return an array as pixels, copied if its channels do not lie side by side."""
    x, step = channels_last(x)
    n, channels, height, width = x.shape
    return Pixels(x, n, (height, width), channels, step)


def seen_by(window: Window, x: Array, groups: int) -> tuple[Pixels, Window]:
    """Return x as pixels, and the window that moves over them; either may be changed so that there is less to do.

    A window that sees the whole image at its only position is a point, which sees one pixel with all channels of all
    pixels. And where pixels have few channels, what a row of taps sees side by side is one pixel with more channels,
    which overlaps the next.
    """
    n, channels, height, width = x.shape
    if sees_all(window, (height, width), groups):
        return Pixels(_dense(x), n, (1, 1), x.size // n, x.size // n), _POINT
    (kh, kw), dilation = window.kernel, window.dilation
    if groups == 1 and channels < _FEW_CHANNELS and kw > 1 and dilation[1] == 1:
        padded = _padded(x, window)
        positions = window._replace(kernel=(kh, 1), padding=((0, 0), (0, 1 - kw)))  # as many as before
        return Pixels(padded, n, (padded.shape[1], padded.shape[2]), kw * channels, channels), positions
    return pixels(x), window


class Patches(NamedTuple):
    """Images whose taps are joined: a position sees ``runs`` of ``length`` elements, ``step`` elements apart."""

    pixels: Pixels  #: one of them begins each patch
    window: Window  #: of one tap, which moves from the beginning of a patch to the next
    runs: int
    length: int
    step: int

    @property
    def terms(self) -> int:
        """Return how many elements a patch has."""
        return self.runs * self.length


def patches(window: Window, x: Array, outputs: int, groups: int) -> Patches | None:
    """Return x as patches if its pixels have few channels, and what a row of taps sees lies side by side.

    With few outputs, which would then be those that do not fill vectors, nothing is won.
    """
    n, channels, _, _ = x.shape
    (kh, kw), dilation = window.kernel, window.dilation
    if groups > 1 or channels >= _FEW_CHANNELS or outputs < _MANY_OUTPUTS or (kw > 1 and dilation[1] > 1):
        return None
    padded = _padded(x, window)
    size = padded.shape[1], padded.shape[2]
    positions = window._replace(kernel=(1, 1), padding=((0, dilation[0] * (1 - kh)), (0, 1 - kw)))  # as many as before
    step = dilation[0] * size[1] * channels
    return Patches(Pixels(padded, n, size, channels, channels), positions, kh, kw * channels, step)


def sees_all(window: Window, size: Pair, groups: int) -> bool:
    """Return whether the window sees the whole image, all of its channels, at its only position."""
    return groups == 1 and window == Window(size, window.stride)


def _dense(x: Array) -> Array:
    """Return x as N H W C without gaps between its pixels."""
    x, step = channels_last(x)
    view = x.transpose(0, 2, 3, 1)  # N C H W -> N H W C
    return view if step == x.shape[1] else view.copy()


def _padded(x: Array, window: Window) -> Array:
    """Return x inside its padding as N H W C, without gaps between its pixels."""
    n, channels, height, width = x.shape
    if window.padded_size(height, width) == (height, width):
        return _dense(x)
    padded = np.zeros((n, *window.padded_size(height, width), channels), x.dtype)
    padded.transpose(0, 3, 1, 2)[window.inside(height, width)] = x
    return padded


# --- Depthwise ---


def repeated(x: Array, channels: int) -> Array:
    """Return x with each channel as often as outputs see it."""
    return x if x.shape[1] == channels else np.repeat(x, channels // x.shape[1], axis=1)


def filled_up(x: Array, least: int) -> Pixels:
    """Return x as pixels of at least ``least`` channels; the missing ones are zeros."""
    n, channels, height, width = x.shape
    if channels >= least:
        return pixels(x)
    filled = np.zeros((n, height, width, least), x.dtype)
    filled[..., :channels] = x.transpose(0, 2, 3, 1)  # N C H W -> N H W C
    return Pixels(filled, n, (height, width), least, least)
