"""Resampling images to another size.

Output pixel i of n' reads the input at position p(i) of its n pixels; one output pixel corresponds to n / n' (or
1 / scale_factor) input pixels:

        nearest                    p(i) = ⌊i · n / n'⌋                exactly, or with a factor in single precision
        nearest-exact              p(i) = ⌊(i + ½) · n / n'⌋          in single precision
        bilinear                   p(i) = (i + ½) · n / n' − ½        pixels are areas; p is kept ≥ 0
        bilinear, align_corners    p(i) = i · (n − 1) / (n' − 1)      pixels are points; corners meet
        bicubic                    as bilinear                        p may be < 0

Bilinear resampling mixes the two pixels beside p(i), one dimension after the other; bicubic, the four nearest, those
beyond an edge being that of the edge. Both are composed of indexing, products and sums, so their derivatives need no
formulas of their own. Bytes are mixed in integers, as in Pillow, and rounded after each dimension.
Source: torch documentation, "interpolate"; Pillow, "Resample.c"; Keys 1981, "Cubic convolution interpolation for
digital image processing".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad.devices import device_of, to_device
from minigrad.engine.tensor_base import wrap
from minigrad.functions.adaptive_pool import adaptive_avg_pool2d
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.pool_lines import adaptive_avg_pool1d
from minigrad.ops.casting import cast
from minigrad.typing import Shape, Tensor

__all__ = ["interpolate"]

#: For each mode, the numbers of spatial dimensions that it is defined for.
_MODES = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Return (N, C, L), (N, C, H, W) or (N, C, D, H, W) resampled to ``size``, or by ``scale_factor``.

    Args:
        size: of the output: an integer, or one for each dimension.
        scale_factor: output pixels per input pixel: a number, or one for each dimension. The output size is rounded
            down; the positions follow the factor given, or with ``recompute_scale_factor`` that of the two sizes.
        mode: ``nearest``, ``nearest-exact``, ``area`` (the mean of the pixels that an output pixel covers), or
            ``linear``, ``bilinear``, ``trilinear`` for one, two, three dimensions, or ``bicubic`` for two.
        align_corners: for the linear and cubic modes; see the formulas above.

    Raises:
        ValueError: if none or both of ``size`` and ``scale_factor`` are given, or an option does not fit the mode.
        NotImplementedError: for other modes, for ``antialias``, and for integers in the linear and cubic modes (except
            bytes in ``bilinear``).
    """
    x = as_tensor_operand("interpolate", input)
    spatial = x.array.shape[2:]
    if antialias:
        raise NotImplementedError("interpolate: antialias=True is not supported")
    if mode not in _MODES or len(spatial) not in _MODES[mode]:
        raise NotImplementedError(
            f"interpolate: mode {mode!r} of a {x.array.ndim}-D input is not supported; there are nearest and "
            "nearest-exact (3-D, 4-D, 5-D input), area (3-D, 4-D), linear (3-D), bilinear and bicubic (4-D), trilinear "
            "(5-D)"
        )
    if mode in ("nearest", "nearest-exact", "area") and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    bytes_of_image = mode == "bilinear" and x.array.dtype == np.uint8
    if not mode.startswith("nearest") and x.array.dtype.kind != "f" and not bytes_of_image:
        raise NotImplementedError(f"interpolate: mode {mode!r} is not implemented for {x.array.dtype}; use x.float()")
    sizes, factors = _sizes(spatial, size, scale_factor, recompute_scale_factor)
    if min(sizes) < 1 or 0 in x.array.shape[1:]:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(spatial)} and output {sizes}"
        )
    if mode == "area":
        return adaptive_avg_pool1d(x, sizes[0]) if len(sizes) == 1 else adaptive_avg_pool2d(x, (sizes[0], sizes[1]))
    for d, (n, m, factor) in reversed(list(enumerate(zip(spatial, sizes, factors, strict=True), start=2))):
        if mode == "nearest":
            x = _at(x, d, _nearest(n, m, factor, is_image=len(spatial) == 2))
        elif mode == "nearest-exact":
            x = _at(x, d, _nearest_exact(n, m, factor))
        elif mode == "bicubic":
            x = _mixed_of_four(x, d, _positions(n, m, n / m if factor is None else 1 / factor, bool(align_corners)))
        else:
            left, right, share = _beside(n, m, n / m if factor is None else 1 / factor, bool(align_corners))
            mix = _mixed_bytes if bytes_of_image else _mixed
            x = x if bytes_of_image and n == m else mix(x, d, left, right, share)
    return x


