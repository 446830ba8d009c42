"""Moving elements between channels and pixels, or between groups of channels: nothing is computed."""

from __future__ import annotations

import numpy as np

from minigrad.functions.arguments import as_tensor_operand
from minigrad.typing import Tensor

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Return (…, C, H·r, W·r) of (…, C·r², H, W): each group of r² channels becomes r × r pixels (Shi et al. 2016).

    Raises:
        RuntimeError: if the input has fewer than 3 dimensions, r is not positive, or r² does not divide the channels.
    """
    x, r = as_tensor_operand("pixel_shuffle", input), upscale_factor
    _check("pixel_shuffle", x, "an upscale_factor", r)
    *lead, channels, height, width = x.array.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(lead)
    split = x.reshape(*lead, channels // (r * r), r, r, height, width)  # … C·r² H W -> … C r r H W
    order = split.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)  # -> … C H r W r
    return order.reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Return (…, C·r², H, W) of (…, C, H·r, W·r): the inverse of :func:`pixel_shuffle`.

    Raises:
        RuntimeError: if the input has fewer than 3 dimensions, r is not positive or does not divide height and width.
    """
    x, r = as_tensor_operand("pixel_unshuffle", input), downscale_factor
    _check("pixel_unshuffle", x, "a downscale_factor", r)
    *lead, channels, height, width = x.array.shape
    for name, size in (("height", height), ("width", width)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but {size} is not divisible by "
                f"{r}"
            )
    n = len(lead)
    split = x.reshape(*lead, channels, height // r, r, width // r, r)  # … C H·r W·r -> … C H r W r
    order = split.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)  # -> … C r r H W
    return order.reshape(*lead, channels * r * r, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Return the channels of (N, C, …), as a table of ``groups`` rows, read column by column (Zhang et al. 2017).

    Raises:
        RuntimeError: if the input has fewer than 3 dimensions, or the channels do not divide into the groups.
    """
    x = as_tensor_operand("channel_shuffle", input)
    if x.array.ndim < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with {x.array.ndim} dims")
    if groups < 1:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    n, channels, *spatial = x.array.shape
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
        )
    table = x.reshape(n, groups, channels // groups, *spatial)  # N C … -> N G C/G …
    result = table.transpose(1, 2).reshape(n, channels, *spatial)
    return result.clone() if np.may_share_memory(result.array, x.array) else result


def _check(name: str, x: Tensor, what: str, factor: int) -> None:
    if x.array.ndim < 3:
        raise RuntimeError(f"{name} expects input to have at least 3 dimensions, but got {x.array.ndim} dimension(s)")
    if factor < 1:
        raise RuntimeError(f"{name} expects a positive {what.partition(' ')[2]}, but got {factor}")
