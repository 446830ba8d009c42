"""Sampling images at positions of a grid, which spatial transformers move (Jaderberg et al. 2015).

A grid has for each output pixel a position (x, y) in the input, from −1, the left or upper edge, to 1, the right or
lower one. With ``align_corners`` the edges are the centres of the outermost pixels, else their outer borders:

    align_corners    i = (x + 1) / 2 · (n − 1)
    otherwise        i = ((x + 1) · n − 1) / 2

Bilinear sampling mixes the four pixels around the position. It is composed of indexing, products and sums, so its
derivatives, with respect to the image and to the grid, need no formula of their own.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.pieces import stack
from minigrad.functions.selection import where
from minigrad.typing import Array, Tensor

__all__ = ["affine_grid", "grid_sample"]


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Return the grid (N, H, W, 2) of the positions θ · (x, y, 1) for the pixels of an output of ``size``.

    Args:
        theta: an affine map for each image, (N, 2, 3).
        size: of the output, (N, C, H, W).

    Raises:
        ValueError: if ``theta`` or ``size`` has another number of dimensions, or is not floating.
        NotImplementedError: for volumes.
    """
    maps = as_tensor_operand("affine_grid", theta)
    if maps.array.dtype.kind != "f":
        raise ValueError(f"Expected theta to have floating point type, but got {maps.array.dtype}")
    if len(size) == 5:
        raise NotImplementedError("affine_grid: volumes, a size of 5 numbers, are not supported")
    if len(size) != 4 or maps.array.ndim != 3 or maps.array.shape[-2:] != (2, 3):
        raise ValueError(
            "Expected a batch of 2D affine matrices of shape Nx2x3 for a size of 4 numbers. "
            f"Got {list(maps.array.shape)} and {list(size)}"
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {list(size)}")
    n, _, height, width = size
    aligned = _chosen("affine_grid", align_corners)
    x, y = (wrap(_positions(m, aligned, maps.array)) for m in (width, height))
    x, y = x.expand(height, width), y.reshape(height, 1).expand(height, width)
    base = stack([x, y, x.detach() * 0 + 1], -1).reshape(1, height * width, 3)
    return (base.expand(n, height * width, 3) @ maps.mT).reshape(n, height, width, 2)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Return the pixels (N, C, H', W') of an image (N, C, H, W) at the positions of a grid (N, H', W', 2).

    Args:
        mode: ``bilinear``, or ``nearest``, the pixel whose centre is nearest.
        padding_mode: outside the image are ``zeros``, the pixels of the ``border``, or its ``reflection``.

    Raises:
        ValueError: for an unknown mode.
        RuntimeError: if the shapes or dtypes do not fit.
        NotImplementedError: for ``bicubic``, and for volumes.
    """
    image, at = as_tensor_operand("grid_sample", input), as_tensor_operand("grid_sample", grid, "grid")
    _check(image, at, mode, padding_mode)
    aligned = _chosen("grid_sample", align_corners)
    height, width = image.array.shape[-2:]
    x, y = (
        _padded(((v + 1) * (0.5 * (n - 1)) if aligned else ((v + 1) * n - 1) * 0.5), n, padding_mode, aligned)
        for v, n in ((at[..., 0], width), (at[..., 1], height))
    )
    if mode == "nearest":
        pixels = _pixels(image, wrap(np.rint(y.array)), wrap(np.rint(x.array)))
        nowhere = wrap(np.zeros_like(x.array, dtype=bool)).unsqueeze(-1)
        return where(nowhere, (x + y).unsqueeze(-1), pixels).permute(0, 3, 1, 2)  # the grid's gradient is 0
    left, upper = wrap(np.floor(x.array)), wrap(np.floor(y.array))
    right, lower = x - left, y - upper  # the shares of the pixels there
    total = None
    for row, share_y in ((upper, 1 - lower), (upper + 1, lower)):
        for column, share_x in ((left, 1 - right), (left + 1, right)):
            part = _pixels(image, row, column) * (share_x * share_y).unsqueeze(-1)
            total = part if total is None else total + part
    assert total is not None
    return total.permute(0, 3, 1, 2)  # N H' W' C -> N C H' W'


def _chosen(name: str, align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            f"Default grid_sample and affine_grid behavior is align_corners=False; {name}: state it",
            stacklevel=3,
        )
    return bool(align_corners)


def _check(image: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(f"expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: {mode!r}")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(f"expected padding_mode to be 'zeros', 'border', or 'reflection', but got: {padding_mode!r}")
    if image.array.ndim == 5 or mode == "bicubic":
        raise NotImplementedError("grid_sample: images, with mode bilinear or nearest, are supported only")
    if image.array.dtype != grid.array.dtype or image.array.dtype.kind != "f":
        raise RuntimeError(
            f"grid_sampler(): expected input and grid to have the same floating dtype, but input has "
            f"{image.array.dtype} and grid has {grid.array.dtype}"
        )
    shapes = f"input with sizes {list(image.array.shape)} and grid with sizes {list(grid.array.shape)}"
    if image.array.ndim != 4 or grid.array.ndim != 4:
        raise RuntimeError(f"grid_sampler(): expected 4D input and grid, but got {shapes}")
    if image.array.shape[0] != grid.array.shape[0] or grid.array.shape[-1] != 2:
        raise RuntimeError(f"grid_sampler(): expected one batch size, and 2 as the grid's last size, but got {shapes}")
    if 0 in image.array.shape[1:]:
        raise RuntimeError(f"grid_sampler(): expected input to have non-empty spatial dimensions, but got {shapes}")


def _positions(n: int, aligned: bool, like: Array) -> Array:
    """Return the positions of the centres of n pixels, from −1 to 1."""
    steps = np.arange(n, like=like).astype(like.dtype)
    if aligned:
        return steps * (2 / (n - 1)) - 1 if n > 1 else steps * 0
    return (2 * steps + 1) / n - 1


def _padded(v: Tensor, n: int, padding_mode: str, aligned: bool) -> Tensor:
    """Return the positions, in pixels, of what is seen outside an image of n pixels."""
    if padding_mode == "zeros":
        return v
    if padding_mode == "reflection":
        low, span = (0.0, n - 1.0) if aligned else (-0.5, float(n))
        if span == 0:
            return v * 0
        way = (v - low).abs()
        turns = wrap(np.floor(way.array / span))
        rest = way - turns * span
        v = where(turns % 2 == 0, rest + low, span - rest + low)
    inside = (v > 0) & (v < n - 1)
    return where(inside, v, v.detach().clamp(0, n - 1))


def _pixels(image: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Return the pixels (N, H', W', C) at whole positions, and zeros outside the image."""
    n, _, height, width = image.array.shape
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    rows, columns = row.clamp(0, height - 1).long(), column.clamp(0, width - 1).long()
    batch = wrap(np.arange(n, like=image.array)).reshape(n, 1, 1)
    return where(inside.unsqueeze(-1), image[batch, :, rows, columns], 0.0)