def _sizes(
    spatial: Shape,
    size: int | Sequence[int] | None,
    scale_factor: float | Sequence[float] | None,
    recompute: bool | None,
) -> tuple[list[int], Sequence[float | None]]:
    """Return the output's sizes, and the factors that the positions follow (``None``: that of the sizes)."""

    def for_each(value: float | Sequence[float], name: str) -> list[float]:
        values = list(value) if isinstance(value, Sequence) else [value] * len(spatial)
        if len(values) != len(spatial):
            raise ValueError(
                f"Input and {name} must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(spatial)} and {name} of {value}"
            )
        return values

    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return [int(n) for n in for_each(size, "output size")], [None] * len(spatial)
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    factors = [float(f) for f in for_each(scale_factor, "scale_factor")]
    sizes = [math.floor(n * f) for n, f in zip(spatial, factors, strict=True)]
    return sizes, [None] * len(spatial) if recompute else factors


def _nearest(n: int, m: int, factor: float | None, is_image: bool) -> np.ndarray:
    """Return the input pixel of each output pixel."""
    i = np.arange(m)
    if factor is None:
        return i * n // m
    if is_image and m in (n, 2 * n):  # torch computes these two by another formula
        return i * n // m
    return np.minimum((i.astype(np.float32) * np.float32(1 / factor)).astype(np.int64), n - 1)


def _nearest_exact(n: int, m: int, factor: float | None) -> np.ndarray:
    """Return the input pixel under the centre of each output pixel."""
    ratio = np.float32(n) / np.float32(m) if factor is None else np.float32(1 / factor)
    return np.minimum(((np.arange(m, dtype=np.float32) + np.float32(0.5)) * ratio).astype(np.int64), n - 1)


def _positions(n: int, m: int, ratio: float, align_corners: bool) -> np.ndarray:
    """Return p(i) of each output pixel, by the last formulas above."""
    if align_corners:
        return np.arange(m) * ((n - 1) / (m - 1) if m > 1 else 0.0)
    return (np.arange(m) + 0.5) * ratio - 0.5


def _beside(n: int, m: int, ratio: float, align_corners: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two input pixels beside each p(i), and the share of the second."""
    positions = np.maximum(_positions(n, m, ratio, align_corners), 0.0)
    if n == m:  # nothing moves, so no pixel takes a share of its neighbour: 0 of ∞ would be NaN
        positions = np.arange(m) * 1.0
    left = np.minimum(positions.astype(np.int64), n - 1)
    right = left if n == m else np.minimum(left + 1, n - 1)
    return left, right, np.minimum(positions - left, 1.0)


def _mixed(x: Tensor, dim: int, left: np.ndarray, right: np.ndarray, share: np.ndarray) -> Tensor:
    """Return (1 − share) · x[left] + share · x[right] along ``dim``."""
    shares = wrap(to_device(_for_dim(share, x.array.ndim, dim).astype(x.array.dtype), device_of(x.array)))
    return _at(x, dim, left) * (1 - shares) + _at(x, dim, right) * shares


def _mixed_of_four(x: Tensor, dim: int, positions: np.ndarray) -> Tensor:
    """Return Σ w(p − k) · x[k] along ``dim`` over the four k nearest each p, with Keys' w for a = −¾."""
    a, first = -0.75, np.floor(positions).astype(np.int64) - 1
    pieces = []
    for k in range(4):
        t = np.abs(positions - first - k)
        near = ((a + 2) * t - (a + 3)) * t**2 + 1  # for t ≤ 1
        far = ((t - 5) * t + 8) * t * a - 4 * a  # for 1 < t < 2
        share = _for_dim(np.where(t <= 1, near, far), x.array.ndim, dim).astype(x.array.dtype)
        pixels = _at(x, dim, np.clip(first + k, 0, x.array.shape[dim] - 1))
        pieces.append(pixels * wrap(to_device(share, device_of(x.array))))
    return pieces[0] + pieces[1] + pieces[2] + pieces[3]


def _mixed_bytes(x: Tensor, dim: int, left: np.ndarray, right: np.ndarray, share: np.ndarray) -> Tensor:
    """Do the same for bytes: the shares are multiples of 2⁻ᵇ, with the largest b for which they fit into 16 bits."""
    largest, bits = max(share.max(), (1 - share).max()), 0
    while bits < 21 and int(0.5 + largest * 2 ** (bits + 1)) < 2**15:
        bits += 1
    first, second = (
        wrap(to_device((_for_dim(s, x.array.ndim, dim) * 2**bits + 0.5).astype(np.int32), device_of(x.array)))
        for s in (1 - share, share)
    )
    x = cast(x, np.dtype(np.int32))
    total = _at(x, dim, left) * first + _at(x, dim, right) * second
    return cast((total + 2 ** (bits - 1)) // 2**bits, np.dtype(np.uint8))


def _at(x: Tensor, dim: int, positions: np.ndarray) -> Tensor:
    return x[(*(slice(None),) * dim, positions)]


def _for_dim(values: np.ndarray, ndim: int, dim: int) -> np.ndarray:
    """Return a vector with dimensions of size 1 around it, so that it lies along ``dim`` of ``ndim``."""
    return values.reshape(*(-1 if d == dim else 1 for d in range(ndim)))
