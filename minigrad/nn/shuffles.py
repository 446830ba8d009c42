"""Layers that move elements between channels and pixels; the functions are in ``functional``."""

from __future__ import annotations

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class PixelShuffle(Module):
    """Enlarge an image by making pixels of channels; see ``functional.pixel_shuffle``.

    Args:
        upscale_factor: r.

    Shape:
        input (…, C · r², H, W), output (…, C, H · r, W · r).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.PixelShuffle(2)(minigrad.randn(1, 8, 3, 3)).shape
    (1, 2, 6, 6)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Make channels of an image's pixels, the inverse of PixelShuffle; see ``functional.pixel_unshuffle``.

    Args:
        downscale_factor: r.

    Shape:
        input (…, C, H · r, W · r), output (…, C · r², H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.PixelUnshuffle(2)(minigrad.randn(1, 2, 6, 6)).shape
    (1, 8, 3, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Mix the channels of groups; see ``functional.channel_shuffle``.

    Args:
        groups: the number of groups, which divides the channels.

    Shape:
        input and output (N, C, …).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ChannelShuffle(2)(minigrad.arange(4.0).reshape(1, 4, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
